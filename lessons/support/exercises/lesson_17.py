"""Lesson 17, DeepCluster: nearest centroids, empty clusters, an order balanced over clusters."""
import numpy as np

from tinynnclr.kernels import cluster_sums, nearest
from tinynnclr.methods.clustering import balanced_order

from ..check import exercise


def assign(x: np.ndarray, centroids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Nearest of centroids (k, d) to rows x (n, d): (n,) int64, and the squared distance (n,)."""
    half = np.square(centroids).sum(axis=1, keepdims=True) / 2
    queries = np.concatenate([x, np.ones((len(x), 1), x.dtype)], axis=1)
    assignment = nearest(queries, np.concatenate([centroids, -half], axis=1))[0][:, 0]
    return assignment, np.square(x - centroids[assignment]).sum(axis=1)


def fill_empty(x: np.ndarray, centroids: np.ndarray,
               assignment: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(centroids (k, d), assignment (n,)) without empty clusters, unless too few rows differ."""
    centroids, assignment = centroids.copy(), assignment.copy()
    while True:  # and it ends: each time the inertia falls
        empty = np.flatnonzero(np.bincount(assignment, minlength=len(centroids)) == 0)
        distances = np.square(x - centroids[assignment]).sum(axis=1)
        if len(empty) == 0 or distances.max() == 0:
            return centroids, assignment
        centroids[empty[0]] = x[distances.argmax()]
        here = np.square(x - centroids[empty[0]]).sum(axis=1)
        assignment[here < distances] = empty[0]


def lloyd(x: np.ndarray, centroids: np.ndarray, steps: int,
          repair: bool) -> tuple[np.ndarray, np.ndarray]:
    """k-means from given centroids, with or without filling empty ones: (centroids, assignment)."""
    for _ in range(steps):
        assignment = assign(x, centroids)[0]
        if repair:
            centroids, assignment = fill_empty(x, centroids, assignment)
        counts = np.bincount(assignment, minlength=len(centroids))[:, None]
        means = cluster_sums(x, assignment, len(centroids)) / np.maximum(counts, 1)
        centroids = np.where(counts > 0, means, centroids)
    return centroids, assignment


def _column(*numbers):
    return np.array(numbers, np.float64)[:, None]


@exercise("17.a", reference=assign)
def _(trial):
    rng = np.random.default_rng(17)
    cases = (
        (_column(3), _column(1),
         "one row, one centroid: it is cluster 0, and the squared distance is (3 - 1)^2"),
        (_column(1, 9), _column(0, 8),
         "two rows, two centroids: the nearest is meant, so the distance is least"),
        (_column(1, 2), _column(1, 10), "the largest product with x is that of the long centroid, "
         "10. Far is not near: subtract half of |c|^2 from x.c"),
        (_column(1.5, 4), _column(1, 4),
         "half of |c|^2, not all of it: |x - c|^2 = |x|^2 - 2 (x.c - |c|^2 / 2)"),
        (_column(1), _column(0, 2), "equally far from both: the lowest index"),
        *((_column(0), _column(*[9] * far, *[1, -1] * 20), "40 centroids are equally near: the "
           "lowest index. np.argsort keeps equals in order with kind=\"stable\" "
           "only") for far in (5, 20)),
        (np.array([[4.0, 4.0]]), np.array([[1.0, 1.0], [5.0, 3.0]]),
         "centroid 0 points the same way, centroid 1 is nearer: distances, not cosines"),
        (rng.standard_normal((7, 3)), rng.standard_normal((4, 3)),
         "seven rows in three dimensions"),
        (rng.standard_normal((60, 5)) + 3, rng.standard_normal((9, 5)) + 3,
         "sixty rows that lie far from 0"))
    for x, centroids, hint in cases:
        _both(trial, trial(x, centroids), assign(x, centroids), ("assignment", "distances"), hint,
              x=x, centroids=centroids)
    x, centroids = rng.standard_normal((2000, 32)), rng.standard_normal((64, 32))  # x has 512 kB
    got = trial.allocates(4_000_000, x, centroids, hint="All differences are (2000, 64, 32), and "
                          "none but the smallest is needed: `nearest` forgets the others at once.")
    _both(trial, got, assign(x, centroids), ("assignment", "distances"),
          "2,000 rows and 64 centroids")


def _both(trial, got, expected, names, hint, **inputs):
    """A pair, each of which must be the expected one."""
    trial.true(isinstance(got, tuple) and len(got) == 2, f"expected a pair ({', '.join(names)})",
               got=got, **inputs)
    for value, wanted, name in zip(got, expected, names, strict=True):
        trial.equal(value, wanted, hint=f"{name}: {hint}", **inputs)
    whole = [value for value, wanted in zip(got, expected, strict=True) if wanted.dtype.kind == "i"]
    trial.true(all(np.asarray(value).dtype.kind == "i" for value in whole),
               "clusters are integers: they will be indices", got=got)


@exercise("17.b", reference=fill_empty)
def _(trial):
    rng = np.random.default_rng(17)
    spot = rng.standard_normal((30, 4))
    cases = (
        (_column(0, 2), _column(1, 0), [0, 1], "no cluster is empty: nothing changes"),
        (_column(0, 5), _column(1, 9), [0, 0],
         "cluster 1 is empty, and row 1 is farthest from its centroid: centroid 1 goes there"),
        (_column(0, 5, 4.5), _column(1, 9), [0, 0, 0],
         "row 2 is nearer to the new centroid than to its old one: it moves, too"),
        (_column(0, 1, 7, 8), _column(0, 20, 30), [0, 0, 0, 0], "two are empty. Centroid 1 goes to "
         "the farthest row, the distances change, and only then centroid 2 moves: not to the same "
         "row"),
        (_column(3, 3, 3), _column(3, 9, 9), [0, 0, 0], "all rows are at their centroid: none is "
         "left to go to, so the others stay empty, and stay where they are"),
        (_column(0, 0, 1, 1), _column(0.5, 9, 9, 9), [0, 0, 0, 0],
         "four centroids, two different rows: it ends when each row is at its centroid"),
        (_column(0, 1, 2, 3, 12), _column(1, 9, -5), [0, 0, 0, 0, 1],
         "cluster 1 has one row, and it is not empty; its row is the farthest, 3 away. The cluster "
         "that loses a row may become empty: check again after each"),
        (_column(3), _column(1, 9), [0],
         "one row: the empty centroid goes there, and the row joins its cluster"),
        (_column(0, 4, 2), _column(0, 9), [0, 0, 0],
         "row 2 is equally far from both centroids: only nearer rows move"),
        *((_column(*[0] * near, *[1, -1] * 20), _column(0, 9), [0] * (near + 40),
           "40 rows are equally far: the first of them. np.argsort keeps equals in order with "
           "kind=\"stable\" only") for near in (5, 20)),
        (spot, np.repeat(spot[:1], 8, axis=0), [0] * 30, "eight centroids on one spot, 30 rows"),
        (rng.standard_normal((200, 3)), 9 + rng.standard_normal((20, 3)), None,
         "200 rows and 20 centroids, most of them out of the way"))
    for x, centroids, assignment, hint in cases:
        assignment = assign(x, centroids)[0] if assignment is None else np.array(assignment)
        _both(trial, trial(x, centroids, assignment), fill_empty(x, centroids, assignment),
              ("centroids", "assignment"), hint, x=x, centroids=centroids, assignment=assignment)
    _returns_copies(trial)


def _returns_copies(trial):
    """New arrays are returned, and the arguments stay as they are."""
    x, centroids, assignment = _column(0, 2), _column(1, 0), np.array([0, 1])
    pairs = zip(trial.answer(x, centroids, assignment), (centroids, assignment), strict=True)
    trial.true(not any(np.shares_memory(a, b) for a, b in pairs), "no cluster was empty, and the "
               "arguments were returned: return copies, which the caller may change", x=x,
               centroids=centroids, assignment=assignment)
    x, centroids, assignment = _column(0, 5, 4.5), _column(1, 9), np.array([0, 0, 0])
    trial.answer(x, centroids, assignment)  # these very arrays, not copies
    trial.true(centroids[1, 0] == 9 and not assignment.any(), "the given arrays were changed: work "
               "on copies", centroids_before=_column(1, 9),
               centroids_after=centroids)


@exercise("17.c", reference=balanced_order)
def _(trial):
    rng = np.random.default_rng(17)
    mixed = rng.permutation(np.repeat(np.arange(6), [1, 2, 5, 0, 40, 100]))
    cases = (
        ([0, 0], 1, 2), ([0, 1, 1, 1], 2, 4), ([1, 1, 1, 0], 2, 4), ([2, 0, 2, 2, 2], 3, 8),
        ([0, 1, 0, 1, 0], 2, 3), ([0], 1, 3), ([0, 1, 2, 2], 3, 2), (mixed, 6, 148), (mixed, 6, 31),
        (mixed, 6, 1000))
    for assignment, k, size in cases:
        assignment = np.asarray(assignment)
        _flat(trial, trial(assignment, k, size, np.random.default_rng(1)), assignment, k, size)
    first, again, other = (np.asarray(trial(mixed, 6, 148, np.random.default_rng(seed))) for seed
                           in (1, 1, 2))
    trial.true(np.array_equal(first, again), "the same rng must give the same order: draw from "
               "`rng` alone")
    trial.true(not np.array_equal(first, other), "another rng must give another order")
    runs = (np.diff(mixed[first]) != 0).sum()
    trial.true(runs > 60, "the clusters come in blocks, so that a batch would hold one or two of "
               "them: shuffle the whole order at the end", clusters_in_the_order=mixed[first])


def _flat(trial, order, assignment, k, size):
    """All clusters, and all images of a cluster, must come equally often, within one."""
    shown = {"assignment": assignment, "k": k, "size": size, "got": order}
    order = np.asarray(order)
    trial.true(order.shape == (size,) and order.dtype.kind == "i", f"expected {size} integers",
               **shown)
    trial.true(order.min() >= 0 and order.max() < len(assignment), "every entry is the number of "
               "an image", **shown)
    counts = np.bincount(assignment[order], minlength=k)
    filled = np.bincount(assignment, minlength=k) > 0
    trial.true(np.ptp(counts[filled]) <= 1, "the clusters that are not empty must come equally "
               f"often, give or take 1; they come {counts[:12].tolist()} times", **shown)
    for c in np.flatnonzero(filled):
        members = np.flatnonzero(assignment == c)
        times = np.bincount(order, minlength=len(assignment))[members]
        trial.true(np.ptp(times) <= 1, f"no image of cluster {c} may come again before all have "
                   f"come; {members[:12].tolist()} come {times[:12].tolist()} times", **shown)
