"""kNN, linear probe and k-means of frozen features, by hand or by plain loops."""
import numpy as np
import pytest
from eval_context import small_context
from one_line import fails
from small import random_data, small_config

from tinynnclr.datasets.dataset import Dataset
from tinynnclr.lab.protocols import frozen_features
from tinynnclr.lab.protocols.context import EvalContext
from tinynnclr.metrics.clusters import STARTS, cluster_agreement
from tinynnclr.metrics.knn import RIDGE, knn_accuracy, whitened
from tinynnclr.metrics.linear_probe import linear_accuracy
from tinynnclr.models.encode import encode, pixels
from tinynnclr.train.run import Run

# small images: whitening takes time for every pixel
TRAIN, TEST = random_data(64, size=8), random_data(40, size=8, seed=1)


@pytest.fixture
def context():
    return small_context(TRAIN, TEST)


# ---------------------------------------------------------------- whitening


@pytest.mark.parametrize("n", [2, 4, 5, 6, 60])
def test_whitened_rows_have_the_products_of_the_inverse_covariance(n, rng):
    """a . b = (x - mean)' (C + ridge)^-1 (y - mean), also outside of the span of a few rows x."""
    x, y = (rng.standard_normal((m, 5)) @ rng.standard_normal((5, 5)) + 3 for m in (n, 7))
    a, b = whitened(x, y)
    centred_x, centred_y = x - x.mean(axis=0), y - x.mean(axis=0)
    covariance = sum(np.outer(row, row) for row in centred_x) / n
    inverse = np.linalg.inv(covariance + RIDGE * np.linalg.norm(covariance, 2) * np.eye(5))
    for got, rows in ((a, centred_x), (b, centred_y)):
        np.testing.assert_allclose(got @ b.T, rows @ inverse @ centred_y.T, rtol=1e-8, atol=1e-8)
    single = whitened(x.astype(np.float32), y.astype(np.float32))[1]
    assert single.dtype == np.float32
    np.testing.assert_allclose(single @ single.T, b @ b.T, rtol=1e-3,
                               atol=1e-2 if n < 60 else 1e-3)


def test_whitened_rows_are_uncorrelated(rng):
    a, _ = whitened(rng.standard_normal((60, 5)) @ rng.standard_normal((5, 5)), np.ones((1, 5)))
    covariance = a.T @ a / len(a)
    np.testing.assert_allclose(covariance, np.diag(np.diag(covariance)), atol=1e-10)
    assert np.diag(covariance)[-1] == pytest.approx(1 / (1 + RIDGE))
    same = np.ones((4, 3), np.float32)
    assert not whitened(same, 2 * same)[0].any()
    assert not whitened(same[:2], same[:2])[1].any()
    with fails(FloatingPointError, "whitened: train: 4 of 4 rows are not finite"):
        whitened(same * np.nan)


# ---------------------------------------------------------------- the choice of the weight decay


def test_the_choice_is_that_of_a_double_loop(rng):
    x, labels = rng.standard_normal((60, 5), np.float32), rng.integers(0, 3, 60)
    x[np.arange(60), labels] += 1
    held, kept = np.split(np.random.default_rng(4).permutation(60), [6])
    scores = {s: linear_accuracy(x[kept], labels[kept], x[held], labels[held], s)
              for s in frozen_features.STRENGTHS}
    best = max(scores, key=scores.get)  # the first of equals
    assert frozen_features.choose_strength(x, labels, np.random.default_rng(4)) == best


