"""Weighted k nearest neighbours against plain loops."""
import numpy as np
import pytest
from labelled_rows import clusters

from tinynnclr.metrics.knn import knn_accuracy, leave_one_out_accuracy, nearest_others, vote


def vote_by_loops(rows, labels, query, k, temperature):
    """The class of the query's k nearest rows; a neighbour's vote is exp(cosine / temperature)."""
    cosines = [float(query @ row / np.linalg.norm(query) / np.linalg.norm(row)) for row in rows]
    scores = np.zeros(labels.max() + 1)
    for i in sorted(range(len(cosines)), key=lambda i: -cosines[i])[:k]:
        scores[labels[i]] += np.exp(cosines[i] / temperature)
    return scores.argmax()


@pytest.mark.parametrize(("k", "temperature"), [(1, 0.1), (5, 0.1), (20, 0.07), (20, 5.0),
                                                (500, 0.2)])
def test_knn(k, temperature, rng):
    x, y = clusters(rng, 120)
    test, wanted = clusters(rng, 90)
    mean = x.mean(axis=0, dtype=np.float64)
    predicted = np.array([vote_by_loops(x - mean, y, row, k, temperature) for row in test - mean])
    accuracy = knn_accuracy(x, y, test, wanted, k, temperature)
    assert accuracy == np.mean(predicted == wanted)
    assert 0.3 < accuracy < 1  # neither too easy nor too hard for the comparison to mean something
    # every single prediction agrees
    assert knn_accuracy(x, y, test, predicted, k, temperature) == 1
    # centred, then of length 1
    assert knn_accuracy(x * 7 + 3, y, test * 7 + 3, predicted, k, temperature) == 1


def test_votes():
    labels = np.array([0, 1, 1, 2])
    indices = np.array([[0, 1, 2]] * 3)
    similarities = np.array([[0.9, 0.5, 0.5], [0.9, 0.85, 0.85], [0.9, 0.9, 0.1]])
    # weights at temperature 0.1: 1 against 2 e^-4; 1 against 2 e^-0.5; 1 against 1 + e^-8
    assert vote(indices, similarities, labels, 0.1).tolist() == [0, 1, 1]
    assert vote(indices, similarities, labels, 100.0).tolist() == [1, 1, 1]  # nearly a head count
    tie = similarities[2:, :2].repeat(3, 0)  # goes to the lowest class, whatever the order
    assert vote(indices[:, 1::-1], tie, labels, 0.1).tolist() == [0, 0, 0]
    # nothing overflows or underflows
    assert vote(indices, similarities - 1000, labels, 1e-3).tolist() == [0, 0, 0]


def test_leave_one_out(rng):
    x, y = clusters(rng, 80)
    # exact duplicates, and five rows in five copies
    copies = np.concatenate([x, x[:30], x[:5], x[:5], x[:5]])
    for k in (1, 2, 4, 7):
        neighbors = nearest_others(copies, len(copies), k)
        assert neighbors.shape == (len(copies), k)
        assert not (neighbors == np.arange(len(copies))[:, None]).any()
        assert all(len(set(row)) == k for row in neighbors.tolist())
        near = neighbors[:5, :4]  # the copies of the first five come first
        assert all((copies[near[i, :min(k, 4)]] == copies[i]).all() for i in range(5))
    np.testing.assert_array_equal(nearest_others(copies, 6, 3),
                                  nearest_others(copies, len(copies), 3)[:6])
    centred = x - x.mean(axis=0)
    right = sum(vote_by_loops(np.delete(centred, i, 0), np.delete(y, i), centred[i], 5, 0.1) == y[i]
                for i in range(80))
    assert leave_one_out_accuracy(x, y, 5, 0.1) == right / 80
    assert leave_one_out_accuracy(x, np.arange(80), 1) == 0  # no two rows share a label


def test_more_identical_rows_than_neighbours():
    rows = np.ones((30, 4), np.float32)
    rows[15:] = -1
    neighbors = nearest_others(rows, 30, 3)
    assert not (neighbors == np.arange(30)[:, None]).any()
    assert ((neighbors < 15) == (np.arange(30) < 15)[:, None]).all()
    assert nearest_others(rows[:3], 3, 20).shape == (3, 2)  # there are no more
