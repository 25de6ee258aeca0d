"""Judging frozen features: every number by hand or by plain loops, and what a choice may look at.
"""
import math

import numpy as np
import pytest
from one_line import fails
from small import random_data, small_config

from tinynnclr import kernels
from tinynnclr.datasets.dataset import Dataset
from tinynnclr.lab.protocols import frozen_features as frozen
from tinynnclr.lab.protocols.context import EvalContext
from tinynnclr.metrics.knn import RIDGE, knn_accuracy, whitened
from tinynnclr.metrics.linear_probe import linear_accuracy
from tinynnclr.metrics.nmi import normalized_mutual_information
from tinynnclr.models.encode import encode, pixels
from tinynnclr.train.run import Run

# whitening cares for every pixel
TRAIN, TEST = random_data(64, size=8), random_data(40, size=8, seed=1)


def subject(**changes):
    config = small_config(**changes)
    return EvalContext(config, Run(config, TRAIN).method.encoder, (TRAIN, TEST))


# ---------------------------------------------------------------- the measures


def test_purity_by_hand():
    labels = np.array([0, 0, 1, 1, 1, 2])
    # the clusters' names do not matter
    assert frozen.purity(np.array([5, 5, 3, 3, 3, 0]), labels) == 1
    assert frozen.purity(np.zeros(6, int), labels) == 3 / 6  # one cluster: the largest class
    assert frozen.purity(np.array([0, 0, 0, 1, 1, 1]), labels) == (2 + 2) / 6
    # a cluster for each thing is pure, and says nothing
    assert frozen.purity(np.arange(6), labels) == 1


def test_nmi_by_hand():
    """Clusters {0, 0, 1} and {1, 1, 2}: I = sum p log(p / (p_cluster p_class)), over the mean of
    both entropies.
    """
    labels, assignment = np.array([0, 0, 1, 1, 1, 2]), np.array([0, 0, 0, 1, 1, 1])
    joint = {(0, 0): 2 / 6, (0, 1): 1 / 6, (1, 1): 2 / 6, (1, 2): 1 / 6}
    of_class = {0: 2 / 6, 1: 3 / 6, 2: 1 / 6}
    information = sum(p * math.log(p / (0.5 * of_class[c])) for (_, c), p in joint.items())
    entropy = -sum(p * math.log(p) for p in of_class.values())
    wanted = information / ((math.log(2) + entropy) / 2)
    assert normalized_mutual_information(assignment, labels) == pytest.approx(wanted)
    assert normalized_mutual_information(labels + 7, labels) == pytest.approx(1)
    assert normalized_mutual_information(np.zeros(6, int), labels) == pytest.approx(0)


def test_the_nearest_centroid(rng):
    x, centroids = rng.standard_normal((50, 6), np.float32), 3 * rng.standard_normal((4, 6),
                                                                                     np.float32)
    wanted = [min(range(4), key=lambda c: float(((row - centroids[c]) ** 2).sum())) for row in x]
    assert frozen.nearest_centroid(x, centroids).tolist() == wanted
    assert len(set(wanted)) > 2


@pytest.mark.parametrize("n", [2, 4, 5, 6])
def test_whitened_rows_of_few_images_meet_as_through_the_inverse_covariance(n, rng):
    """With fewer rows than directions, also for rows outside of the space that the training rows
    span.
    """
    x, y = (rng.standard_normal((m, 5)) @ rng.standard_normal((5, 5)) + 3 for m in (n, 7))
    a, b = whitened(x, y)
    covariance = np.cov(x.T, bias=True)
    inverse = np.linalg.inv(covariance + RIDGE * np.linalg.norm(covariance, 2) * np.eye(5))
    x, y = x - x.mean(axis=0), y - x.mean(axis=0)
    for one, other in ((a, x), (b, y)):
        np.testing.assert_allclose(one @ b.T, other @ inverse @ y.T, rtol=1e-8, atol=1e-8)
    single = whitened((x + 3).astype(np.float32), (y + 3).astype(np.float32))[1]
    assert single.dtype == np.float32
    np.testing.assert_allclose(single @ single.T, b @ b.T, rtol=1e-3, atol=1e-2)


