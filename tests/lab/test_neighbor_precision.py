"""Verdicts on claims, and where neighbours begin to help."""
import pytest

from tinynnclr.lab.paper_tables.neighbor_precision import ORACLES, answer, crossing, gains
from tinynnclr.lab.paper_tables.table import difference, verdict


@pytest.mark.parametrize(("numbers", "sign", "words"), [
    ((4, 5, 6), 1, "confirmed here (+5.0 ± 2.5 points, 3 seeds); effects below about 2.5 points"),
    ((-4, -5, -6), 1, "the opposite was measured here (-5.0 ± 2.5"),
    ((1, -1, 0.5), 1, "neither confirmed nor refuted (+0.2 ± 2.6"),
    ((1, -1, 0.5), 0, "consistent with the paper ("), ((4, 5, 6), 0, "not confirmed here ("),
    ((4,), 1, "+4.0 points with one seed, which is too few"), ((), 1, "not measured.")])
def test_a_verdict(numbers, sign, words):
    claim = difference("a", "b", "A beats B", sign)
    assert verdict(claim, numbers).startswith(f"A beats B: {words}")


def test_a_difference_is_paired_by_seed():
    runs = {("a", 0): {"knn": 0.5}, ("a", 1): {"knn": 0.9}, ("b", 1): {"knn": 0.7},
            ("b", 2): {"knn": 0.1}}
    assert difference("a", "b").by_seed(runs, "knn") == pytest.approx([20.0])


@pytest.mark.parametrize(("means", "at"), [
    ((-2, -1, 1, 2, 3), 0.375), ((1, 2, 3, 4, 5), 0.0), ((-5, -4, -3, -2, -1), None),
    ((1, -1, 1, 2, 3), 0.375), ((-1, 0, 1, 2, 3), 0.25)])
def test_where_the_curve_crosses_zero(means, at):
    curve = {x: [float(mean)] for x, mean in zip((0.0, 0.25, 0.5, 0.75, 1.0), means, strict=True)}
    assert crossing(curve) == (at if at is None else pytest.approx(at))


def oracle_runs(gain, zero=0.5, noise=0.001):
    """An oracle that gains 10 points times its precision above zero; a real run of precision 30 %.
    """
    runs = {}
    for seed, error in enumerate((-noise, 0, noise)):
        runs["off", seed] = {"knn": 0.7}
        for a in ORACLES["oracle"]:
            runs[f"oracle {a:g}", seed] = {"knn": 0.7 + 0.1 * (a - zero),
                                           "mean neighbor_accuracy": a}
        runs["nnclr, from the start", seed] = {"knn": 0.7 + gain / 100 + error,
                                               "mean neighbor_accuracy": 0.3}
    return runs


def test_the_answer_has_the_numbers():
    text = answer(oracle_runs(-2), {})
    assert "A random image of the drawn class helps from a precision of about 50% on;" in text
    assert "at 100% it gains +5.0 ± 0.0 points" in text
    assert "nnclr, from the start 30%, -2.0 ± 0.2 points" in text
    assert gains(oracle_runs(0))["oracle 0.25"][0] == 0.25


def test_runs_on_other_data_are_shown_but_not_predicted():
    text = answer(oracle_runs(-5, zero=2), {"other: nnclr, from the start": (0.4, [3.0, 3.1, 2.9])})
    assert "helps at no precision of the oracle" in text
    assert "other: nnclr, from the start 40%, +3.0 ± 0.2 points" in text
    assert text.endswith("1 whose gain or loss is larger than its interval, 1 have the sign that "
                         "the curve of 'oracle' predicts.")


@pytest.mark.parametrize(("gain", "words"), [
    (-2, "interval, 1 have the sign that the curve of 'oracle' predicts."),
    (2, "0 have the sign that the curve of 'oracle' predicts; nnclr, from the start do not"),
    (0, "No real run's gain or loss is larger than its interval")])
def test_the_answer_says_whether_the_oracle_predicts_real_runs(gain, words):
    assert words in answer(oracle_runs(gain), {})
