"""NNCLR with neighbours by features of whole images: the search, the queue of features, the surest.
"""
import numpy as np
import pytest
from small import random_data, small_config, unit

from tinynnclr.datasets.views import augmentation_pair
from tinynnclr.methods.feature_nnclr import comparable
from tinynnclr.methods.method import Progress
from tinynnclr.models.encode import encode
from tinynnclr.train.loop import train_step
from tinynnclr.train.run import Run

DATA = random_data(64)


def cosines_by_hand(queries, rows, whitened):
    """In float64: the cosine of a and b with the inner product a . M b."""
    mean = rows.mean(axis=0)
    m = np.eye(rows.shape[1])
    if whitened:
        covariance = np.cov(rows.T)
        m = np.linalg.inv(covariance + 0.01 * np.linalg.eigvalsh(covariance)[-1] * m)
    a, b = queries - mean, rows - mean
    lengths = [np.sqrt(np.einsum("ij,jk,ik->i", x, m, x)) for x in (a, b)]
    return a @ m @ b.T / np.outer(*lengths)


@pytest.mark.parametrize("whitened", [False, True])
def test_the_cosines(whitened, rng):
    mixed = rng.standard_normal((6, 6)) * np.array([3, 2, 1, 1, 0.1, 0.01])
    queries, rows = (rng.standard_normal((n, 6)) @ mixed + 5 for n in (7, 40))
    a, b = comparable(queries.astype(np.float32), rows.astype(np.float32), whitened)
    np.testing.assert_allclose(a @ b.T, cosines_by_hand(queries, rows, whitened), atol=1e-4)


def after(steps, queue_size=40, **changes):
    """A run after some steps of 16 images, and the last; no batch divides its queue of 40."""
    run = Run(small_config(method="feature_nnclr", queue_size=queue_size, lr=1e-30, **changes),
              DATA)
    batches = run.batches(DATA, augmentation_pair("none"))
    return run.method, [train_step(run, *next(batches)) for _ in range(steps)][-1]


def features(method, ids):
    """One image at a time, by the encoder in evaluation mode."""
    return np.concatenate([encode(method.encoder, DATA.images[i]) for i in ids])


@pytest.mark.parametrize("steps", [1, 2, 3, 6])
def test_the_newest_rows_have_the_features_of_their_images(steps):
    """Of the step's own encoder, so before this step moved its running statistics."""
    method, step = after(steps)
    places = [int(np.flatnonzero(method.support_set.ids == i)[-1]) for i in step.ids]
    newest = method.support_set.born[places] == steps
    assert newest.sum() == 16
    np.testing.assert_array_equal(method.features[places], step.keys[1])
    filled = method.support_set.ids >= 0
    assert (np.abs(method.features).sum(axis=1) > 0).tolist() == filled.tolist()


def test_a_queue_smaller_than_a_batch():
    method, step = after(3, queue_size=10)
    order = [step.ids.tolist().index(i) for i in method.support_set.ids]
    assert sorted(order) == list(range(6, 16))
    np.testing.assert_array_equal(method.features, step.keys[1][order])


def test_the_features_are_those_of_whole_images():
    method, _ = after(1)
    np.testing.assert_allclose(method.features_of(np.arange(9)), features(method, range(9)),
                               atol=1e-5)
    assert method.encoder.training


@pytest.mark.parametrize("whitened", [False, True])
def test_the_neighbour_is_the_most_similar_image(whitened, rng):
    method, _ = after(3, whitened=whitened)
    ids = np.arange(20, 36)
    method.queries = (features(method, ids),)
    z = rng.standard_normal((16, 8), np.float32)
    positives, indices = method.search(z, ids, Progress(5, 10))
    cosines = cosines_by_hand(method.queries[0].astype(float), method.features.astype(float),
                              whitened)
    np.testing.assert_array_equal(indices, cosines.argmax(axis=1))
    np.testing.assert_array_equal(positives, method.support_set.rows[indices])


def test_only_the_surest_have_a_neighbour(rng):
    method, _ = after(3, surest=0.25)
    ids = np.arange(20, 36)
    method.queries = (features(method, ids),)
    z = rng.standard_normal((16, 8), np.float32)
    positives, indices = method.search(z, ids, Progress(5, 10))
    cosines = cosines_by_hand(method.queries[0].astype(float), method.features.astype(float), True)
    sure = np.argsort(-cosines.max(axis=1))[:4]
    rest = np.setdiff1d(np.arange(16), sure)
    np.testing.assert_array_equal(positives[sure], method.support_set.rows[indices[sure]])
    np.testing.assert_allclose(positives[rest], unit(z[rest]), atol=1e-6)
