# %% [markdown]
# # 00 · Plausible ways to get it wrong

# %%
import numpy as np

from tinynnclr.kernels import nearest
from tinynnclr.kernels.l2_normalize import unit_rows

# %% tags=["exercise:00.a"]
# diagnosis: a picture that names itself is counted as a right answer
def label_match(found, labels):
    return (labels[found] == labels[:, None]).mean()


# %% tags=["exercise:00.a"]
# diagnosis: the first column is thrown away, in the belief that itself always stands there and nowhere else
def label_match(found, labels):
    return (labels[found[:, 1:]] == labels[:, None]).mean()


# %% tags=["exercise:00.a"]
# diagnosis: itself is no right answer any more, but it is still counted as a wrong one
def label_match(found, labels):
    same = labels[found] == labels[:, None]
    return (same & (found != np.arange(len(found))[:, None])).mean()


# %% tags=["exercise:00.a"]
# diagnosis: a mean of the rows' means: a neighbour in a row that has fewer of them counts more
def label_match(found, labels):
    other = found != np.arange(len(found))[:, None]
    same = (labels[found] == labels[:, None]) & other
    kept = other.sum(1)
    return (same.sum(1)[kept > 0] / kept[kept > 0]).mean()


# %% tags=["exercise:00.a"]
# diagnosis: indices are compared with labels: a neighbour's number is not its label
def label_match(found, labels):
    other = found != np.arange(len(found))[:, None]
    return (found == labels[:, None])[other].mean()


# %% tags=["exercise:00.a"]
# diagnosis: one right neighbour makes the whole row right: that is "any of k", a kinder score
def label_match(found, labels):
    same = (labels[found] == labels[:, None]) & (found != np.arange(len(found))[:, None])
    return same.any(1).mean()


# %% tags=["exercise:00.b"]
# diagnosis: the squares of the shares: the blind draw may hit the picture itself
def chance(labels):
    _, counts = np.unique(labels, return_counts=True)
    return ((counts / len(labels)) ** 2).sum()


# %% tags=["exercise:00.b"]
# diagnosis: one by the number of classes: only for classes of one size, and only nearly
def chance(labels):
    return 1 / len(np.unique(labels))


# %% tags=["exercise:00.b"]
# diagnosis: the share of the commonest label: what always saying that label gets, not what a random neighbour gets
def chance(labels):
    return np.unique(labels, return_counts=True)[1].max() / len(labels)


# %% tags=["exercise:00.b"]
# diagnosis: the mean over classes of (n_c - 1) / (n - 1): a rare class has as much say as a common one
def chance(labels):
    _, counts = np.unique(labels, return_counts=True)
    return ((counts - 1) / (len(labels) - 1)).mean()


# %% tags=["exercise:00.b"]
# diagnosis: neighbours are drawn, once for each picture: near the truth for many pictures, and an estimate for all that
def chance(labels):
    rng, n = np.random.default_rng(0), len(labels)
    drawn = (np.arange(n) + rng.integers(1, n, n)) % n
    return (labels[drawn] == labels).mean()


# %% tags=["exercise:00.b"]
# diagnosis: bincount wants labels from 0 up: it fails for a negative one
def chance(labels):
    counts, n = np.bincount(labels), len(labels)
    return (counts * (counts - 1)).sum() / (n * (n - 1))


# %% tags=["exercise:00.c"]
# diagnosis: everybody finds itself first
def nearest_others(h, k):
    h = unit_rows(h)
    return nearest(h, h, k)[0]


# %% tags=["exercise:00.c"]
# diagnosis: one more is found and the first is dropped: of two equal rows the first may be the other one
def nearest_others(h, k):
    h = unit_rows(h)
    return nearest(h, h, k + 1)[0][:, 1:]


# %% tags=["exercise:00.c"]
# diagnosis: the own cosine is set to 0, which is still nearer than all that point the other way
def nearest_others(h, k):
    h = unit_rows(h)
    cosines = h @ h.T
    np.fill_diagonal(cosines, 0)
    return np.argsort(-cosines, axis=1, kind="stable")[:, :k]


# %% tags=["exercise:00.c"]
# diagnosis: dot products of rows of any length: the long ones are everybody's nearest
def nearest_others(h, k):
    return nearest(h, h, k, exclude=np.arange(len(h)))[0]


# %% tags=["exercise:00.c"]
# diagnosis: sorted upwards and reversed: equals come out with the highest index first
def nearest_others(h, k):
    h = unit_rows(h)
    cosines = h @ h.T
    np.fill_diagonal(cosines, -np.inf)
    return np.argsort(cosines, axis=1, kind="stable")[:, ::-1][:, :k]


# %% tags=["exercise:00.c"]
# diagnosis: distances of rows of any length: a long row is far from a short one that points the same way
def nearest_others(h, k):
    distances = np.linalg.norm(h[:, None] - h, axis=2)
    np.fill_diagonal(distances, np.inf)
    return np.argsort(distances, axis=1, kind="stable")[:, :k]


# %% tags=["exercise:00.c"]
# diagnosis: sorted upwards, and the last k taken as they stand: the best comes last
def nearest_others(h, k):
    h = unit_rows(h)
    cosines = h @ h.T
    np.fill_diagonal(cosines, -np.inf)
    return np.argsort(cosines, axis=1, kind="stable")[:, -k:]


# %% tags=["exercise:00.c"]
# diagnosis: sorted without kind="stable": among more than 16 rows equals come out in any order
def nearest_others(h, k):
    h = unit_rows(h)
    cosines = h @ h.T
    np.fill_diagonal(cosines, -np.inf)
    return np.argsort(-cosines, axis=1)[:, :k]


# %% tags=["exercise:00.c"]
# diagnosis: the k nearest are set apart first, and of many equals not those of the lowest index
def nearest_others(h, k):
    h = unit_rows(h)
    cosines = h @ h.T
    np.fill_diagonal(cosines, -np.inf)
    found = np.sort(np.argpartition(-cosines, k - 1, axis=1)[:, :k], axis=1)
    order = np.argsort(-np.take_along_axis(cosines, found, axis=1), axis=1, kind="stable")
    return np.take_along_axis(found, order, axis=1)


# %% tags=["exercise:00.c"]
# diagnosis: the right numbers, but as floats, which are no indices
def nearest_others(h, k):
    h = unit_rows(h)
    return nearest(h, h, k, exclude=np.arange(len(h)))[0].astype(float)
