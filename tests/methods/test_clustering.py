"""Around k-means: whitening, and an order of images that is balanced over clusters."""
import math

import numpy as np
import pytest
from one_line import fails

from tinynnclr.methods.clustering import balanced_order, pca_whiten, principal_axes


def mixed(rng, n, d, scale=1.0):
    """Features whose directions are mixed and vary differently, about a mean far from 0."""
    return ((rng.standard_normal((n, d)) * np.geomspace(1, 30, d)) @ rng.standard_normal((d, d))
            * scale + 5).astype(np.float32)


@pytest.mark.parametrize(("n", "d", "dims"), [(50, 1, 1), (200, 7, 7), (200, 7, 3), (600, 40, 16)])
def test_whitened_features_have_covariance_1(rng, n, d, dims):
    x = mixed(rng, n, d)
    mean, axes = principal_axes(x, dims)
    assert axes.shape == (d, dims)
    rows = (x.astype(np.float64) - mean) @ axes
    np.testing.assert_allclose(rows.mean(axis=0), 0, atol=1e-10)
    np.testing.assert_allclose(rows.T @ rows / n, np.eye(dims), atol=1e-8)
    whitened = pca_whiten(x, dims)
    assert (whitened.shape, whitened.dtype) == ((n, dims), np.float32)
    np.testing.assert_allclose(whitened, rows / np.linalg.norm(rows, axis=1, keepdims=True),
                               atol=1e-5)


def test_the_directions_kept_are_those_that_vary_most(rng):
    x = (rng.standard_normal((500, 5)) * [1, 9, 3, 0.1, 27]).astype(np.float32)
    _, axes = principal_axes(x, 3)
    assert np.abs(axes).argmax(axis=0).tolist() == [4, 1, 2]
    u, s, vt = np.linalg.svd(x - x.mean(axis=0, dtype=np.float64), full_matrices=False)
    np.testing.assert_allclose(np.abs(axes), np.abs(vt[:3].T / s[:3] * math.sqrt(500)), atol=1e-6)


@pytest.mark.parametrize("scale", [1.0, 1e-6, 1e6])
def test_whitening_ignores_scale_and_constant_directions(rng, scale):
    x = mixed(rng, 300, 4)
    wide = np.concatenate([x, x[:, :1] - 2 * x[:, 1:2], np.full((300, 3), 7, np.float32)],
                          axis=1) * np.float32(scale)
    rows = pca_whiten(wide, 64)
    assert rows.shape == (300, 4)  # 4 of 8 columns are independent
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(np.abs(rows @ rows.T), np.abs(pca_whiten(x, 4) @ pca_whiten(x, 4).T),
                               atol=2e-3)
    assert pca_whiten(x[:3], 64).shape == (3, 2)  # three rows span a plane


def test_features_without_variance():
    with fails(ValueError, "pca: all 9 rows of features are the same"):
        pca_whiten(np.full((9, 4), 0.3, np.float32), 2)
    for bad in (np.nan, np.inf):
        with fails(FloatingPointError, "pca: the features hold NaN or infinity"):
            pca_whiten(np.array([[1, 2], [3, bad]], np.float32), 2)


def test_same_bytes_for_any_number_of_threads(rng, threads):
    x, results = mixed(rng, 900, 33), []
    for n in (1, 2, 3):
        threads(n)
        results.append(pca_whiten(x, 20).tobytes())
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("size", [1, 9, 10, 64, 500])
@pytest.mark.parametrize("sizes", [[10], [1, 1, 30], [0, 5, 0, 40, 3, 0], [7] * 9])
def test_the_order_is_balanced_over_clusters(rng, sizes, size):
    assignment = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    order = balanced_order(assignment, len(sizes), size, rng)
    assert (order.shape, order.dtype) == ((size,), np.int64)
    counts = np.bincount(assignment[order], minlength=len(sizes))
    full = np.array(sizes) > 0
    assert not counts[~full].any()
    assert np.ptp(counts[full]) <= 1
    times = np.bincount(order, minlength=len(assignment))
    for c in np.flatnonzero(full):  # images of a cluster are repeated equally often
        assert np.ptp(times[assignment == c]) <= 1


def test_the_order_is_random(rng):
    assignment = np.repeat([0, 1, 2, 3], [1, 5, 10, 44])
    orders = [balanced_order(assignment, 4, 42, np.random.default_rng(seed)) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(orders[0], orders[1])
    assert orders[0].tolist() != orders[2].tolist()
    seen, more = np.zeros(60), np.zeros(4)
    for _ in range(400):
        order = balanced_order(assignment, 4, 42, rng)
        seen += np.bincount(order, minlength=60)
        more += np.bincount(assignment[order], minlength=4) - 10
    assert more.sum() == 800
    # two of four clusters get one image more: each half of the time, sigma 10
    assert np.abs(more - 200).max() < 5 * 10
    share = seen[16:] / seen[16:].mean()  # all images of the large cluster are equally likely
    assert np.abs(share - 1).max() < 0.4
    starts = [assignment[balanced_order(assignment, 4, 40, rng)[:10]].mean() for _ in range(300)]
    # the clusters are mixed: no part of the order has one cluster only
    assert abs(np.mean(starts) - 1.5) < 0.1
