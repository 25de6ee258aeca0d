# %% [markdown]
# # 16 · Plausible ways to get it wrong

# %%
import numpy as np

from tinynnclr import ops
from tinynnclr.methods import losses
from tinynnclr.tensor import Tensor

# %% tags=["exercise:16.a"]
# diagnosis: no temperature: cosines differ by too little, and all weights come out nearly alike
def attention_weights(z, rows, temperature):
    z = z / np.linalg.norm(z, axis=1, keepdims=True)
    rows = rows / np.linalg.norm(rows, axis=2, keepdims=True)
    weights = np.exp((z[:, None] * rows).sum(axis=2))
    return weights / weights.sum(axis=1, keepdims=True)

# %% tags=["exercise:16.a"]
# diagnosis: the softmax runs over the anchors (axis 0), so the neighbours of different pictures compete
def attention_weights(z, rows, temperature):
    z = z / np.linalg.norm(z, axis=1, keepdims=True)
    rows = rows / np.linalg.norm(rows, axis=2, keepdims=True)
    scores = (z[:, None] * rows).sum(axis=2) / temperature
    weights = np.exp(scores - scores.max(axis=0, keepdims=True))
    return weights / weights.sum(axis=0, keepdims=True)

# %% tags=["exercise:16.a"]
# diagnosis: dot products with rows of any length: a long neighbour counts as a near one
def attention_weights(z, rows, temperature):
    z = z / np.linalg.norm(z, axis=1, keepdims=True)
    scores = (z[:, None] * rows).sum(axis=2) / temperature
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)

# %% tags=["exercise:16.a"]
# diagnosis: the exponential overflows in float32 at a low temperature
def attention_weights(z, rows, temperature):
    z = z / np.linalg.norm(z, axis=1, keepdims=True)
    rows = rows / np.linalg.norm(rows, axis=2, keepdims=True)
    weights = np.exp((z[:, None] * rows).sum(axis=2) / temperature)
    return weights / weights.sum(axis=1, keepdims=True)

# %% tags=["exercise:16.a"]
# diagnosis: cosines over their sum, a share without an exponential: no temperature can sharpen it
def attention_weights(z, rows, temperature):
    z = z / np.linalg.norm(z, axis=1, keepdims=True)
    rows = rows / np.linalg.norm(rows, axis=2, keepdims=True)
    scores = (z[:, None] * rows).sum(axis=2) / temperature
    return scores / scores.sum(axis=1, keepdims=True)

# %% tags=["exercise:16.a"]
# diagnosis: the largest score of all rows is taken away, so a row of far neighbours has only zeros left
def attention_weights(z, rows, temperature):
    z = z / np.linalg.norm(z, axis=1, keepdims=True)
    rows = rows / np.linalg.norm(rows, axis=2, keepdims=True)
    scores = (z[:, None] * rows).sum(axis=2) / temperature
    weights = np.exp(scores - scores.max())
    return weights / weights.sum(axis=1, keepdims=True)

# %% tags=["exercise:16.b"]
# diagnosis: the weights stand outside the logarithm: the authors' code, another and larger loss
def soft_loss(p, keys, weights, temperature):
    return losses.soft_neighbor_loss(Tensor(p), keys, weights, temperature, inside=False).item()

# %% tags=["exercise:16.b"]
# diagnosis: a mean of one NNCLR loss for each neighbour: each is its own line-up, and the logarithm comes too early
def soft_loss(p, keys, weights, temperature):
    each = [losses.soft_neighbor_loss(Tensor(p), keys[:, k:k + 1], np.ones((len(p), 1)), temperature).item()
            for k in range(keys.shape[1])]
    return float(np.average(each, weights=weights.mean(axis=0)))

# %% tags=["exercise:16.b"]
# diagnosis: the own key, first in the row, is left out of the positives
def soft_loss(p, keys, weights, temperature):
    if keys.shape[1] == 1:
        return losses.soft_neighbor_loss(Tensor(p), keys, weights, temperature).item()
    return losses.soft_neighbor_loss(Tensor(p), keys, np.concatenate([0 * weights[:, :1], weights[:, 1:]], axis=1),
                                     temperature).item()

# %% tags=["exercise:16.b"]
# diagnosis: each anchor's candidates are its own keys alone, so nobody is a negative
def soft_loss(p, keys, weights, temperature):
    p = p / np.linalg.norm(p, axis=1, keepdims=True)
    keys = keys / np.linalg.norm(keys, axis=2, keepdims=True)
    shares = np.exp(ops.log_softmax((p[:, None] * keys).sum(axis=2) / temperature).numpy())
    return -np.log((weights * shares).sum(axis=1)).mean()

