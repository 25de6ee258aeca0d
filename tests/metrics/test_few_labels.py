"""Accuracy with few labels: double loops in float64, cases made by hand, and what must not matter.
"""
import numpy as np
import pytest
from labelled_rows import clusters
from one_line import fails

from tinynnclr.metrics import few_labels
from tinynnclr.metrics.few_labels import draw_labelled, few_label_accuracies, share_accuracy
from tinynnclr.metrics.linear_probe import linear_accuracy


def chosen_by_loops(labels, per_class, rng):
    """The first rows of each class in a random order."""
    order = rng.permutation(len(labels)).tolist()
    return [i for c in sorted(set(labels.tolist()))
            for i in [i for i in order if labels[i] == c][:per_class]]


def cosine(a, b):
    return float(a @ b / np.sqrt(a @ a) / np.sqrt(b @ b))


def few_labels_by_loops(train, train_labels, test, test_labels, per_class, draws):
    """(1-NN, class means), one test row and one candidate after the other, in float64."""
    train, test = train.astype(np.float64), test.astype(np.float64)
    mean = sum(train) / len(train)
    train, test = ([(row - mean) / np.linalg.norm(row - mean) for row in rows]
                   for rows in (train, test))
    rng, right = np.random.default_rng(0), np.zeros(2)
    for _ in range(draws):
        chosen = chosen_by_loops(train_labels, per_class, rng)
        means = {}
        for i in chosen:
            means.setdefault(train_labels[i], []).append(train[i])
        means = {c: sum(rows) / len(rows) for c, rows in means.items()}
        for row, label in zip(test, test_labels, strict=True):
            nearest = max(chosen, key=lambda i: cosine(row, train[i]))
            best = max(means, key=lambda c: cosine(row, means[c]))
            right += train_labels[nearest] == label, best == label
    return (right / draws / len(test)).tolist()


@pytest.mark.parametrize("per_class", [1, 5, 12, 500])
def test_double_loops(per_class, rng):
    x, y = clusters(rng, 60)
    test, wanted = clusters(rng, 50)
    y, wanted = 3 * y + 1, 3 * wanted + 1  # classes 1, 4, 7, 10
    got = few_label_accuracies(x, y, test, wanted, per_class, draws=4)
    by_loops = few_labels_by_loops(x, y, test, wanted, per_class, draws=4)
    assert got == pytest.approx(by_loops, abs=1e-12)
    assert all(isinstance(accuracy, float) and 0.3 < accuracy < 1 for accuracy in got)
    assert (got[0] == got[1]) == (per_class == 1)  # a class mean of one row is that row


def test_separable_classes_need_one_label(rng):
    x, y = clusters(rng, 80, spread=0.05)
    test, wanted = clusters(rng, 60, spread=0.05)
    assert few_label_accuracies(x, y, test, wanted, 1) == (1, 1)
    assert share_accuracy(x, y, test, wanted, 0.05) == 1


def test_random_features_are_at_chance(rng):
    """The labels are independent of the rows, so an accuracy has the mean 1 / 4. Of 2,000 test rows
    and many draws, its deviation is below 0.012.
    """
    x, test = rng.standard_normal((2, 2000, 8), np.float32)
    y, wanted = rng.integers(0, 4, (2, 2000))
    for per_class in (1, 5):
        assert few_label_accuracies(x, y, test, wanted, per_class) == pytest.approx((0.25, 0.25),
                                                                                    abs=0.05)
    assert share_accuracy(x, y, test, wanted, 0.01) == pytest.approx(0.25, abs=0.05)


