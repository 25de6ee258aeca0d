# %% [markdown]
# # 17 · Plausible ways to get it wrong

# %%
import numpy as np

from tinynnclr.kernels import nearest

# %% tags=["exercise:17.a"]
# diagnosis: the largest product wins, so long centroids do, near or not
def assign(x, centroids):
    found = nearest(x, centroids)[0][:, 0]
    return found, ((x - centroids[found]) ** 2).sum(axis=1)

# %% tags=["exercise:17.a"]
# diagnosis: cosines: right for centroids of one length, and a mean is shorter the more its rows differ
def assign(x, centroids):
    unit = centroids / np.maximum(np.linalg.norm(centroids, axis=1, keepdims=True), 1e-12)
    found = nearest(x, unit)[0][:, 0]
    return found, ((x - centroids[found]) ** 2).sum(axis=1)

# %% tags=["exercise:17.a"]
# diagnosis: all of |c|^2 is taken away instead of half, so short centroids win
def assign(x, centroids):
    queries = np.concatenate([x, np.ones((len(x), 1))], axis=1)
    found = nearest(queries, np.concatenate([centroids, -(centroids ** 2).sum(axis=1, keepdims=True)], axis=1))[0][:, 0]
    return found, ((x - centroids[found]) ** 2).sum(axis=1)

# %% tags=["exercise:17.a"]
# diagnosis: right values, wrong method: all differences at once, (n, k, d) numbers to keep n of them
def assign(x, centroids):
    distances = ((x[:, None] - centroids) ** 2).sum(axis=2)
    return distances.argmin(axis=1), distances.min(axis=1)

# %% tags=["exercise:17.a"]
# diagnosis: distances, not squared ones: the nearest is the same, the inertia is another
def assign(x, centroids):
    half = (centroids ** 2).sum(axis=1, keepdims=True) / 2
    queries = np.concatenate([x, np.ones((len(x), 1))], axis=1)
    found = nearest(queries, np.concatenate([centroids, -half], axis=1))[0][:, 0]
    return found, np.linalg.norm(x - centroids[found], axis=1)

# %% tags=["exercise:17.a"]
# diagnosis: the bracket itself is returned, which is no distance: |x|^2 is missing
def assign(x, centroids):
    half = (centroids ** 2).sum(axis=1, keepdims=True) / 2
    queries = np.concatenate([x, np.ones((len(x), 1))], axis=1)
    found, products = nearest(queries, np.concatenate([centroids, -half], axis=1))
    return found[:, 0], -2 * products[:, 0]

# %% tags=["exercise:17.b"]
# diagnosis: all empty centroids are sent to one and the same row, so only one of them gets it
def fill_empty(x, centroids, assignment):
    centroids, assignment = centroids.copy(), assignment.copy()
    empty = np.flatnonzero(np.bincount(assignment, minlength=len(centroids)) == 0)
    distances = ((x - centroids[assignment]) ** 2).sum(axis=1)
    if len(empty) and distances.max() > 0:
        centroids[empty] = x[distances.argmax()]
        here = ((x - centroids[empty[0]]) ** 2).sum(axis=1)
        assignment[here < distances] = empty[0]
    return centroids, assignment

# %% tags=["exercise:17.b"]
# diagnosis: only the farthest row moves; its neighbours stay with a centroid that is not their nearest any more
def fill_empty(x, centroids, assignment):
    centroids, assignment = centroids.copy(), assignment.copy()
    for _ in range(len(centroids)):
        empty = np.flatnonzero(np.bincount(assignment, minlength=len(centroids)) == 0)
        distances = ((x - centroids[assignment]) ** 2).sum(axis=1)
        if len(empty) == 0 or distances.max() == 0:
            break
        centroids[empty[0]] = x[distances.argmax()]
        assignment[distances.argmax()] = empty[0]
    return centroids, assignment

