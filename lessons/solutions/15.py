# %% [markdown]
# # 15 · Solutions

# %%
import math

import numpy as np

# %% tags=["exercise:15.a"]
def ring_mask(similarities, ids, outer, inner):
    b, n = similarities.shape
    s = similarities.copy()
    s[np.arange(b), ids] = -np.inf  # the own row comes last, and no share counts it
    near, far = (math.floor(share * (n - 1) + 1e-9) for share in (inner, outer))
    far = max(far, near + 1)

    def edge(rank):
        return np.partition(s, n - 1 - rank, axis=1)[:, n - 1 - rank, None]  # (b, 1)

    ring = s >= edge(far - 1)
    return ring & (s < edge(near - 1)) if near else ring

# %% tags=["exercise:15.b"]
def ball_share(step, total, outer, until, kind):
    way = until * total
    p = min(1.0, step / way) if way > 0 else 1.0
    if kind == "exponential":
        return outer ** p
    if kind == "step":
        p = math.floor(4 * p) / 4
    return 1 - p * (1 - outer)

# %% tags=["exercise:15.c"]
def ring_loss(positive, others, allowed, temperature):
    logits = np.where(allowed, others, -np.inf) / temperature
    logits = np.concatenate([positive[:, None] / temperature, logits], axis=1)
    largest = logits.max(axis=1, keepdims=True)
    total = np.log(np.exp(logits - largest).sum(axis=1)) + largest[:, 0]
    return np.mean(total - positive / temperature)
