# %% [markdown]
# # 08 · Plausible ways to get it wrong

# %%
import numpy as np

from tinynnclr import ops
from tinynnclr.tensor import Tensor

# %% tags=["exercise:08.a"]
# diagnosis: the formula as it stands in books; exp(1e4) is infinite, and infinity over infinity is no number
def log_softmax(logits):
    e = np.exp(logits)
    return np.log(e / e.sum(axis=1, keepdims=True))

# %% tags=["exercise:08.a"]
# diagnosis: subtracts the largest logit of all rows, so a row far below it has only zeros left
def log_softmax(logits):
    shifted = logits - logits.max()
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))

# %% tags=["exercise:08.a"]
# diagnosis: a stable softmax, then its logarithm: a probability too small for a float became 0 on the way
def log_softmax(logits):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.log(e / e.sum(axis=1, keepdims=True))

# %% tags=["exercise:08.a"]
# diagnosis: a small number against log(0), which turns -1e4 into -27.6 and cures the symptom only
def log_softmax(logits):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.log(e / e.sum(axis=1, keepdims=True) + 1e-12)

# %% tags=["exercise:08.a"]
# diagnosis: right but for masks: nan_to_num replaces -inf by a large number that is finite
def log_softmax(logits):
    shifted = logits - logits.max(axis=1, keepdims=True)
    return np.nan_to_num(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))

# %% tags=["exercise:08.a"]
# diagnosis: adds up down the columns, over the anchors, instead of along each row, over the candidates
def log_softmax(logits):
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=0, keepdims=True))

# %% tags=["exercise:08.b"]
# diagnosis: the chain rule through s / temperature is forgotten; right at temperature 1 only
def info_nce_grad(s, temperature):
    p = np.exp(ops.log_softmax(s / temperature).numpy())
    return (p - np.eye(len(s))) / len(s)

# %% tags=["exercise:08.b"]
# diagnosis: the loss is a mean over b anchors and the gradient that of their sum
def info_nce_grad(s, temperature):
    p = np.exp(ops.log_softmax(s / temperature).numpy())
    return (p - np.eye(len(s))) / temperature

# %% tags=["exercise:08.b"]
# diagnosis: the direction in which to move, not the gradient: its sign is turned round
def info_nce_grad(s, temperature):
    p = np.exp(ops.log_softmax(s / temperature).numpy())
    return (np.eye(len(s)) - p) / (len(s) * temperature)

# %% tags=["exercise:08.b"]
# diagnosis: the softmax runs down the columns; a symmetric s hides it
def info_nce_grad(s, temperature):
    p = np.exp(ops.log_softmax(s.T / temperature).numpy()).T
    return (p - np.eye(len(s))) / (len(s) * temperature)

# %% tags=["exercise:08.b"]
# diagnosis: the softmax overflows in float32 at a low temperature
def info_nce_grad(s, temperature):
    e = np.exp(s / temperature)
    return (e / e.sum(axis=1, keepdims=True) - np.eye(len(s))) / (len(s) * temperature)

# %% tags=["exercise:08.b"]
# diagnosis: right numbers, wrong method: autograd does the work, and no formula was found
def info_nce_grad(s, temperature):
    leaf = Tensor(s.astype(np.float64), requires_grad=True)
    ops.cross_entropy(leaf * (1 / temperature), labels=np.arange(len(s))).backward()
    return leaf.grad

# %% tags=["exercise:08.b"]
# diagnosis: right but for rounding, wrong method: the loss is evaluated twice for each of b x b numbers
def info_nce_grad(s, temperature):
    def loss(x):
        return float(ops.cross_entropy(x / temperature, labels=np.arange(len(s))).numpy())

    grad = np.zeros_like(s)
    for i in np.ndindex(s.shape):
        step = np.zeros_like(s)
        step[i] = 1e-4
        grad[i] = (loss(s + step) - loss(s - step)) / 2e-4  # (b, b) times two losses
    return grad

# %% tags=["exercise:08.c"]
# diagnosis: oneself is masked with a logit of 0, which is a candidate like any other: exp(0) = 1
def nt_xent_matrix(z1, z2, temperature):
    b = len(z1)
    z = np.concatenate([z1, z2])
    z = z / np.linalg.norm(z, axis=1, keepdims=True)
    logits = z @ z.T / temperature
    np.fill_diagonal(logits, 0)
    return ops.cross_entropy(logits, labels=(np.arange(2 * b) + b) % (2 * b)).item()