def test_by_hand():
    """On a line through the centre, a cosine is 1 or -1: only the side counts."""
    x = np.float32([[-3, 0], [-1, 0], [1, 0], [3, 0]])
    y = np.array([0, 0, 1, 1])
    test = np.float32([[-9, 0], [-0.1, 0], [0.1, 0], [5, 0]])
    assert few_label_accuracies(x, y, test, y, 1) == (1, 1)
    assert few_label_accuracies(x, y, test, 1 - y, 2) == (0, 0)
    assert few_label_accuracies(x, y, test, np.array([0, 1, 1, 1]), 1) == (0.75, 0.75)
    assert few_label_accuracies(x, y, test, np.array([0, 0, 1, 7]), 2) == (0.75, 0.75)  # no such
    # class 0 on both sides, its mean in a corner: the nearest row is right, the class mean is not
    x = np.float32([[-1, 0.1], [1, 0.1], [0, -1], [0, -1]])
    y, test = np.array([0, 0, 1, 1]), np.float32([[-1, -0.5], [1, -0.5]])
    assert few_label_accuracies(x, y, test, np.array([0, 0]), 2) == (1, 0)


# ---------------------------------------------------------------- the labelled rows


def test_the_labelled_rows_are_balanced(rng):
    labels = rng.permutation(np.repeat([2, 0, 7, 5], [30, 40, 3, 50]))
    for per_class in (1, 3, 4, 35):
        chosen = draw_labelled(labels, per_class, rng)
        assert len(set(chosen.tolist())) == len(chosen)
        counts = np.bincount(labels[chosen], minlength=8)
        wanted = np.minimum(np.bincount(labels, minlength=8), per_class)  # all of a smaller class
        np.testing.assert_array_equal(counts, wanted)
        assert (np.diff(labels[chosen]) >= 0).all()  # class by class


def test_every_row_is_drawn_as_often_as_the_others_of_its_class(rng):
    labels = np.repeat([0, 1], [10, 20])
    counts = np.bincount(np.concatenate([draw_labelled(labels, 4, rng) for _ in range(2000)]))
    for c, probability in ((0, 0.4), (1, 0.2)):
        deviation = (2000 * probability * (1 - probability)) ** 0.5
        assert np.abs(counts[labels == c] - 2000 * probability).max() < 4 * deviation


def test_the_draws_are_seeded(rng):
    labels = rng.integers(0, 5, 90)
    first, again, other = (draw_labelled(labels, 3, np.random.default_rng(seed)).tolist()
                           for seed in (1, 1, 2))
    assert first == again != other
    assert first == chosen_by_loops(labels, 3, np.random.default_rng(1))


@pytest.mark.parametrize("score", [lambda *sets: few_label_accuracies(*sets, 5),
                                   lambda *sets: share_accuracy(*sets, 0.1)])
def test_two_encoders_are_measured_with_the_same_labelled_rows(score, rng, monkeypatch):
    """Also if their features are of other widths; each draw has other rows."""
    drawn = []
    monkeypatch.setattr(few_labels, "draw_labelled",
                        lambda *given: drawn.append(draw_labelled(*given)) or drawn[-1])
    labels, wanted = np.arange(80) % 4, np.arange(40) % 4
    for width in (3, 7):
        score(rng.standard_normal((80, width), np.float32), labels,
              rng.standard_normal((40, width), np.float32), wanted)
    half = len(drawn) // 2
    assert half in (few_labels.DRAWS, few_labels.PROBE_DRAWS)
    np.testing.assert_array_equal(drawn[:half], drawn[half:])
    assert len({row.tobytes() for row in drawn}) == half


# ---------------------------------------------------------------- a share of the labels


@pytest.mark.parametrize(("share", "per_class"), [(0.01, 1), (0.05, 2), (0.1, 4), (0.5, 20),
                                                  (1, 40)])
def test_a_share_of_the_labels(share, per_class, rng):
    """The mean of linear probes, each fitted on the labelled rows alone."""
    x, y = clusters(rng, 160)
    y = np.concatenate([y[:80], y[:80]])  # classes of different sizes
    test, wanted = clusters(rng, 70)
    y, wanted = 2 * y, 2 * wanted  # classes 0, 2, 4, 6
    draws = np.random.default_rng(0)
    probes = []
    for _ in range(3):
        chosen = chosen_by_loops(y, per_class, draws)
        probes.append(linear_accuracy(x[chosen], y[chosen], test, wanted, 0.01))
    got = share_accuracy(x, y, test, wanted, share, 0.01, draws=3)
    assert got == pytest.approx(sum(probes) / 3, abs=1e-12)
    assert isinstance(got, float)


