"""k-means: rows in k groups, each around its mean; `nearest` finds each row's group."""
import numpy as np

from .engine.checks import expect_axes, expect_indices, expect_whole, is_whole, plain_numbers
from .engine.compile import jit
from .engine.parallel import parallel
from .nearest import nearest


def kmeans_naive(x, k, steps, rng):
    """Every row against every centroid, in float64, with the start, repair and end of `kmeans`."""
    x = x.astype(np.float64)
    centroids, inertias = x[rng.choice(len(x), k, replace=False)], []
    for _ in range(steps):
        while True:
            distances = np.array([[((row - c) ** 2).sum() for c in centroids] for row in x])
            assignment, nearest_distances = distances.argmin(axis=1), distances.min(axis=1)
            empty = [c for c in range(k) if c not in assignment]
            if not empty or nearest_distances.max() == 0:
                break
            centroids[empty[0]] = x[nearest_distances.argmax()]
        inertia = nearest_distances.sum()
        if inertias and inertia >= inertias[-1]:
            break
        inertias.append(inertia)
        result = centroids.copy(), assignment, inertias
        for c in set(assignment.tolist()):
            centroids[c] = x[assignment == c].mean(axis=0)
    return result


def cluster_sums_naive(x, assignment, k):
    """One row after the other, added to the sum of its cluster."""
    sums = np.zeros((k, x.shape[1]))
    for row, c in zip(x, assignment, strict=True):
        sums[c] += row
    return sums


@jit
def _cluster_sums(start, stop, x, assignment, sums):
    """Columns start to stop of sums (k, d): a column belongs to one thread, its rows come in order.
    """
    for i in range(len(x)):
        row, total = x[i], sums[assignment[i]]
        for j in range(start, stop):
            total[j] += row[j]


@plain_numbers
def cluster_sums(x: np.ndarray, assignment: np.ndarray, k: int) -> np.ndarray:
    """(k, d) float64: the sum of the rows of x (n, d) in each cluster; assignment (n,), 0 to k - 1.

    Raises ValueError for others. The same bytes for any number of threads.
    """
    expect_axes("cluster_sums", 2, x=x)
    expect_whole("cluster_sums", 0, k=k)
    assignment = expect_indices("cluster_sums", "assignment", assignment, x.shape[:1], k)
    sums = np.zeros((k, x.shape[1]), np.float64)
    parallel(_cluster_sums, x.shape[1], np.ascontiguousarray(x), assignment, sums, grain=8)
    return sums


@jit
def _squared_distances(start, stop, x, centroids, assignment, distances):
    for i in range(start, stop):
        row, centroid, total = x[i], centroids[assignment[i]], 0.0
        for j in range(len(row)):
            difference = np.float64(row[j] - centroid[j])
            total += difference * difference
        distances[i] = total


def _distances_to(x, centroids, assignment):
    """|x - its centroid|^2 (n,) in float64; exactly 0 where, and only where, the two are equal."""
    distances = np.empty(len(x), np.float64)
    parallel(_squared_distances, len(x), x, centroids, assignment, distances, grain=256)
    return distances


def _fill_empty(x, centroids, assignment, distances):
    """Move each centroid without rows to the row farthest from its own centroid; all in place.

    Rows that are nearer to it there join it. Distances only fall, so the inertia does; and of k
    different rows, one is not at its centroid while a cluster is empty. (faiss splits the largest
    cluster instead: there the inertia may rise, for a centroid that has rows is moved.)
    """
    for _ in range(len(centroids)):
        empty = np.flatnonzero(np.bincount(assignment, minlength=len(centroids)) == 0)
        farthest = distances.argmax()
        if len(empty) == 0 or distances[farthest] == 0:
            break
        c = empty[0]
        centroids[c] = x[farthest]
        here = _distances_to(x, centroids, np.full(len(x), c, np.int64))
        joins = (here < distances) | ((here == distances) & (c < assignment))  # lowest index first
        assignment[joins], distances[joins] = c, here[joins]


@plain_numbers
def kmeans(x: np.ndarray, k: int, steps: int,
           rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, list[float]]:
    """Lloyd's algorithm on rows x (n, d): centroids (k, d), assignment (n,), inertia of each step.

    A step gives each row its nearest centroid, then moves each centroid to the mean of its rows.
    The inertia is the sum of |x - its centroid|^2, less in each step than before: it ends after
    `steps`, or where it would not be. The start is k random rows. No cluster stays empty unless
    fewer than k rows differ. The assignment is int64. Raises ValueError for what does not fit,
    FloatingPointError for NaN. Source: Lloyd 1982, "Least squares quantization in PCM".
    """
    expect_axes("kmeans", 2, x=x)
    if not is_whole(k, 1, len(x)):
        raise ValueError(f"kmeans: k: expected 1 to {len(x)} (the rows), got {k}")
    if not is_whole(steps, 1):
        raise ValueError(f"kmeans: steps: expected at least 1, got {steps}")
    finite = np.isfinite(x).all(axis=1)
    if not finite.all():
        raise FloatingPointError(f"kmeans: row {finite.argmin()} of x holds NaN or infinity")
    x = np.ascontiguousarray(x)
    center = x.mean(axis=0, dtype=np.float64).astype(x.dtype)
    x = x - center  # products of numbers far from 0 lose digits
    queries = np.concatenate([x, np.ones((len(x), 1), x.dtype)], axis=1)
    centroids = x[rng.choice(len(x), k, replace=False)]
    inertias: list[float] = []
    for _ in range(steps):
        # argmin |x - c|^2 = argmax x.c - |c|^2 / 2: one more column, 1 in x and -|c|^2 / 2 in c
        offset = np.square(centroids).sum(axis=1, keepdims=True) * x.dtype.type(-0.5)
        assignment = nearest(queries, np.concatenate([centroids, offset], axis=1))[0][:, 0]
        distances = _distances_to(x, centroids, assignment)
        _fill_empty(x, centroids, assignment, distances)
        inertia = float(distances.sum())
        if inertias and inertia >= inertias[-1]:
            break
        inertias.append(inertia)
        best, rows = centroids.copy(), assignment
        counts, sums = np.bincount(assignment, minlength=k)[:, None], cluster_sums(x, assignment, k)
        centroids = np.where(counts > 0, sums / np.maximum(counts, 1), centroids).astype(x.dtype)
    return best + center, rows, inertias
