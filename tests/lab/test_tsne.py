"""t-SNE: blobs stay together, any number of rows works, and threads do not change the map."""
import numpy as np
import pytest
from one_line import fails

from tinynnclr.kernels import set_num_threads
from tinynnclr.lab.plots.tsne import (
    forces,
    forces_naive,
    neighbor_probabilities,
    principal_directions,
    squared_distances,
    tsne,
)


def blobs(rng, n=150, d=10, classes=3):
    labels = np.arange(n) % classes
    return (5 * rng.standard_normal((classes, d))[labels]
            + rng.standard_normal((n, d))).astype(np.float32), labels


def nearest_share(at, labels):
    """The share of points whose nearest point is of their own class."""
    distances = ((at[:, None] - at) ** 2).sum(axis=2)
    np.fill_diagonal(distances, np.inf)
    return (labels[distances.argmin(axis=1)] == labels).mean()


def test_blobs_stay_together(rng):
    rows, labels = blobs(rng)
    at = tsne(rows)
    assert at.shape == (150, 2)
    assert at.dtype == np.float32
    assert nearest_share(at, labels) > 0.95
    within = np.mean([at[labels == c].std(axis=0).mean() for c in range(3)])
    assert at.std(axis=0).mean() > 3 * within  # and apart from the others


def test_a_ring_stays_a_ring():
    angle = np.linspace(0, 2 * np.pi, 120, endpoint=False)
    at = tsne(np.stack([np.cos(angle), np.sin(angle), np.zeros(120)], 1).astype(np.float32),
              perplexity=10)
    steps = np.linalg.norm(at - np.roll(at, 1, axis=0), axis=1)
    assert np.median(steps) < 0.1 * np.linalg.norm(at - np.roll(at, 60, axis=0), axis=1).mean()


@pytest.mark.parametrize("n", [2, 3, 90, 121])
def test_the_forces_are_the_naive_ones(rng, n, threads):
    threads(2)
    at, p = rng.standard_normal((2, n)).astype(np.float32), rng.random((n, n), np.float32)
    p /= p.sum()
    for fast, naive in zip(forces(at, p), forces_naive(at.astype(np.float64), p.astype(np.float64)),
                           strict=True):
        np.testing.assert_allclose(fast, naive, rtol=1e-4, atol=2e-6)


@pytest.mark.parametrize(("at", "p"), [((1, 5), (5, 5)), ((2, 4), (5, 5)), ((2, 5), (5, 4)),
                                       ((2, 5), (4, 5))])
def test_forces_of_shapes_that_do_not_fit(at, p):
    """Compiled code would read or write outside of the arrays."""
    with fails(ValueError, "forces", "expected shape"):
        forces(np.zeros(at, np.float32), np.zeros(p, np.float32))


def test_the_forces_are_the_gradient_of_the_divergence(rng):
    at, p = rng.standard_normal((2, 12)), rng.random((12, 12))
    np.fill_diagonal(p, 0)
    p = (p + p.T) / (2 * p.sum())

    def divergence(at):
        near = 1 / (1 + ((at[:, :, None] - at[:, None, :]) ** 2).sum(axis=0))
        np.fill_diagonal(near, 0)
        q = near / near.sum()
        return (p[p > 0] * np.log(p[p > 0] / q[p > 0])).sum()

    pull, push = forces_naive(at, p)
    direction = rng.standard_normal(at.shape)
    slope = (divergence(at + 1e-6 * direction) - divergence(at - 1e-6 * direction)) / 2e-6
    assert (4 * (pull - push) * direction).sum() == pytest.approx(slope, rel=1e-6)


@pytest.mark.parametrize("scale", [1e-3, 1, 1e3])
def test_every_row_has_the_perplexity_asked_for(rng, scale):
    rows, _ = blobs(rng)
    p = neighbor_probabilities(squared_distances(rows * np.float32(scale)), 20).astype(np.float64)
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-5)
    assert (np.diag(p) == 0).all()
    entropy = -(p * np.log(np.maximum(p, 1e-300))).sum(axis=1)
    np.testing.assert_allclose(np.exp(entropy), 20, rtol=1e-3)


def test_the_start_is_along_the_widest_directions(rng):
    rows = (rng.standard_normal((300, 6)) * [1, 9, 1, 1, 4, 1]).astype(np.float32)
    first, second = principal_directions(rows - rows.mean(axis=0), rng).T
    assert first[1] > 0.98
    assert second[4] > 0.98
    assert abs(first @ second) < 1e-5


def test_the_same_for_any_number_of_threads_and_every_time(rng, threads):
    rows, _ = blobs(rng)
    before = rows.copy()
    maps = []
    for n in (1, 2, 3, 2):
        set_num_threads(n)
        maps.append(tsne(rows, iterations=60).tobytes())
    assert len(set(maps)) == 1
    assert tsne(rows, iterations=60, seed=1).tobytes() != maps[0]
    assert (rows == before).all()


def test_scale_and_shift_change_nothing_that_matters(rng):
    rows, labels = blobs(rng)
    for other in (rows * np.float32(1e30), rows * np.float32(1e-30), rows + np.float32(100),
                  rows.astype(np.float64)):
        assert nearest_share(tsne(other, iterations=150), labels) > 0.95


@pytest.mark.parametrize("n", [1, 2, 3, 4, 10])
@pytest.mark.parametrize("d", [1, 2, 7])
def test_few_rows(rng, n, d):
    at = tsne(rng.standard_normal((n, d)).astype(np.float32))
    assert at.shape == (n, 2)
    assert np.isfinite(at).all()


def test_equal_rows(rng):
    assert np.isfinite(tsne(np.ones((20, 3), np.float32), iterations=100)).all()
    rows = np.repeat(rng.standard_normal((2, 8)), 40, axis=0).astype(np.float32)
    assert nearest_share(tsne(rows, perplexity=10), np.repeat([0, 1], 40)) == 1


def test_bad_input(rng):
    rows, _ = blobs(rng, 12)
    for bad, word in ((rows[0], r"\(10,\)"), (rows[:0], r"\(0, 10\)"), (rows.astype(int), "int64")):
        with fails(ValueError, "tsne", "rows", "expected", word):
            tsne(bad)
    rows[3, 3] = np.nan
    with fails(FloatingPointError, "rows", "finite", "NaN"):
        tsne(rows)
    rows[3, 3] = 0
    for bad in (0, 0.5, float("nan"), float("inf")):
        with fails(ValueError, "perplexity", "at least 1", str(bad)):
            tsne(rows, perplexity=bad)
    with fails(ValueError, "iterations", "at least 1", "0"):
        tsne(rows, iterations=0)
