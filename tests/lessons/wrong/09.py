# %% [markdown]
# # 09 · Plausible ways to get it wrong

# %%
import numpy as np

# %% tags=["exercise:09.a"]
# diagnosis: each row is counted as a pair with itself, which pulls uniformity towards 0
def plane(z1, z2):
    z1, z2 = (z / np.linalg.norm(z, axis=1, keepdims=True) for z in (z1, z2))
    z = np.concatenate([z1, z2])
    return ((z1 - z2) ** 2).sum(axis=1).mean(), np.log(np.exp(-2 * (2 - 2 * z @ z.T)).mean())

# %% tags=["exercise:09.a"]
# diagnosis: the distance of partners is not squared
def plane(z1, z2):
    z1, z2 = (z / np.linalg.norm(z, axis=1, keepdims=True) for z in (z1, z2))
    z = np.concatenate([z1, z2])
    off = ~np.eye(len(z), dtype=bool)
    return np.linalg.norm(z1 - z2, axis=1).mean(), np.log(np.exp(-2 * (2 - 2 * z @ z.T)[off]).mean())

# %% tags=["exercise:09.a"]
# diagnosis: rows are taken as they come; right only for those of length 1
def plane(z1, z2):
    z = np.concatenate([z1, z2])
    squares = (z ** 2).sum(axis=1)
    squared = squares[:, None] + squares - 2 * z @ z.T
    off = ~np.eye(len(z), dtype=bool)
    return ((z1 - z2) ** 2).sum(axis=1).mean(), np.log(np.exp(-2 * squared[off]).mean())

# %% tags=["exercise:09.a"]
# diagnosis: the mean of the logarithms, so that far pairs count as much as near ones
def plane(z1, z2):
    z1, z2 = (z / np.linalg.norm(z, axis=1, keepdims=True) for z in (z1, z2))
    z = np.concatenate([z1, z2])
    off = ~np.eye(len(z), dtype=bool)
    return ((z1 - z2) ** 2).sum(axis=1).mean(), (-2 * (2 - 2 * z @ z.T)[off]).mean()

# %% tags=["exercise:09.a"]
# diagnosis: alignment adds up over the pairs instead of taking their mean; one pair hides it
def plane(z1, z2):
    z1, z2 = (z / np.linalg.norm(z, axis=1, keepdims=True) for z in (z1, z2))
    z = np.concatenate([z1, z2])
    off = ~np.eye(len(z), dtype=bool)
    return ((z1 - z2) ** 2).sum(), np.log(np.exp(-2 * (2 - 2 * z @ z.T)[off]).mean())

# %% tags=["exercise:09.a"]
# diagnosis: right values, wrong method: all differences of rows are written down, (2b, 2b, d) numbers
def plane(z1, z2):
    z1, z2 = (z / np.linalg.norm(z, axis=1, keepdims=True) for z in (z1, z2))
    z = np.concatenate([z1, z2])
    squared = ((z[:, None] - z[None]) ** 2).sum(axis=2)
    off = ~np.eye(len(z), dtype=bool)
    return ((z1 - z2) ** 2).sum(axis=1).mean(), np.log(np.exp(-2 * squared[off]).mean())

# %% tags=["exercise:09.b"]
# diagnosis: a loss near zero is a collapse, a low one a shortcut: the loss of a healthy run can be anything
def diagnose(loss, alignment, uniformity, exam):
    if loss[-1] < 0.5:
        return "collapsed"
    return "shortcut" if loss[-1] < 4 else "healthy"

# %% tags=["exercise:09.b"]
# diagnosis: takes a flat loss for a collapse
def diagnose(loss, alignment, uniformity, exam):
    if uniformity[-1] > -0.3 or loss[0] - loss[-1] < 0.05 * loss[0]:
        return "collapsed"
    return "shortcut" if exam > 1.5 * alignment[-1] else "healthy"

# %% tags=["exercise:09.b"]
# diagnosis: close partners alone are called a collapse; a good run has them, too
def diagnose(loss, alignment, uniformity, exam):
    if alignment[-1] < 0.2:
        return "collapsed"
    return "shortcut" if exam > 1.5 * alignment[-1] else "healthy"

# %% tags=["exercise:09.b"]
# diagnosis: only very close partners are called a collapse: still, it is uniformity that says "in one spot"
def diagnose(loss, alignment, uniformity, exam):
    if alignment[-1] < 0.1:
        return "collapsed"
    return "shortcut" if exam > 1.5 * alignment[-1] else "healthy"

