"""Clusters against classes: plain loops in float64, cases made by hand, and what must not matter.
"""
import numpy as np
import pytest
from labelled_rows import clusters
from one_line import fails
from small import unit

from tinynnclr import kernels
from tinynnclr.kernels.kmeans import kmeans_naive
from tinynnclr.metrics import clusters as module
from tinynnclr.metrics.clusters import STARTS, cluster_agreement, nearest_centroid
from tinynnclr.metrics.nmi import normalized_mutual_information, purity


def nearest_by_loops(x, centroids):
    return np.array([min(range(len(centroids)), key=lambda c: ((row - centroids[c]) ** 2).sum())
                     for row in x])


def test_the_nearest_centroid(rng):
    x = rng.standard_normal((50, 6), np.float32)
    centroids = 3 * rng.standard_normal((4, 6), np.float32)
    wanted = nearest_by_loops(x.astype(np.float64), centroids.astype(np.float64))
    assert nearest_centroid(x, centroids).tolist() == wanted.tolist()
    assert len(set(wanted.tolist())) > 2


@pytest.mark.parametrize("k", [1, 4, 9])
@pytest.mark.parametrize("seed", [0, 3])
def test_plain_loops(k, seed, rng, monkeypatch):
    """k-means of every row against every centroid, in float64; means over the starts."""
    monkeypatch.setattr(module, "CLUSTERED", 70)
    train, _ = clusters(rng, 90)
    test, labels = clusters(rng, 60)
    mean = train.mean(axis=0, dtype=np.float64)
    x, y = unit(train - mean), unit(test - mean)
    draws = np.random.default_rng(seed)
    x = x[draws.permutation(90)[:70]]
    numbers = []
    for _ in range(STARTS):
        found = nearest_by_loops(y, kmeans_naive(x, k, 1000, draws)[0])
        numbers.append((normalized_mutual_information(found, labels), purity(found, labels)))
    got = cluster_agreement(train, test, labels, k, seed)
    assert got == pytest.approx(np.mean(numbers, axis=0).tolist(), abs=1e-9)
    assert all(isinstance(number, float) for number in got)
    assert k == 1 or len(set(numbers)) > 1  # single starts differ


def test_clusters_that_are_the_classes(rng):
    """Two groups far apart, and five groups of copies, are found from every start."""
    labels = np.arange(60) % 2
    x = rng.standard_normal((60, 3)).astype(np.float32) + 50 * (labels[:, None] - 0.5)
    assert cluster_agreement(x, x[:30], labels[:30], 2) == (pytest.approx(1), 1)
    labels = np.arange(50) % 5
    copies = rng.standard_normal((5, 6), np.float32)[labels]
    assert cluster_agreement(copies, copies, labels, 5) == (pytest.approx(1), 1)
    assert cluster_agreement(copies, copies, labels[::-1].copy(), 5) == (pytest.approx(1), 1)


def test_one_cluster_tells_nothing(rng):
    x, _ = clusters(rng, 40)
    assert cluster_agreement(x, x, np.arange(40) % 4, 1) == (0, 0.25)
    labels = np.repeat([0, 1, 2], [10, 10, 20])
    assert cluster_agreement(x, x, labels, 1) == (0, 0.5)


def test_random_features_are_at_chance(rng):
    x = rng.standard_normal((3000, 8), np.float32)
    nmi, pure = cluster_agreement(x[:1000], x[1000:], np.arange(2000) % 4, 4)
    assert 0 < nmi < 0.01
    assert 0.25 <= pure < 0.3
    # the limits would be passed by features with a little of the class in them
    x[:, 0] += 2 * (np.arange(3000) % 4)
    nmi, pure = cluster_agreement(x[:1000], x[1000:], np.arange(2000) % 4, 4)
    assert nmi > 0.05
    assert pure > 0.35


def test_a_seed_chooses_the_rows_and_the_starts(rng):
    x, labels = clusters(rng, 200, spread=2)
    first, again, other = (cluster_agreement(x, x, labels, 6, seed) for seed in (0, 0, 1))
    assert first == again != other


# ---------------------------------------------------------------- what must not matter


def fits(monkeypatch, *arguments):
    """(what k-means got, its centroids, the result) of cluster_agreement."""
    given, centroids, kmeans = [], [], kernels.kmeans

    def watched(x, k, steps, rng):
        given.append(x.copy())
        result = kmeans(x, k, steps, rng)
        centroids.append(result[0].copy())
        return result

    with monkeypatch.context() as patch:
        patch.setattr(kernels, "kmeans", watched)
        result = cluster_agreement(*arguments)
    return given, centroids, result


def test_the_test_set_shapes_nothing(rng, monkeypatch):
    """k-means gets training rows alone, at most CLUSTERED, from other starts each time."""
    monkeypatch.setattr(module, "CLUSTERED", 50)
    train, _ = clusters(rng, 80)
    test, labels = clusters(rng, 40)
    given, centroids, result = fits(monkeypatch, train, test, labels, 4)
    assert len(given) == STARTS
    mean = train.mean(axis=0, dtype=np.float64)
    for x in given:
        assert len(x) == 50
        cosines = x.astype(np.float64) @ unit(train - mean).T
        np.testing.assert_allclose(cosines.max(axis=1), 1, atol=1e-5)
        assert len(set(cosines.argmax(axis=1).tolist())) == 50
        np.testing.assert_array_equal(x, given[0])
    assert len({c.tobytes() for c in centroids}) > 1
    again, other_centroids, other = fits(monkeypatch, train, 1e3 * np.flip(test), 3 - labels, 4)
    np.testing.assert_array_equal(again, given)
    np.testing.assert_array_equal(other_centroids, centroids)
    assert other != result


@pytest.mark.parametrize("power", [-110, 60])
def test_the_unit_of_the_features_changes_no_score(power, rng):
    train, _ = clusters(rng, 80)
    test, labels = clusters(rng, 40)
    scaled = np.ldexp(train, power), np.ldexp(test, power)
    assert cluster_agreement(*scaled, labels, 4) == cluster_agreement(train, test, labels, 4)


def test_equal_features_are_one_cluster():
    same = np.ones((20, 3), np.float32)
    assert cluster_agreement(same, same, np.arange(20) % 4, 4) == (0, 0.25)


# ---------------------------------------------------------------- errors


def test_k_means_that_did_not_converge_says_so(rng, monkeypatch):
    monkeypatch.setattr(module, "ROUNDS", 2)
    x, labels = clusters(rng, 100, spread=3)
    with pytest.warns(RuntimeWarning, match="cluster_agreement: k-means stopped after 2 rounds, "
                      "before it converged"):
        cluster_agreement(x, x, labels, 8)


@pytest.mark.parametrize("k", [0, 21, 2.5, None, True])
def test_a_wrong_number_of_clusters_is_refused(k, rng):
    x, labels = clusters(rng, 20)
    with fails(ValueError, "kmeans: k: expected"):
        cluster_agreement(x, x, labels, k)
