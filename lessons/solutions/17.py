# %% [markdown]
# # 17 · Solutions

# %%
import numpy as np

from tinynnclr.kernels import nearest

# %% tags=["exercise:17.a"]
def assign(x, centroids):
    half = (centroids ** 2).sum(axis=1, keepdims=True) / 2
    queries = np.concatenate([x, np.ones((len(x), 1), x.dtype)], axis=1)
    bank = np.concatenate([centroids, -half], axis=1)
    found = nearest(queries, bank)[0][:, 0]
    return found, ((x - centroids[found]) ** 2).sum(axis=1)

# %% tags=["exercise:17.b"]
def fill_empty(x, centroids, assignment):
    centroids, assignment = centroids.copy(), assignment.copy()
    while True:
        empty = np.flatnonzero(np.bincount(assignment, minlength=len(centroids)) == 0)
        distances = ((x - centroids[assignment]) ** 2).sum(axis=1)
        if len(empty) == 0 or distances.max() == 0:
            return centroids, assignment
        centroids[empty[0]] = x[distances.argmax()]
        here = ((x - centroids[empty[0]]) ** 2).sum(axis=1)
        assignment[here < distances] = empty[0]

# %% tags=["exercise:17.c"]
def balanced_order(assignment, k, size, rng):
    clusters = [np.flatnonzero(assignment == c) for c in range(k)]
    clusters = [members for members in clusters if len(members)]
    parts = []
    for place, members in enumerate(clusters):
        wanted = size // len(clusters) + (place < size % len(clusters))
        rounds = -(-wanted // len(members))
        parts.append(np.concatenate([rng.permutation(members) for _ in range(rounds)] or [members[:0]])[:wanted])
    return rng.permutation(np.concatenate(parts))
