# %% [markdown]
# # 08 · Solutions

# %%
import numpy as np

# %% tags=["exercise:08.a"]
def log_softmax(logits):
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))

# %% tags=["exercise:08.b"]
def info_nce_grad(s, temperature):
    logits = s / temperature
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    return (p - np.eye(len(s))) / (len(s) * temperature)

# %% tags=["exercise:08.c"]
def nt_xent_matrix(z1, z2, temperature):
    b = len(z1)
    z = np.concatenate([z1, z2])
    z = z / np.linalg.norm(z, axis=1, keepdims=True)
    logits = z @ z.T / temperature
    np.fill_diagonal(logits, -np.inf)
    positive = logits[np.arange(2 * b), (np.arange(2 * b) + b) % (2 * b)]
    largest = logits.max(axis=1)
    return np.mean(np.log(np.exp(logits - largest[:, None]).sum(axis=1)) + largest - positive)
