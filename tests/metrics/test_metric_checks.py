"""Scores do not depend on the unit of the features; wrong options are refused by name."""
import numpy as np
import pytest
from one_line import fails

from tinynnclr.metrics.checks import one_scale
from tinynnclr.metrics.knn import centred_unit_rows, knn_accuracy, leave_one_out_accuracy, whitened
from tinynnclr.metrics.linear_probe import fit_softmax, linear_accuracy

RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 4, 200)
X = (RNG.standard_normal((200, 8)) + 2 * np.eye(4, 8)[LABELS]).astype(np.float32)


@pytest.mark.parametrize("power", [-110, -50, -20, 20, 50, 60])
@pytest.mark.parametrize("score", [linear_accuracy, knn_accuracy])
def test_the_unit_of_the_features_changes_no_score(score, power):
    y = np.ldexp(X, power)
    assert score(y[:150], LABELS[:150], y[150:], LABELS[150:]) == score(X[:150], LABELS[:150],
                                                                        X[150:], LABELS[150:]) > 0.6


@pytest.mark.parametrize("power", [-110, 60])
def test_the_unit_of_the_features_changes_no_digit(power):
    for function in (centred_unit_rows, whitened, one_scale):
        scaled = function(np.ldexp(X, power), np.ldexp(X[:5], power))
        for first, second in zip(function(X, X[:5]), scaled, strict=True):
            np.testing.assert_array_equal(first, second)


def test_one_scale():
    train, other = one_scale(np.float32([[0.3, -5]]), np.float32([[40.0]]))
    assert (train.tolist(), other.tolist()) == ([[np.float32(0.3) / 4, -1.25]], [[10]])
    assert one_scale(np.zeros((2, 3), np.float32))[0].tolist() == [[0] * 3] * 2


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), None, "1", 1j, -1.0])
@pytest.mark.parametrize(("name", "call"), [
    ("temperature", lambda v: knn_accuracy(X, LABELS, X, LABELS, temperature=v)),
    ("temperature", lambda v: leave_one_out_accuracy(X, LABELS, temperature=v)),
    ("k", lambda v: knn_accuracy(X, LABELS, X, LABELS, k=v)),
    ("strength", lambda v: linear_accuracy(X, LABELS, X, LABELS, strength=v)),
    ("iterations", lambda v: fit_softmax(X, LABELS, 4, 0.1, iterations=v))])
def test_a_wrong_option_is_refused(name, call, bad):
    with fails(ValueError, f"{name}: expected a number"):
        call(bad)


def test_labels_in_a_list():
    with fails(ValueError, "labels: expected a NumPy array, got list"):
        knn_accuracy(X, LABELS.tolist(), X, LABELS)