def test_more_labels_help(rng):
    x, y = clusters(rng, 800)
    test, wanted = clusters(rng, 400)
    shares = [share_accuracy(x, y, test, wanted, share) for share in (0.01, 0.1, 1)]
    ones, fives = (few_label_accuracies(x, y, test, wanted, n) for n in (1, 5))
    assert shares[0] + 0.02 < shares[1] < shares[2]
    assert (ones[0] + 0.02 < fives[0], ones[1] + 0.02 < fives[1]) == (True, True)


# ---------------------------------------------------------------- what must not matter


@pytest.mark.parametrize("score", [lambda *sets: few_label_accuracies(*sets, 1),
                                   lambda *sets: few_label_accuracies(*sets, 5),
                                   lambda *sets: (share_accuracy(*sets, 0.1),)])
def test_the_test_set_shapes_nothing(score, rng):
    """If predictions do not depend on the test labels, the shares of the rows that are predicted as
    class 0, 1, 2, 3 sum to 1. If they do not depend on other test rows, halves have half each.
    """
    x, y = clusters(rng, 100)
    test, wanted = clusters(rng, 60)
    shares = np.sum([score(x, y, test, np.full(60, c)) for c in range(4)], axis=0)
    np.testing.assert_allclose(shares, 1, atol=1e-12)
    wild = np.concatenate([test, 1e5 * np.flip(test)])
    both = score(x, y, wild, np.concatenate([wanted, wanted]))
    halves = [score(x, y, rows, wanted) for rows in (wild[:60], wild[60:])]
    np.testing.assert_allclose(both, np.mean(halves, axis=0), atol=1e-12)
    assert halves[0] != halves[1]


@pytest.mark.parametrize("power", [-110, 60])
def test_the_unit_of_the_features_changes_no_score(power, rng):
    x, y = clusters(rng, 100)
    test, wanted = clusters(rng, 60)
    scaled = np.ldexp(x, power), y, np.ldexp(test, power), wanted
    assert few_label_accuracies(*scaled, 5) == few_label_accuracies(x, y, test, wanted, 5)
    assert share_accuracy(*scaled, 0.1) == share_accuracy(x, y, test, wanted, 0.1)


def test_equal_features_have_no_direction(rng):
    """A collapsed encoder is at chance, without a warning or NaN: the first class for all."""
    same, labels = np.ones((40, 3), np.float32), np.arange(40) % 4
    assert few_label_accuracies(same, labels, same, labels, 5) == (0.25, 0.25)
    assert share_accuracy(same, labels, same, labels, 0.2) == 0.25


# ---------------------------------------------------------------- errors


@pytest.mark.parametrize("bad", [0, -1, 1.5, None, "1", True, float("nan")])
@pytest.mark.parametrize(("name", "call"), [
    ("few_label_accuracies: per_class", lambda v, *sets: few_label_accuracies(*sets, v)),
    ("few_label_accuracies: draws", lambda v, *sets: few_label_accuracies(*sets, 1, v)),
    ("share_accuracy: draws", lambda v, *sets: share_accuracy(*sets, 0.1, draws=v))])
def test_a_wrong_number_is_refused(name, call, bad, rng):
    x, y = clusters(rng, 20)
    with fails(ValueError, f"{name}: expected a whole number of at least 1, got {bad!r}"):
        call(bad, x, y, x, y)


@pytest.mark.parametrize("bad", [0, -0.1, float("nan"), float("inf"), None, "1"])
def test_a_wrong_share_is_refused(bad, rng):
    x, y = clusters(rng, 20)
    with fails(ValueError, "share_accuracy: share: expected a number above 0, got"):
        share_accuracy(x, y, x, y, bad)
