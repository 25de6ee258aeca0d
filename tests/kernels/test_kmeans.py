"""k-means: its naive twin, an inertia that never rises, and no cluster left empty."""
import numpy as np
import pytest
from guarded import any_layout, nothing_outside, same_bytes
from one_line import fails

from tinynnclr import kernels
from tinynnclr.kernels import cluster_sums, kmeans
from tinynnclr.kernels.kmeans import cluster_sums_naive, kmeans_naive

pytestmark = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["f4", "f8"])


class FirstRows:
    """A generator that begins with the rows it is told to, so that a start can be forced."""

    def __init__(self, rows):
        self.rows = np.array(rows)

    def choice(self, n, k, replace):
        assert len(self.rows) == k <= n
        assert not replace
        return self.rows


def blobs(rng, dtype, n, d, groups, spread=0.3):
    return (rng.standard_normal((groups, d))[rng.integers(0, groups, n)]
            + spread * rng.standard_normal((n, d))).astype(dtype)


def squared(x, centroids):
    """All squared distances (n, k), in float64, by subtraction."""
    return np.square(x.astype(np.float64)[:, None] - centroids.astype(np.float64)).sum(axis=-1)


def check(x, centroids, assignment, inertias, k):
    """What every result must be, whatever the data."""
    eps = np.finfo(x.dtype).eps
    assert (centroids.shape, centroids.dtype) == ((k, x.shape[1]), x.dtype)
    assert (assignment.shape, assignment.dtype) == ((len(x),), np.int64)
    assert all(type(i) is float for i in inertias)
    assert all(a > b for a, b in zip(inertias, inertias[1:], strict=False))
    distances, scale = squared(x, centroids), 1 + np.square(x, dtype=np.float64).sum(axis=1).max()
    own = distances[np.arange(len(x)), assignment]
    assert (own <= distances.min(axis=1) + 60 * eps * scale).all()  # nearest, to rounding
    assert own.sum() == pytest.approx(inertias[-1], rel=1e-4 if x.dtype == np.float32 else 1e-9,
                                      abs=eps * scale)
    different = len(np.unique(x, axis=0))
    assert len(np.unique(assignment)) == min(k, different) or different > k
    if different >= k:
        assert np.bincount(assignment, minlength=k).min() >= 1


@pytest.mark.parametrize(("n", "d", "k", "steps"), [(1, 1, 1, 1), (2, 1, 2, 3), (40, 3, 1, 5),
                                                    (40, 3, 40, 5), (100, 2, 7, 1), (257, 17, 5, 4),
                                                    (300, 33, 31, 30)])
def test_equals_its_twin(rng, dtype, n, d, k, steps):
    x = blobs(rng, dtype, n, d, 6)
    centroids, assignment, inertias = kmeans(x, k, steps, np.random.default_rng(3))
    check(x, centroids, assignment, inertias, k)
    twin, twin_assignment, twin_inertias = kmeans_naive(x, k, steps, np.random.default_rng(3))
    assert len(inertias) <= steps
    if dtype == np.float64:
        np.testing.assert_array_equal(assignment, twin_assignment)
        np.testing.assert_allclose(centroids, twin, atol=1e-12)
        np.testing.assert_allclose(inertias, twin_inertias, rtol=1e-9, atol=1e-12)
    else:  # in float32 a row half-way between two centroids may fall to the other side
        assert inertias[-1] == pytest.approx(twin_inertias[-1], rel=0.02, abs=1e-6)


def test_ties_go_to_the_lowest_index(dtype):
    x = np.array([[-1], [0], [1], [0]], dtype)  # the mean is 0: nothing is rounded
    assert kmeans(x, 2, 1, FirstRows([0, 2]))[1].tolist() == [0, 0, 1, 0]
    assert kmeans(x, 2, 1, FirstRows([2, 0]))[1].tolist() == [1, 0, 0, 0]


@pytest.mark.parametrize("k", [2, 5, 9])
def test_a_forced_empty_cluster_is_filled(rng, dtype, k):
    """All centroids begin on the same spot: all but the first must go where rows are."""
    x = blobs(rng, dtype, 120, 4, 9)
    x[:k] = x[0]
    for steps in (1, 2, 10):
        result = kmeans(x, k, steps, FirstRows(range(k)))
        check(x, *result, k)
        assert np.bincount(result[1], minlength=k).min() >= 1
        if dtype == np.float64:
            twin = kmeans_naive(x, k, steps, FirstRows(range(k)))
            np.testing.assert_array_equal(result[1], twin[1])
            np.testing.assert_allclose(result[2], twin[2], rtol=1e-9)


def test_the_empty_centroid_goes_to_the_farthest_row(dtype):
    x = np.array([[0], [0], [1], [7], [8], [-16]], dtype)
    centroids, assignment, inertias = kmeans(x, 2, 1, FirstRows([0, 1]))
    assert assignment.tolist() == [0, 0, 0, 0, 0, 1]
    np.testing.assert_array_equal(centroids, [[0], [-16]])
    assert inertias == [1 + 49 + 64]
    # 2 is as near to 0 as to 4, the row that the empty centroid goes to: the lowest index keeps it
    assert kmeans(np.array([[0], [0], [4], [2]], dtype), 2, 1, FirstRows([0, 1]))[1].tolist() == [
        0, 0, 1, 0]
    # rows that are nearer to their own centroid stay, whatever its index
    assert kmeans(np.array([[0], [0], [10], [11], [-20]], dtype), 3, 1,
                  FirstRows([0, 1, 2]))[1].tolist() == [0, 0, 2, 2, 1]