def test_whitened_rows_meet_as_through_the_inverse_covariance(rng):
    """a . b = (x - mean)' (C + ridge)^-1 (y - mean), by loops in float64; the rows that are fitted
    spread evenly.
    """
    x, y = (rng.standard_normal((n, 5)) @ rng.standard_normal((5, 5)) + 3 for n in (60, 7))
    a, b = whitened(x, y)
    covariance = sum(np.outer(row, row) for row in x - x.mean(axis=0)) / len(x)
    largest = np.linalg.norm(covariance, 2)
    inverse = np.linalg.inv(covariance + RIDGE * largest * np.eye(5))
    for i in range(60):
        for j in range(7):
            assert a[i] @ b[j] == pytest.approx((x[i] - x.mean(axis=0)) @ inverse
                                                @ (y[j] - x.mean(axis=0)))
    spread = a.T @ a / len(a)
    np.testing.assert_allclose(spread, np.diag(np.diag(spread)), atol=1e-10)
    assert np.diag(spread)[-1] == pytest.approx(1 / (1 + RIDGE))
    same = np.ones((4, 3), np.float32)
    assert whitened(same, 2 * same)[0].tolist() == np.zeros((4, 3)).tolist()
    assert not whitened(same[:2], same[:2])[1].any()
    with fails(FloatingPointError, "whitened: train: 4 of 4 rows are not finite"):
        whitened(same * np.nan)
    single, double = whitened(x.astype(np.float32), y.astype(np.float32))[1], b
    assert single.dtype == np.float32
    np.testing.assert_allclose(single @ single.T, double @ double.T, rtol=1e-3, atol=1e-3)


# ---------------------------------------------------------------- the choice of the weight decay


def test_the_choice_is_that_of_a_double_loop(rng):
    x, labels = rng.standard_normal((60, 5), np.float32), rng.integers(0, 3, 60)
    x[np.arange(60), labels] += 1
    order = np.random.default_rng(4).permutation(60)
    held, kept = order[:6], order[6:]
    scores = {s: linear_accuracy(x[kept], labels[kept], x[held], labels[held], s) for s
              in frozen.STRENGTHS}
    # the first of equals
    best = next(s for s in frozen.STRENGTHS if scores[s] == max(scores.values()))
    assert frozen.choose_strength(x, labels, np.random.default_rng(4)) == best


def test_a_choice_is_fitted_on_rows_given_and_judged_on_others(monkeypatch, rng):
    """Each fit and its judgement see rows of x alone, no row twice; all strengths see the same
    ones.
    """
    x, labels, seen = rng.standard_normal((60, 5), np.float32), np.arange(60) % 3, []

    def watched(a, a_labels, b, b_labels, strength):
        rows = [int(np.flatnonzero((x == row).all(axis=1))[0]) for row in np.concatenate([a, b])]
        assert sorted(rows) == list(range(60))
        assert labels[rows].tolist() == [*a_labels, *b_labels]
        seen.append((strength, len(b), tuple(rows)))
        return {1e-4: 0.2, 1e-3: 0.7, 1e-2: 0.9, 1e-1: 0.9}[strength]

    monkeypatch.setattr(frozen, "linear_accuracy", watched)
    assert frozen.choose_strength(x, labels, rng) == 1e-2
    assert [s for s, _, _ in seen] == list(frozen.STRENGTHS)
    assert {n for _, n, _ in seen} == {6}
    assert len({rows for _, _, rows in seen}) == 1


# ---------------------------------------------------------------- the protocols