# %% tags=["exercise:17.b"]
# diagnosis: the distances are those from before the first repair, so the next farthest row may have been served already
def fill_empty(x, centroids, assignment):
    centroids, assignment = centroids.copy(), assignment.copy()
    empty = np.flatnonzero(np.bincount(assignment, minlength=len(centroids)) == 0)
    distances = ((x - centroids[assignment]) ** 2).sum(axis=1)
    for c, farthest in zip(empty, np.argsort(-distances, kind="stable"), strict=False):
        if distances[farthest] == 0:
            break
        centroids[c] = x[farthest]
        now = ((x - centroids[assignment]) ** 2).sum(axis=1)
        here = ((x - centroids[c]) ** 2).sum(axis=1)
        assignment[here < now] = c
    return centroids, assignment

# %% tags=["exercise:17.b"]
# diagnosis: no end where all rows are at their centroids: an empty one is sent to a row that has a centroid already
def fill_empty(x, centroids, assignment):
    centroids, assignment = centroids.copy(), assignment.copy()
    for _ in range(len(centroids)):
        empty = np.flatnonzero(np.bincount(assignment, minlength=len(centroids)) == 0)
        if len(empty) == 0:
            break
        distances = ((x - centroids[assignment]) ** 2).sum(axis=1)
        centroids[empty[0]] = x[distances.argmax()]
        here = ((x - centroids[empty[0]]) ** 2).sum(axis=1)
        assignment[here < distances] = empty[0]
    return centroids, assignment

# %% tags=["exercise:17.b"]
# diagnosis: the empty are listed once at the beginning; whoever loses its last row to a repair stays empty
def fill_empty(x, centroids, assignment):
    centroids, assignment = centroids.copy(), assignment.copy()
    for c in np.flatnonzero(np.bincount(assignment, minlength=len(centroids)) == 0):
        distances = ((x - centroids[assignment]) ** 2).sum(axis=1)
        if distances.max() == 0:
            break
        centroids[c] = x[distances.argmax()]
        here = ((x - centroids[c]) ** 2).sum(axis=1)
        assignment[here < distances] = c
    return centroids, assignment

# %% tags=["exercise:17.b"]
# diagnosis: the given arrays are the ones that are changed: right values, but the caller's centroids have moved
def fill_empty(x, centroids, assignment):
    for _ in range(len(centroids)):
        empty = np.flatnonzero(np.bincount(assignment, minlength=len(centroids)) == 0)
        distances = ((x - centroids[assignment]) ** 2).sum(axis=1)
        if len(empty) == 0 or distances.max() == 0:
            break
        centroids[empty[0]] = x[distances.argmax()]
        here = ((x - centroids[empty[0]]) ** 2).sum(axis=1)
        assignment[here < distances] = empty[0]
    return centroids, assignment

# %% tags=["exercise:17.c"]
# diagnosis: a cluster by lot for each place: equally often on average, and not in any one epoch
def balanced_order(assignment, k, size, rng):
    there = np.unique(assignment)
    return np.array([rng.choice(np.flatnonzero(assignment == c)) for c in rng.choice(there, size)])

# %% tags=["exercise:17.c"]
# diagnosis: a shuffle of all pictures: flat over pictures, and so the largest cluster comes most often
def balanced_order(assignment, k, size, rng):
    return rng.permutation(np.resize(np.arange(len(assignment)), size))