# %% tags=["exercise:08.c"]
# diagnosis: oneself gets the lowest cosine there is, -1, and is a candidate still
def nt_xent_matrix(z1, z2, temperature):
    b = len(z1)
    z = np.concatenate([z1, z2])
    z = z / np.linalg.norm(z, axis=1, keepdims=True)
    s = z @ z.T
    np.fill_diagonal(s, -1)
    return ops.cross_entropy(s / temperature, labels=(np.arange(2 * b) + b) % (2 * b)).item()

# %% tags=["exercise:08.c"]
# diagnosis: nobody is masked: each view competes with itself, at similarity 1
def nt_xent_matrix(z1, z2, temperature):
    b = len(z1)
    z = np.concatenate([z1, z2])
    z = z / np.linalg.norm(z, axis=1, keepdims=True)
    return ops.cross_entropy(z @ z.T / temperature, labels=(np.arange(2 * b) + b) % (2 * b)).item()

# %% tags=["exercise:08.c"]
# diagnosis: the positives are off by one half-batch: each label is the anchor itself, which is masked
def nt_xent_matrix(z1, z2, temperature):
    b = len(z1)
    z = np.concatenate([z1, z2])
    z = z / np.linalg.norm(z, axis=1, keepdims=True)
    logits = z @ z.T / temperature
    np.fill_diagonal(logits, -np.inf)
    return ops.cross_entropy(logits, labels=np.arange(2 * b)).item()

# %% tags=["exercise:08.c"]
# diagnosis: labels for views that alternate (1a 1b 2a 2b); these are stacked (1a 2a 1b 2b), and one picture hides it
def nt_xent_matrix(z1, z2, temperature):
    b = len(z1)
    z = np.concatenate([z1, z2])
    z = z / np.linalg.norm(z, axis=1, keepdims=True)
    logits = z @ z.T / temperature
    np.fill_diagonal(logits, -np.inf)
    return ops.cross_entropy(logits, labels=np.arange(2 * b) ^ 1).item()

# %% tags=["exercise:08.c"]
# diagnosis: multiplied by the temperature instead of divided; features that are all alike hide it
def nt_xent_matrix(z1, z2, temperature):
    b = len(z1)
    z = np.concatenate([z1, z2])
    z = z / np.linalg.norm(z, axis=1, keepdims=True)
    logits = z @ z.T * temperature
    np.fill_diagonal(logits, -np.inf)
    return ops.cross_entropy(logits, labels=(np.arange(2 * b) + b) % (2 * b)).item()

# %% tags=["exercise:08.c"]
# diagnosis: dot products instead of cosines: the lengths of the rows were left in
def nt_xent_matrix(z1, z2, temperature):
    b = len(z1)
    z = np.concatenate([z1, z2])
    logits = z @ z.T / temperature
    np.fill_diagonal(logits, -np.inf)
    return ops.cross_entropy(logits, labels=(np.arange(2 * b) + b) % (2 * b)).item()

# %% tags=["exercise:08.c"]
# diagnosis: only view 1 asks: b anchors instead of 2b, and view 2 is never pulled by its own question
def nt_xent_matrix(z1, z2, temperature):
    b = len(z1)
    z = np.concatenate([z1, z2])
    z = z / np.linalg.norm(z, axis=1, keepdims=True)
    logits = z @ z.T / temperature
    np.fill_diagonal(logits, -np.inf)
    return ops.cross_entropy(logits[:b], labels=np.arange(b, 2 * b)).item()


# %% tags=["exercise:08.b"]
# diagnosis: the largest logit of all rows is taken away: in float32 nothing is left of a row far below it
def info_nce_grad(s, temperature):
    logits = s / temperature
    p = np.exp(logits - logits.max())
    p /= p.sum(axis=1, keepdims=True)
    return (p - np.eye(len(s))) / (len(s) * temperature)


# %% tags=["exercise:08.b"]
# diagnosis: the smallest logit of a row is taken away instead of the largest: exp(200) is infinite in float32
def info_nce_grad(s, temperature):
    logits = s / temperature
    p = np.exp(logits - logits.min(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    return (p - np.eye(len(s))) / (len(s) * temperature)