def test_a_cluster_that_loses_its_last_row_on_the_way(dtype):
    """Rare starts from which plain Lloyd's algorithm has a cluster with no row left later."""
    met = 0
    for seed in range(250):
        rng = np.random.default_rng(seed)
        x = np.unique(np.rint(4 * rng.standard_cauchy((40, 2))), axis=0).astype(dtype)
        start = rng.choice(len(x), 12, replace=False)
        plain = x[start].astype(np.float64)
        for _ in range(5):
            assignment = squared(x, plain).argmin(axis=1)
            if len(np.unique(assignment)) < 12:
                met += 1
                break
            plain = np.stack([x[assignment == c].mean(axis=0, dtype=np.float64) for c in range(12)])
        else:
            continue
        check(x, *kmeans(x, 12, 12, FirstRows(start)), 12)
    assert met >= 1


def test_the_inertia_never_rises(dtype):
    for seed in range(60):
        rng = np.random.default_rng(seed)
        n, d, k = int(rng.integers(20, 400)), int(rng.integers(1, 20)), int(rng.integers(1, 20))
        x = blobs(rng, dtype, n, d, 5,
                  spread=float(rng.choice([0, 1e-3, 1]))) + dtype(rng.choice([0, 100]))
        if seed % 2:
            x = x[rng.integers(0, n, n)]  # many rows twice
        check(x, *kmeans(x, k, 25, rng), k)


@pytest.mark.parametrize(("different", "k"), [(1, 1), (1, 4), (5, 8), (8, 8), (9, 8)])
def test_rows_that_are_the_same_share_a_cluster(rng, dtype, different, k):
    rows = rng.standard_normal((different, 3)).astype(dtype)
    which = np.concatenate([np.arange(different), rng.integers(0, different, 200)])
    x = rows[which]
    centroids, assignment, inertias = kmeans(x, k, 20, rng)
    check(x, centroids, assignment, inertias, k)
    assert len(np.unique(assignment)) == min(k, different)
    for i in range(different):
        assert len(set(assignment[which == i])) == 1
    assert np.isfinite(centroids).all()


def test_numbers_far_from_zero_lose_nothing(rng, dtype):
    x = blobs(rng, np.float64, 400, 6, 8)
    near, far = kmeans(x.astype(dtype), 8, 20, np.random.default_rng(1)), None
    far = kmeans((np.rint(x * 64) / 64 + 4096).astype(dtype), 8, 20, np.random.default_rng(1))
    assert far[2][-1] == pytest.approx(near[2][-1], rel=0.05)
    assert (near[1] == far[1]).mean() > 0.9


def test_same_bytes_for_any_number_of_threads(rng, dtype, threads):
    x = blobs(rng, dtype, 1500, 37, 9)
    x[700:] = x[:800]
    same_bytes(threads, lambda: both(x, 23, 6))


def both(x, k, steps, seed=0):
    """The arrays of kmeans, its inertias, and cluster_sums."""
    centroids, assignment, inertias = kmeans(x, k, steps, np.random.default_rng(seed))
    return centroids, assignment, np.array(inertias), cluster_sums(x, assignment, k)


def test_any_layout_gives_the_same_bytes_and_is_left_alone(rng, dtype):
    any_layout(lambda x: both(x, 6, 5), rng.standard_normal((60, 5)).astype(dtype))


@pytest.mark.parametrize(("n", "d", "k"), [(1, 1, 1), (70, 9, 4), (33, 16, 40), (0, 3, 2),
                                           (5, 0, 2)])
def test_sums_equal_their_twin(rng, dtype, n, d, k):
    x, assignment = rng.standard_normal((n, d)).astype(dtype), rng.integers(0, k, n)
    sums = cluster_sums(x, assignment, k)
    assert sums.dtype == np.float64
    np.testing.assert_allclose(sums, cluster_sums_naive(x, assignment, k), rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(sums, cluster_sums(x, assignment.astype(np.int32), k))


def test_reads_and_writes_nothing_outside(rng, dtype, monkeypatch):
    nothing_outside(monkeypatch, kmeans, lambda x: both(x, 5, 4),
                    rng.standard_normal((37, 11)).astype(dtype))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_none(dtype, bad):
    x = np.ones((6, 3), dtype)
    x[4, 1] = bad
    with fails(FloatingPointError, "kmeans: row 4 of x holds NaN or infinity"):
        kmeans(x, 2, 3, np.random.default_rng(0))
    assert np.isnan(cluster_sums(np.full((2, 1), np.nan, dtype), np.array([0, 1]), 3)[:2]).all()


def test_arguments_that_do_not_fit(rng, dtype):
    x = np.ones((4, 3), dtype)
    for k in (0, -1, 5):
        with fails(ValueError, "kmeans: k: expected 1 to 4", f"got {k}"):
            kmeans(x, k, 3, rng)
    with fails(ValueError, "kmeans: steps: expected at least 1, got 0"):
        kmeans(x, 2, 0, rng)
    for wrong in (x[0], x[None], x.astype(np.int64), x.astype(np.float16)):
        with fails(ValueError, "kmeans: x: expected (2 axes|float32 or float64)"):
            kmeans(wrong, 2, 3, rng)
    with fails(ValueError, "expected 0 to 1, got 0 to 2"):
        kernels.cluster_sums(x, np.array([0, 1, 2, 0]), 2)
    with fails(ValueError, "expected 0 to 1, got -1 to 0"):
        cluster_sums(x, np.array([0, -1, 0, 0]), 2)
    for wrong in (np.zeros(3, np.int64), np.zeros(4), np.zeros((4, 1), np.int64)):
        with fails(ValueError, r"cluster_sums: assignment: expected integers of shape \(4,\)"):
            cluster_sums(x, wrong, 2)