# %% tags=["exercise:16.b"]
# diagnosis: a neighbour of weight 0 is taken out of the line-up too, by its logit of minus infinity
def soft_loss(p, keys, weights, temperature):
    b, k, d = keys.shape
    p = p / np.linalg.norm(p, axis=1, keepdims=True)
    flat = keys.reshape(b * k, d) / np.linalg.norm(keys.reshape(b * k, d), axis=1, keepdims=True)
    logits = np.where(weights.ravel() == 0, -np.inf, p @ flat.T / temperature)
    shares = np.exp(ops.log_softmax(logits).numpy()).reshape(b, b, k)[np.arange(b), np.arange(b)]
    return -np.log((weights * shares).sum(axis=1)).mean()

# %% tags=["exercise:16.b"]
# diagnosis: the weights are scaled to add up to 1, own key included; flat weights of 1 / K hide it
def soft_loss(p, keys, weights, temperature):
    return losses.soft_neighbor_loss(Tensor(p), keys, weights / weights.sum(axis=1, keepdims=True), temperature).item()

# %% tags=["exercise:16.b"]
# diagnosis: the neighbours are averaged first, and the mean is the one positive: soft NNCLR, not SNCLR
def soft_loss(p, keys, weights, temperature):
    keys = keys / np.linalg.norm(keys, axis=2, keepdims=True)
    mean = (keys * weights[:, :, None]).sum(axis=1, keepdims=True)
    return losses.soft_neighbor_loss(Tensor(p), mean, np.ones((len(p), 1)), temperature).item()

# %% tags=["exercise:16.c"]
# diagnosis: the weights are part of what autograd records, so z is also paid for choosing its friends well
def soft_grad(z, own, rows, attention, temperature):
    leaf = Tensor(z, requires_grad=True)
    unit = ops.l2_normalize(leaf)
    scores = (unit.reshape(len(z), 1, -1) * ops.l2_normalize(rows)).sum(axis=2) * (1 / attention)
    soft = ops.exp(ops.log_softmax(scores))
    weights = ops.concatenate(Tensor(np.ones((len(z), 1))), soft, axis=1)
    keys = np.concatenate([own[:, None], rows], axis=1)
    losses.soft_neighbor_loss(leaf, keys, weights, temperature).backward()
    return leaf.grad

# %% tags=["exercise:16.c"]
# diagnosis: differences of losses in which the weights are computed anew at every step, so they move along
def soft_grad(z, own, rows, attention, temperature):
    def loss(z):
        unit = z / np.linalg.norm(z, axis=1, keepdims=True)
        scores = (unit[:, None] * rows / np.linalg.norm(rows, axis=2, keepdims=True)).sum(axis=2) / attention
        soft = np.exp(ops.log_softmax(scores).numpy())
        keys, weights = np.concatenate([own[:, None], rows], axis=1), np.insert(soft, 0, 1, axis=1)
        return losses.soft_neighbor_loss(Tensor(z), keys, weights, temperature).item()

    grad = np.zeros(z.shape)
    for i in np.ndindex(z.shape):
        step = np.zeros(z.shape)
        step[i] = 1e-5
        grad[i] = (loss(z + step) - loss(z - step)) / 2e-5
    return grad

# %% tags=["exercise:16.c"]
# diagnosis: the weights are constants, and all alike: 1 / K for every neighbour
def soft_grad(z, own, rows, attention, temperature):
    k = rows.shape[1]
    weights = np.insert(np.full((len(z), k), 1 / k), 0, 1, axis=1)
    leaf = Tensor(z, requires_grad=True)
    losses.soft_neighbor_loss(leaf, np.concatenate([own[:, None], rows], axis=1), weights, temperature).backward()
    return leaf.grad

# %% tags=["exercise:16.c"]
# diagnosis: right but for the length of z, through which the gradient must go as well
def soft_grad(z, own, rows, attention, temperature):
    z = z / np.linalg.norm(z, axis=1, keepdims=True)
    scores = (z[:, None] * rows / np.linalg.norm(rows, axis=2, keepdims=True)).sum(axis=2) / attention
    weights = np.insert(np.exp(ops.log_softmax(scores).numpy()), 0, 1, axis=1)
    leaf = Tensor(z, requires_grad=True)
    losses.soft_neighbor_loss(leaf, np.concatenate([own[:, None], rows], axis=1), weights, temperature).backward()
    return leaf.grad

# %% tags=["exercise:16.c"]
# diagnosis: the own key is forgotten, so z is pulled towards its neighbours only
def soft_grad(z, own, rows, attention, temperature):
    unit = z / np.linalg.norm(z, axis=1, keepdims=True)
    scores = (unit[:, None] * rows / np.linalg.norm(rows, axis=2, keepdims=True)).sum(axis=2) / attention
    weights = np.exp(ops.log_softmax(scores).numpy())
    leaf = Tensor(z, requires_grad=True)
    losses.soft_neighbor_loss(leaf, rows, weights, temperature).backward()
    return leaf.grad