# %% tags=["exercise:17.c"]
# diagnosis: places in the list sorted by cluster are taken for numbers of pictures: the published slip
def balanced_order(assignment, k, size, rng):
    ends = np.cumsum(np.bincount(assignment, minlength=k))
    places = [np.arange(a, b) for a, b in zip([0, *ends[:-1]], ends, strict=True) if b > a]
    parts = [np.resize(rng.permutation(p), size // len(places) + (i < size % len(places)))
             for i, p in enumerate(places)]
    return rng.permutation(np.concatenate(parts))

# %% tags=["exercise:17.c"]
# diagnosis: members are drawn with replacement, so some of a cluster come twice while others never do
def balanced_order(assignment, k, size, rng):
    there = np.unique(assignment)
    parts = [rng.choice(np.flatnonzero(assignment == c), size // len(there) + (i < size % len(there)))
             for i, c in enumerate(there)]
    return rng.permutation(np.concatenate(parts))

# %% tags=["exercise:17.c"]
# diagnosis: an empty cluster is asked for its share too, and sends picture 0, which is not its own
def balanced_order(assignment, k, size, rng):
    parts = [np.resize(rng.permutation(np.flatnonzero(assignment == c)), size // k + (c < size % k)) for c in range(k)]
    return rng.permutation(np.concatenate(parts))

# %% tags=["exercise:17.c"]
# diagnosis: flat, and never shuffled as a whole: batches of one cluster after the other
def balanced_order(assignment, k, size, rng):
    there = np.unique(assignment)
    return np.concatenate([np.resize(rng.permutation(np.flatnonzero(assignment == c)),
                                     size // len(there) + (i < size % len(there))) for i, c in enumerate(there)])

# %% tags=["exercise:17.c"]
# diagnosis: the size is divided without its rest, so that the order is too short
def balanced_order(assignment, k, size, rng):
    there = np.unique(assignment)
    return rng.permutation(np.concatenate([np.resize(rng.permutation(np.flatnonzero(assignment == c)),
                                                     size // len(there)) for c in there]))


# %% tags=["exercise:17.b"]
# diagnosis: rows that are as far from the new centroid as from their own go along as well
def fill_empty(x, centroids, assignment):
    centroids, assignment = centroids.copy(), assignment.copy()
    while True:
        empty = np.flatnonzero(np.bincount(assignment, minlength=len(centroids)) == 0)
        distances = ((x - centroids[assignment]) ** 2).sum(axis=1)
        if len(empty) == 0 or distances.max() == 0:
            return centroids, assignment
        centroids[empty[0]] = x[distances.argmax()]
        here = ((x - centroids[empty[0]]) ** 2).sum(axis=1)
        assignment[here <= distances] = empty[0]


# %% tags=["exercise:17.b"]
# diagnosis: where no cluster is empty the given arrays come back, and no new ones
def fill_empty(x, centroids, assignment):
    if len(np.unique(assignment)) == len(centroids):
        return centroids, assignment
    centroids, assignment = centroids.copy(), assignment.copy()
    while True:
        empty = np.flatnonzero(np.bincount(assignment, minlength=len(centroids)) == 0)
        distances = ((x - centroids[assignment]) ** 2).sum(axis=1)
        if len(empty) == 0 or distances.max() == 0:
            return centroids, assignment
        centroids[empty[0]] = x[distances.argmax()]
        here = ((x - centroids[empty[0]]) ** 2).sum(axis=1)
        assignment[here < distances] = empty[0]


# %% tags=["exercise:17.a"]
# diagnosis: sorted without kind="stable": of many centroids as near, any comes first
def assign(x, centroids):
    scores = (centroids ** 2).sum(axis=1) - 2 * x @ centroids.T
    found = np.argsort(scores, axis=1)[:, 0]
    return found, ((x - centroids[found]) ** 2).sum(axis=1)


# %% tags=["exercise:17.b"]
# diagnosis: sorted without kind="stable": of many rows as far away, any is taken
def fill_empty(x, centroids, assignment):
    centroids, assignment = centroids.copy(), assignment.copy()
    while True:
        empty = np.flatnonzero(np.bincount(assignment, minlength=len(centroids)) == 0)
        distances = ((x - centroids[assignment]) ** 2).sum(axis=1)
        if len(empty) == 0 or distances.max() == 0:
            return centroids, assignment
        centroids[empty[0]] = x[np.argsort(-distances)[0]]
        here = ((x - centroids[empty[0]]) ** 2).sum(axis=1)
        assignment[here < distances] = empty[0]
