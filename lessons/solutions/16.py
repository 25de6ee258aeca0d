# %% [markdown]
# # 16 · Solutions

# %%
import numpy as np

from tinynnclr import ops
from tinynnclr.methods import losses
from tinynnclr.tensor import Tensor

# %% tags=["exercise:16.a"]
def attention_weights(z, rows, temperature):
    z = z / np.linalg.norm(z, axis=1, keepdims=True)
    rows = rows / np.linalg.norm(rows, axis=2, keepdims=True)
    scores = np.einsum("id,ikd->ik", z, rows) / temperature
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)

# %% tags=["exercise:16.b"]
def soft_loss(p, keys, weights, temperature):
    b, k, d = keys.shape
    p = p / np.linalg.norm(p, axis=1, keepdims=True)
    candidates = keys.reshape(b * k, d)
    candidates = candidates / np.linalg.norm(candidates, axis=1, keepdims=True)
    shares = np.exp(ops.log_softmax(p @ candidates.T / temperature).numpy()).reshape(b, b, k)
    return -np.log((weights * shares[np.arange(b), np.arange(b)]).sum(axis=1)).mean()

# %% tags=["exercise:16.c"]
def soft_grad(z, own, rows, attention, temperature):
    length = np.linalg.norm(z, axis=1, keepdims=True)
    unit = z / length
    scores = np.einsum("id,ikd->ik", unit, rows / np.linalg.norm(rows, axis=2, keepdims=True)) / attention
    soft = np.exp(scores - scores.max(axis=1, keepdims=True))
    weights = np.insert(soft / soft.sum(axis=1, keepdims=True), 0, 1, axis=1)  # an array: no gradient can enter
    leaf = Tensor(z, requires_grad=True)
    losses.soft_neighbor_loss(leaf, np.concatenate([own[:, None], rows], axis=1), weights, temperature).backward()
    return leaf.grad
