"""The oracle's neighbours: rows of the queue that the labels select."""
import numpy as np
import pytest
from small import random_data, small_config

from tinynnclr.methods.method import Progress
from tinynnclr.methods.oracle_nnclr import oracle_rows
from tinynnclr.train.run import Run

DATA = random_data(64)  # 4 classes


def one_row_before(anchors, queued, precision, rng, similarities=None):
    """What `oracle_rows` was before it had k."""
    same = rng.random(len(anchors)) < precision
    of_kind = (queued == anchors[:, None]) == same[:, None]
    order = rng.random(of_kind.shape) if similarities is None else similarities
    return (order + 3 * of_kind).argmax(axis=1)


@pytest.mark.parametrize("k", [1, 4, 16])
@pytest.mark.parametrize("precision", [0.0, 0.3, 1.0])
def test_the_rows_have_the_precision_that_is_set(precision, k, rng):
    anchors, queued = rng.integers(0, 10, 5000), rng.integers(0, 10, 300)
    assert np.bincount(queued).min() >= 16
    rows = oracle_rows(anchors, queued, precision, rng, k=k)
    assert rows.shape == (5000, k)
    same = queued[rows] == anchors[:, None]
    assert abs(same.mean() - precision) <= 3 * (precision * (1 - precision) / 5000 / k) ** 0.5
    # each row by itself, not all k of an anchor together
    deviation = (k * precision * (1 - precision)) ** 0.5
    assert same.sum(axis=1).std() == pytest.approx(deviation, rel=0.05)
    assert len(np.unique(rows)) > 250  # any row of the class, not the first
    assert all(len(set(chosen)) == k for chosen in rows.tolist())


@pytest.mark.parametrize("k", [1, 3, 7, 12])
def test_the_most_similar_rows_of_the_class(k, rng):
    """Against a sorted list for each anchor; a class of 7 rows is followed by the others."""
    anchors, queued = rng.integers(0, 3, 40), np.repeat([0, 1, 2], [7, 8, 9])
    similarities = rng.uniform(-1, 1, (40, 24)).astype(np.float32)
    before = similarities.copy()
    for precision in (0.0, 1.0):
        rows = oracle_rows(anchors, queued, precision, rng, similarities, k)
        for i, anchor in enumerate(anchors):
            order = sorted(range(24), key=lambda j: (
                (queued[j] == anchor) != bool(precision), -similarities[i, j]))
            assert rows[i].tolist() == order[:k]
    np.testing.assert_array_equal(similarities, before)


def test_the_nearest_of_the_class_by_hand(rng):
    anchors, queued = np.array([0, 1]), np.array([0, 1, 0, 1])
    similarities = np.array([[0.1, 0.9, 0.2, 0.3], [0.5, -0.9, 0.4, -0.8]])
    for precision, wanted in ((1.0, [[2, 0, 1, 3], [3, 1, 0, 2]]),
                              (0.0, [[1, 3, 2, 0], [0, 2, 3, 1]])):
        for k in (1, 2, 4):
            rows = oracle_rows(anchors, queued, precision, rng, similarities, k)
            assert rows.tolist() == [row[:k] for row in wanted]


def test_any_row_if_no_more_are_of_the_class(rng):
    none = oracle_rows(np.zeros(50, int), np.ones(4, int), 1.0, rng)
    assert set(none.ravel().tolist()) == {0, 1, 2, 3}
    queued = np.array([0, 1, 0, 1, 1, 1])
    rows = oracle_rows(np.zeros(200, int), queued, 1.0, rng, k=4)
    assert {frozenset(row[:2]) for row in rows.tolist()} == {frozenset([0, 2])}
    assert set(rows[:, 2:].ravel().tolist()) == {1, 3, 4, 5}
    whole = oracle_rows(np.zeros(9, int), queued, 0.5, rng, k=6)
    assert np.sort(whole, axis=1).tolist() == [[0, 1, 2, 3, 4, 5]] * 9


@pytest.mark.parametrize("precision", [0.0, 0.4, 1.0])
def test_one_row_is_the_same_as_before(precision, rng):
    """Runs with k = 1 are the runs of earlier versions."""
    anchors, queued = rng.integers(0, 4, 100), rng.integers(0, 4, 50)
    for similarities in (None, rng.uniform(-1, 1, (100, 50))):
        rows, before = (choose(anchors, queued, precision, np.random.default_rng(7), similarities)
                        for choose in (oracle_rows, one_row_before))
        assert rows.shape == (100, 1)
        np.testing.assert_array_equal(rows[:, 0], before)


def oracle(**changes):
    """A method with a queue of 32 rows, from samples 0 to 31."""
    run = Run(small_config(method="oracle_nnclr", **changes), DATA)
    rows = np.random.default_rng(0).standard_normal((32, 8), np.float32)
    run.method.support_set.enqueue(rows, np.arange(32))
    return run.method


def search(method, rng, step=5):
    z = rng.standard_normal((16, 8), np.float32)
    return z, *method.search(z, np.arange(16), Progress(step, 10))


@pytest.mark.parametrize("options", [{}, {"top_k": 4}, {"top_k_mean": True}])
def test_the_neighbours_are_constants_of_the_queue(options, rng):
    method = oracle(oracle_precision=1.0, **options)
    _, rows, chosen = search(method, rng)
    assert isinstance(rows, np.ndarray)
    np.testing.assert_array_equal(rows, method.support_set.rows[chosen])
    assert (DATA.labels[method.support_set.ids[chosen]] == DATA.labels[:16]).all()
    _, again, _ = search(method, rng)  # both views of an image get the same row, whatever z is
    np.testing.assert_array_equal(again, rows)
    assert (search(method, rng, step=6)[1] != rows).any()


@pytest.mark.parametrize("nearest", [False, True])
def test_the_mean_of_k_rows(nearest, rng):
    """8 of the 32 rows are of each class: their mean is the positive of every image of it."""
    method = oracle(oracle_precision=1.0, top_k=8, top_k_mean=True, oracle_nearest=nearest)
    z, rows, chosen = search(method, rng)
    queue, labels = method.support_set.rows, DATA.labels[method.support_set.ids]
    for i in range(16):
        of_class = np.flatnonzero(labels == DATA.labels[i])
        np.testing.assert_allclose(rows[i], sum(queue[of_class].astype(float)) / 8, atol=1e-6)
        if nearest:
            assert chosen[i] == max(of_class, key=lambda j: z[i] @ queue[j])
    assert len(np.unique(rows.round(4), axis=0)) == 4


def test_a_random_one_of_the_k_nearest_of_the_class(rng):
    method = oracle(oracle_precision=1.0, oracle_nearest=True, top_k=3)
    z = rng.standard_normal((16, 8), np.float32)
    places = []
    for step in range(40):
        rows, chosen = method.search(z, np.arange(16), Progress(step, 40))
        np.testing.assert_array_equal(rows, method.support_set.rows[chosen])
        similar = z @ method.support_set.rows.T
        similar[DATA.labels[method.support_set.ids] != DATA.labels[:16, None]] = -np.inf
        order = np.argsort(-similar, axis=1)
        places.append((order == chosen[:, None]).argmax(axis=1))
    counts = np.bincount(np.ravel(places))
    assert len(counts) == 3
    assert np.abs(counts - 640 / 3).max() < 4 * (640 * 2 / 9) ** 0.5
