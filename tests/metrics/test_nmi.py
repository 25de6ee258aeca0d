"""Normalised mutual information and purity: values known by hand, loops, and scikit-learn."""
import math

import numpy as np
import pytest
from one_line import fails

from tinynnclr.metrics.nmi import entropy, normalized_mutual_information, purity


def test_known_values(rng):
    a = rng.integers(0, 7, 400)
    grid, zeros = np.arange(36), np.zeros(400, int)
    for first, second, wanted in (
            (a, a, 1),
            (a, rng.permutation(7)[a] + 100, 1),  # other names
            (grid // 6, grid % 6, 0),  # independent
            (a, zeros, 0),  # one group for all
            (zeros, zeros + 1, 1),  # the same single group
            (np.array([0, 0, 1, 1]), np.array([0, 0, 1, 2]), 0.8)):  # ln 2 / (5/4 ln 2)
        got = normalized_mutual_information(first, second)
        assert got == pytest.approx(wanted, abs=1e-12)
    assert 0 <= normalized_mutual_information(*rng.integers(0, 5, (2, 100_000))) < 1e-3
    # 3 items in (0, 0), 1 in (0, 1), 1 in (1, 0), 3 in (1, 1); both entropies are ln 2
    a, b = np.array([0, 0, 0, 0, 1, 1, 1, 1]), np.array([0, 0, 0, 1, 0, 1, 1, 1])
    wanted = (0.75 * math.log(1.5) + 0.25 * math.log(0.5)) / math.log(2)
    assert normalized_mutual_information(a, b) == pytest.approx(wanted, abs=1e-12)
    assert entropy(np.array([2, 0, 2])) == pytest.approx(math.log(2), abs=1e-12)


def test_purity_by_hand():
    assert purity(np.array([5, 5, 5, 2]), np.array([1, 1, 0, 0])) == 0.75
    labels = np.array([0, 0, 1, 1, 1, 2])
    for assignment, wanted in (([5, 5, 3, 3, 3, 0], 1),  # the clusters' names do not matter
                               ([0] * 6, 3 / 6), ([0, 0, 0, 1, 1, 1], (2 + 2) / 6),
                               ([0, 1, 2, 3, 4, 5], 1)):  # a cluster for each item is pure
        assert purity(np.array(assignment), labels) == wanted


def test_a_double_loop(rng):
    for n, i, j in ((1, 1, 1), (30, 3, 8), (500, 10, 10), (40, 40, 2)):
        a = rng.integers(0, i, n)
        b = np.where(rng.random(n) < 0.5, a % j, rng.integers(0, j, n)) - 3
        shared, h = 0.0, [0.0, 0.0]
        for x in set(a.tolist()):
            for y in set(b.tolist()):
                p = ((a == x) & (b == y)).mean()
                shared += p * math.log(p / ((a == x).mean() * (b == y).mean())) if p else 0
        for place, labels in enumerate((a, b)):
            shares = [(labels == x).mean() for x in set(labels.tolist())]
            h[place] = -sum(share * math.log(share) for share in shares)
        wanted = 2 * shared / sum(h) if sum(h) else 1
        got = normalized_mutual_information(a, b)
        assert got == pytest.approx(wanted, abs=1e-12)
        assert got == pytest.approx(normalized_mutual_information(b, a), abs=1e-12)


def test_scikit_learn(rng):
    sklearn = pytest.importorskip("sklearn.metrics")
    a, b = rng.integers(0, 9, (2, 300))
    for x, y in ((a, b), (a, a), (a, np.minimum(a, b))):
        wanted = sklearn.normalized_mutual_info_score(x, y)
        assert normalized_mutual_information(x, y) == pytest.approx(wanted)


def test_shapes_that_do_not_fit():
    for a, b in ((np.zeros(3, int), np.zeros(4, int)), (np.zeros((2, 2), int),) * 2,
                 (np.zeros(0, int),) * 2):
        with fails(ValueError, r"normalized_mutual_information: expected a and b \(n,\)"):
            normalized_mutual_information(a, b)