# %% tags=["exercise:09.b"]
# diagnosis: looks at training alone: a shortcut is spread out and aligned on its own views
def diagnose(loss, alignment, uniformity, exam):
    return "collapsed" if uniformity[-1] > -0.3 else "healthy"

# %% tags=["exercise:09.b"]
# diagnosis: a limit on the exam, whatever the run reaches on its own views
def diagnose(loss, alignment, uniformity, exam):
    if uniformity[-1] > -0.3:
        return "collapsed"
    return "shortcut" if exam > 0.9 else "healthy"

# %% tags=["exercise:09.b"]
# diagnosis: judges the best moment of a run, not its end
def diagnose(loss, alignment, uniformity, exam):
    if uniformity.min() > -0.3:
        return "collapsed"
    return "shortcut" if exam > 1.5 * alignment[-1] else "healthy"

# %% tags=["exercise:09.b"]
# diagnosis: asks for the shortcut first; in one spot, a ratio of tiny distances can be anything
def diagnose(loss, alignment, uniformity, exam):
    if exam > 1.5 * alignment[-1]:
        return "shortcut"
    return "collapsed" if uniformity[-1] > -0.3 else "healthy"

# %% tags=["exercise:09.c"]
# diagnosis: shares of the variance, the squares of the singular values
def effective_rank(z):
    s = np.linalg.svd(z, compute_uv=False) ** 2
    p = s[s > 0] / s.sum()
    return np.exp(-(p * np.log(p)).sum())

# %% tags=["exercise:09.c"]
# diagnosis: the ordinary rank, which counts the faintest direction as one
def effective_rank(z):
    return float(np.linalg.matrix_rank(z))

# %% tags=["exercise:09.c"]
# diagnosis: 0 times the logarithm of 0 is no number
def effective_rank(z):
    s = np.linalg.svd(z, compute_uv=False)
    p = s / s.sum()
    return np.exp(-(p * np.log(p)).sum())

# %% tags=["exercise:09.c"]
# diagnosis: centred first, so that a direction which all rows share is lost
def effective_rank(z):
    s = np.linalg.svd(z - z.mean(axis=0), compute_uv=False)
    if s.sum() < 1e-12:
        return 1.0
    p = s[s > 0] / s.sum()
    return np.exp(-(p * np.log(p)).sum())

# %% tags=["exercise:09.c"]
# diagnosis: the entropy in bits, put back through a natural exponential
def effective_rank(z):
    s = np.linalg.svd(z, compute_uv=False)
    p = s[s > 0] / s.sum()
    return np.exp(-(p * np.log2(p)).sum())

# %% tags=["exercise:09.c"]
# diagnosis: the rows are scaled to length 1 first, and the strength of a long one is lost
def effective_rank(z):
    s = np.linalg.svd(z / np.linalg.norm(z, axis=1, keepdims=True), compute_uv=False)
    p = s[s > 0] / s.sum()
    return np.exp(-(p * np.log(p)).sum())

# %% tags=["exercise:09.c"]
# diagnosis: right value, wrong method: the full decomposition makes an (n, n) matrix that nobody reads
def effective_rank(z):
    _, s, _ = np.linalg.svd(z)
    p = s[s > 0] / s.sum()
    return np.exp(-(p * np.log(p)).sum())


# %% tags=["exercise:09.b"]
# diagnosis: the exam is compared with the smallest alignment of the run, not with the last
def diagnose(loss, alignment, uniformity, exam):
    if uniformity[-1] > -0.2:
        return "collapsed"
    if exam >= 2 * alignment.min():
        return "shortcut"
    return "healthy"


# %% tags=["exercise:09.b"]
# diagnosis: a uniformity that falls short of -1 is taken for one spot, where 0 is one point
def diagnose(loss, alignment, uniformity, exam):
    if uniformity[-1] > -1:
        return "collapsed"
    if exam >= 2 * alignment[-1]:
        return "shortcut"
    return "healthy"


# %% tags=["exercise:09.b"]
# diagnosis: exactly twice as far apart at the exam is let through: at least twice was said
def diagnose(loss, alignment, uniformity, exam):
    if uniformity[-1] > -0.2:
        return "collapsed"
    if exam > 2 * alignment[-1]:
        return "shortcut"
    return "healthy"