def test_features_are_those_of_the_encoder_of_its_first_weights_and_of_pixels():
    config = small_config(seed=3)
    run, first = Run(config, TRAIN), Run(config, TRAIN).method.encoder
    for p in run.method.encoder.parameters():
        p.data *= 1.5
    found = frozen.features(EvalContext(config, run.method.encoder, (TRAIN, TEST)))
    assert list(found) == ["nnclr", "random weights", "raw pixels"]
    for name, extract in (("nnclr", lambda images: encode(run.method.encoder, images)),
                          ("random weights", lambda images: encode(first, images)),
                          ("raw pixels", pixels)):
        for got, data in zip(found[name], (TRAIN, TEST), strict=True):
            np.testing.assert_array_equal(got, extract(data.images))
    assert not np.allclose(found["nnclr"][0], found["random weights"][0])


def test_knn_and_linear_are_their_judges_on_these_features():
    who = subject()
    features = frozen.features(who)
    knn, linear = frozen.knn(who), frozen.linear(who)
    assert [row["encoder"] for row in knn.rows[::2]] == [row["encoder"] for row
                                                         in linear.rows] == list(features)
    assert [row["features"] for row in knn.rows] == 3 * ["centred", "whitened"]
    for near, white, fitted, (a, b) in zip(knn.rows[::2], knn.rows[1::2], linear.rows,
                                           features.values(), strict=True):
        assert near["accuracy"] == knn_accuracy(a, TRAIN.labels, b, TEST.labels, 3, 0.1)
        x, y = whitened(a, b)
        assert white["encoder"] == near["encoder"]
        assert white["accuracy"] == knn_accuracy(x, TRAIN.labels, y, TEST.labels, 3, 0.1)
        strength = frozen.choose_strength(a, TRAIN.labels, np.random.default_rng(0))
        assert fitted["weight decay"] == f"{strength:g}"
        assert fitted["accuracy"] == linear_accuracy(a, TRAIN.labels, b, TEST.labels, strength)
    assert knn.chance == linear.chance == 1 / 4
    assert "64 training images" in knn.rules
    assert "40 test images" in linear.rules


def test_clusters_find_what_is_there():
    """Pictures of four colours, a little noise: the pixels' clusters are the classes. The same
    again, byte for byte.
    """
    rng = np.random.default_rng(0)
    colours = np.array([[250, 20, 20], [20, 250, 20], [20, 20, 250], [240, 240, 240]])

    def draw(n):
        noise = rng.integers(-15, 6, (n, 8, 8, 3))
        return Dataset((colours[np.arange(n) % 4][:, None, None] + noise).clip(0,
                                                                               255).astype(
                np.uint8), np.arange(n) % 4, tuple("abcd"))

    config = small_config()
    who = EvalContext(config, Run(config, TRAIN).method.encoder, (draw(80), draw(40)))
    found = frozen.clusters(who)
    assert found == frozen.clusters(who)
    assert found.rows[-1] == {"encoder": "raw pixels", "NMI": pytest.approx(1), "purity": 1}
    noise = frozen.clusters(subject())
    assert all(row["purity"] < 0.6 and row["NMI"] < 0.3 for row in noise.rows)


def test_of_several_starts_the_one_of_least_inertia_counts(monkeypatch):
    starts, known = [], []
    for a, b in frozen.features(subject()).values():
        known += [set(map(bytes, frozen.centred_unit_rows(a, b)[0]))] * frozen.RESTARTS

    def kmeans(x, k, steps, rng):
        assert len(x) == 50
        # training images alone: the others are only sorted
        assert set(map(bytes, x)) <= known[len(starts)]
        starts.append(kernels_kmeans(x, k, steps, rng))
        return starts[-1]

    kernels_kmeans, used = kernels.kmeans, []
    monkeypatch.setattr(kernels, "kmeans", kmeans)
    monkeypatch.setattr(frozen, "CLUSTERED", 50)
    monkeypatch.setattr(frozen, "nearest_centroid", lambda x,
                        c: used.append(c) or np.zeros(len(x), int))
    frozen.clusters(subject())
    assert len(starts) == 3 * frozen.RESTARTS
    for i, centroids in enumerate(used):
        tries = starts[i * frozen.RESTARTS:][:frozen.RESTARTS]
        assert centroids is min(tries, key=lambda result: result[2][-1])[0]
        assert len({result[2][-1] for result in tries}) > 1
