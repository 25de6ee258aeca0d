"""Verdicts on claims, and where neighbours begin to help, from numbers made by hand."""
import numpy as np
import pytest
from small import random_data, small_config

from tinynnclr import Tensor
from tinynnclr.lab.paper_tables.neighbor_precision import ORACLES, answer, crossing, crossing_interval, gains
from tinynnclr.lab.paper_tables.table import difference, verdict
from tinynnclr.methods.oracle_nnclr import oracle_rows
from tinynnclr.train.run import Run


@pytest.mark.parametrize(("numbers", "sign", "words"),
                         [((4.0, 5.0, 6.0), 1, ("confirmed here", "+5.0 ± 2.5 points, 3 seeds",
                                                "below about 2.5 points are not detectable")),
                          ((-4.0, -5.0, -6.0), 1, ("the opposite was measured", "-5.0 ± 2.5")),
                          ((1.0, -1.0, 0.5), 1, ("neither confirmed nor refuted", "+0.2 ± 2.6")),
                          ((1.0, -1.0, 0.5), 0, ("consistent with the paper",)),
                          ((4.0, 5.0, 6.0), 0, ("not confirmed here",)),
                          ((4.0,), 1, ("one seed, which is too few",)),
                          ((), 1, ("not measured",)),])
def test_a_verdict(numbers, sign, words):
    said = verdict(difference("a", "b", "A beats B", sign), numbers)
    assert said.startswith("A beats B: ")
    assert all(word in said for word in words)


def test_a_difference_is_paired_by_seed():
    cells = {("a", 0): {"knn": 0.5}, ("a", 1): {"knn": 0.9}, ("b", 1): {"knn": 0.7},
             ("b", 2): {"knn": 0.1}}
    assert difference("a", "b").by_seed(cells, "knn") == pytest.approx([20.0])


@pytest.mark.parametrize(("means", "at"), [((-2, -1, 1, 2, 3), 0.375), ((1, 2, 3, 4, 5), 0.0),
                                           ((-5, -4, -3, -2, -1), None), ((1, -1, 1, 2, 3), 0.375),
                                           ((-1, 0, 1, 2, 3), 0.25),])
def test_where_the_curve_crosses_zero(means, at):
    curve = {x: [float(mean)] for x, mean in zip((0.0, 0.25, 0.5, 0.75, 1.0), means, strict=True)}
    found = crossing(curve)
    assert found is None if at is None else found == pytest.approx(at)
    assert crossing_interval(curve, np.random.default_rng(0)) is None  # one seed


def test_the_interval_of_the_crossing_holds_it():
    rng = np.random.default_rng(0)
    curve = {x: list(8 * (x - 0.4) + rng.standard_normal(5)) for x in (0.0, 0.25, 0.5, 0.75, 1.0)}
    low, high = crossing_interval(curve, np.random.default_rng(0))
    assert low <= crossing(curve) <= high
    assert 0.05 < high - low < 0.5


def test_the_answer_tells_the_numbers():
    cells = {}
    for seed in range(3):
        cells["off", seed] = {"knn": 0.70 + 0.01 * seed}
        for a in (0, 0.25, 0.5, 0.75, 1):
            cells[f"oracle {a:g}", seed] = {"knn": 0.70 + 0.01 * seed + 0.1 * (a - 0.5),
                                            "mean neighbor_accuracy": a}
        cells["nnclr, from the start", seed] = {"knn": 0.68 + 0.01 * seed,
                                                "mean neighbor_accuracy": 0.3}
    said = answer(cells, {})
    assert "A random image of the drawn class helps from a precision of about 50% on (95 % interval 50% to 50" in said
    assert "at 100% it gains +5.0 ± 0.0 points" in said
    assert "nnclr, from the start 30%, -2.0 ± 0.0 points" in said
    assert gains(cells)["oracle 0.25"][0] == 0.25


def test_what_is_lent_is_told_but_not_foretold():
    cells = {}
    for seed, noise in enumerate((-0.001, 0, 0.001)):
        cells["off", seed] = {"knn": 0.7}
        cells["nnclr, from the start", seed] = {"knn": 0.65 + noise, "mean neighbor_accuracy": 0.3}
        for a in ORACLES["oracle"]:
            cells[f"oracle {a:g}", seed] = {"knn": 0.6 + 0.05 * a, "mean neighbor_accuracy": a}
    said = answer(cells, {"elsewhere: nnclr, from the start": (0.4, [3.0, 3.1, 2.9])})
    assert "elsewhere: nnclr, from the start 40%, +3.0 ± 0.2 points" in said
    assert said.endswith("1 whose gain or loss is larger than its interval, 1 have the sign that "
                         "the curve of 'oracle' predicts.")


@pytest.mark.parametrize("agreement", [0.0, 0.3, 1.0])
def test_the_dial_does_as_it_is_told(agreement, rng):
    anchors, queued = rng.integers(0, 10, 5000), rng.integers(0, 10, 300)
    found = oracle_rows(anchors, queued, agreement, rng)
    same = (queued[found] == anchors).mean()
    assert abs(same - agreement) <= 3 * (agreement * (1 - agreement) / 5000) ** 0.5
    assert len(set(found)) > 250  # any row of the kind, not the first


def test_the_nearest_of_the_kind_where_that_is_asked_for(rng):
    anchors, queued = np.array([0, 1]), np.array([0, 1, 0, 1])
    liking = np.array([[0.1, 0.9, 0.2, 0.3], [0.5, -0.9, 0.4, -0.8]])
    assert oracle_rows(anchors, queued, 1.0, rng, liking).tolist() == [2, 3]
    assert oracle_rows(anchors, queued, 0.0, rng, liking).tolist() == [1, 0]


def test_where_there_is_none_of_the_kind_any_will_do(rng):
    assert set(oracle_rows(np.zeros(50, int), np.ones(4, int), 1.0, rng)) == {0, 1, 2, 3}


def test_the_dials_neighbours_are_constants_of_the_queue():
    run = Run(small_config(method="oracle_nnclr", oracle_precision=1.0), random_data(64))
    method, ids = run.method, np.arange(16)
    method.support_set.enqueue(np.random.default_rng(0).standard_normal((32, 8), np.float32),
                               np.arange(32))
    method.start(10)
    method.anchors = (method.labels_of[0][ids],)
    rows, found = method.lookup(Tensor(np.ones((16, 8), np.float32)))
    assert isinstance(rows, np.ndarray)
    np.testing.assert_array_equal(rows, method.support_set.rows[found])
    assert (method.labels_of[0][method.support_set.ids[found]] == method.anchors[0]).all()


@pytest.mark.parametrize(("gain", "words"),
                         [(-2, "the 1 whose gain or loss is larger than its "
                           "interval, 1 have the sign that the curve of 'oracle' predicts."),
                          (2, "0 have the sign that the curve of 'oracle' predicts; nnclr, from the start do "
                           "not"), (0, "No real run's gain or loss is larger than its interval"),])
def test_the_answer_says_whether_real_runs_do_as_the_dial_foretells(gain, words):
    cells = {}
    for seed, noise in enumerate((-0.001, 0, 0.001)):
        cells["off", seed] = {"knn": 0.7}
        cells["nnclr, from the start", seed] = {"knn": 0.7 + gain / 100 + noise,
                                                "mean neighbor_accuracy": 0.3}
        for a in (0, 0.25, 0.5, 0.75, 1):
            cells[f"oracle {a:g}", seed] = {"knn": 0.65 + 0.1 * a, "mean neighbor_accuracy": a}
    assert words in answer(cells, {})