def test_a_choice_is_fitted_on_some_rows_and_measured_on_the_others(monkeypatch, rng):
    """All weight decays get the same split of the rows of x, no row twice."""
    x, labels, calls = rng.standard_normal((60, 5), np.float32), np.arange(60) % 3, []

    def watched(a, a_labels, b, b_labels, strength):
        rows = [int(np.flatnonzero((x == row).all(axis=1))[0]) for row in np.concatenate([a, b])]
        assert sorted(rows) == list(range(60))
        assert labels[rows].tolist() == [*a_labels, *b_labels]
        calls.append((strength, len(b), tuple(rows)))
        return {1e-4: 0.2, 1e-3: 0.7, 1e-2: 0.9, 1e-1: 0.9}[strength]

    monkeypatch.setattr(frozen_features, "linear_accuracy", watched)
    assert frozen_features.choose_strength(x, labels, rng) == 1e-2
    assert [s for s, _, _ in calls] == list(frozen_features.STRENGTHS)
    assert {n for _, n, _ in calls} == {6}
    assert len({rows for _, _, rows in calls}) == 1


# ---------------------------------------------------------------- the protocols


def test_features_of_the_encoder_of_its_first_weights_and_of_pixels():
    config = small_config(seed=3)
    trained, first = (Run(config, TRAIN).method.encoder for _ in range(2))
    for p in trained.parameters():
        p.data *= 1.5
    features = EvalContext(config, trained, (TRAIN, TEST)).features(TRAIN, TEST)
    assert list(features) == ["nnclr", "random weights", "raw pixels"]
    for pair, extract in zip(features.values(), (lambda images: encode(trained, images),
                                                 lambda images: encode(first, images), pixels),
                             strict=True):
        for got, data in zip(pair, (TRAIN, TEST), strict=True):
            np.testing.assert_array_equal(got, extract(data.images))
    assert not np.allclose(features["nnclr"][0], features["random weights"][0])


def test_knn_and_linear_are_the_metrics_of_these_features(context):
    knn, linear = frozen_features.knn(context), frozen_features.linear(context)
    near, fitted = [], []
    for name, (a, b) in context.features(TRAIN, TEST).items():
        near += [{"encoder": name, "features": kind,
                  "accuracy": knn_accuracy(x, TRAIN.labels, y, TEST.labels, 3, 0.1)}
                 for kind, (x, y) in (("centred", (a, b)), ("whitened", whitened(a, b)))]
        strength = frozen_features.choose_strength(a, TRAIN.labels, np.random.default_rng(0))
        fitted.append({"encoder": name, "weight decay": f"{strength:g}",
                       "accuracy": linear_accuracy(a, TRAIN.labels, b, TEST.labels, strength)})
    assert knn.rows == near
    assert linear.rows == fitted
    assert knn.chance == linear.chance == 1 / 4
    assert "64 training images" in knn.description
    assert "40 test images" in linear.description


def test_clusters_are_the_metric_of_these_features(context):
    clusters = frozen_features.clusters(context)
    wanted = []
    for name, (a, b) in context.features(TRAIN, TEST).items():
        nmi, purity = cluster_agreement(a, b, TEST.labels, 4, seed=0)
        wanted.append({"encoder": name, "NMI": nmi, "purity": purity})
    assert clusters.rows == wanted
    assert frozen_features.clusters(small_context(TRAIN, TEST, seed=1)).rows[-1] != wanted[-1]
    assert "64 training images" in clusters.description
    assert "40 test images" in clusters.description
    assert f"k = 4; means over {STARTS} random starts" in clusters.description
    assert clusters.chance is None


def test_clusters_find_what_is_there(context):
    """Images of two colours, a little noise: the pixels' clusters are the classes."""
    rng = np.random.default_rng(0)
    colours = np.array([[250, 20, 20], [20, 20, 250]])

    def draw(n):
        images = colours[np.arange(n) % 2][:, None, None] + rng.integers(-15, 6, (n, 8, 8, 3))
        return Dataset(images.clip(0, 255).astype(np.uint8), np.arange(n) % 2, ("a", "b"))

    coloured = small_context(draw(80), draw(40))
    result = frozen_features.clusters(coloured)
    assert result == frozen_features.clusters(coloured)
    assert result.rows[-1] == {"encoder": "raw pixels", "NMI": pytest.approx(1), "purity": 1}
    noise = frozen_features.clusters(context)
    assert all(row["purity"] < 0.6 and row["NMI"] < 0.3 for row in noise.rows)
