# %% [markdown]
# # 09 · Solutions

# %%
import numpy as np

# %% tags=["exercise:09.a"]
def plane(z1, z2):
    z1, z2 = (z / np.linalg.norm(z, axis=1, keepdims=True) for z in (z1, z2))
    z = np.concatenate([z1, z2])
    squared = 2 - 2 * z @ z.T
    others = ~np.eye(len(z), dtype=bool)
    return ((z1 - z2) ** 2).sum(axis=1).mean(), np.log(np.exp(-2 * squared[others]).mean())

# %% tags=["exercise:09.b"]
def diagnose(loss, alignment, uniformity, exam):
    if uniformity[-1] > -0.2:
        return "collapsed"
    if exam >= 2 * alignment[-1]:
        return "shortcut"
    return "healthy"

# %% tags=["exercise:09.c"]
def effective_rank(z):
    s = np.linalg.svd(z, compute_uv=False)
    p = s[s > 0] / s.sum()
    return np.exp(-(p * np.log(p)).sum())
