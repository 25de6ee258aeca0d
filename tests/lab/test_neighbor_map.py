"""Verdicts on claims, and the map: its points, its crossing of zero, its picture."""
import numpy as np
import pytest
from PIL import Image

from tinynnclr.lab.paper_tables.neighbor_map import (
    ACCURACY,
    CONTROL,
    MEASURES,
    SETTINGS,
    answer,
    crossing,
    crossing_interval,
    oracle_gains,
    points,
)
from tinynnclr.lab.paper_tables.page import mean_accuracies
from tinynnclr.lab.paper_tables.runs import rows_by_arm
from tinynnclr.lab.paper_tables.table import claim_row, difference, verdict
from tinynnclr.lab.plots.neighbor_map import draw_neighbor_map


@pytest.mark.parametrize(("numbers", "sign", "words"), [
    ((4, 5, 6), 1, "held"), ((-4, -5, -6), 1, "reversed"), ((1, -1, 0.5), 1, "undecided"),
    ((1, -1, 0.5), 0, "undecided"), ((4, 5, 6), 0, "reversed"), ((-4, -5, -6), 0, "reversed"),
    ((4,), 1, "undecided"), ((), 1, "not measured")])
def test_a_verdict(numbers, sign, words):
    assert verdict(difference("a", "b", sign=sign), numbers) == words


def test_a_claim_is_paired_by_seed():
    runs = {("a", 0): {"knn": 0.5}, ("a", 1): {"knn": 0.9}, ("a", 3): {"knn": 0.8},
            ("b", 1): {"knn": 0.7}, ("b", 2): {"knn": 0.1}, ("b", 3): {"knn": 0.5}}
    claim = difference("a", "b", "A beats B")
    assert claim.by_seed(runs, "knn") == pytest.approx([20.0, 30.0])
    # Student's t for one degree of freedom: 12.706 * 7.07 / sqrt(2)
    assert claim_row(claim, "knn", runs) == ["A beats B", "kNN", "+25.0 ± 63.5 points", "2",
                                             "undecided", "63.5"]
    assert claim_row(difference("a", "c"), "knn", runs)[2:] == ["", "0", "not measured", ""]


def test_the_rows_of_a_protocol_belong_to_arms_not_to_methods():
    """Two arms of one method stay apart; a baseline beside each is no arm."""
    rows = [{"arm": arm, "seed": "0", "encoder": encoder, "accuracy": accuracy} for arm, encoder,
            accuracy in (("nnclr", "nnclr", 0.8), ("nnclr", "random weights", 0.3),
                         ("constant own view", "nnclr", 0.7), ("nnclr", "raw pixels", 0.2))]
    assert mean_accuracies(rows, {}) == {("nnclr", 0): {"accuracy": 0.8},
                                         ("constant own view", 0): {"accuracy": 0.7}}
    assert [row["encoder"] for row in rows_by_arm(rows)] == ["nnclr", "random weights",
                                                             "constant own view", "raw pixels"]


def test_the_crossing_is_the_root_of_the_line():
    x = np.array([0.2, 0.4, 0.9])
    assert crossing(x, 10 * x - 6) == pytest.approx(0.6)
    assert np.isnan(crossing(x, 6 - 10 * x))


def test_the_interval_of_the_crossing_shrinks_with_the_noise(rng):
    x = rng.uniform(0.2, 1, 20)
    widths = []
    for noise in (0.1, 2.0):
        at, low, high = crossing_interval(x, 10 * (x - 0.6) + rng.normal(0, noise, 20))
        assert low <= at <= high
        assert low <= 0.6 <= high
        widths.append(high - low)
    assert widths[0] < widths[1] / 3


def map_runs(seeds=3):
    """Settings that gain 10 points times (accuracy - 0.6), and an oracle that gains 4 points."""
    runs = {}
    for seed in range(seeds):
        for i, setting in enumerate(list(SETTINGS)[:4]):
            accuracy = 0.4 + 0.15 * i
            base = dict.fromkeys(MEASURES, 0.5 + 0.01 * seed)
            runs[f"{setting}: {CONTROL}", seed] = base
            runs[f"{setting}: simclr", seed] = {name: value + 0.02 for name, value in base.items()}
            runs[f"{setting}: nnclr", seed] = {
                **{name: value + 0.1 * (accuracy - 0.6) for name, value in base.items()},
                ACCURACY: accuracy}
        runs[f"oracle: {CONTROL}", seed] = dict.fromkeys(MEASURES, 0.4)
        runs["oracle: 1, K = 4", seed] = dict.fromkeys(MEASURES, 0.44)
    return runs


def test_the_points_of_a_map():
    runs = {("nnclr", 5): {**dict.fromkeys(MEASURES, 0.7), ACCURACY: 0.5},
            (CONTROL, 5): dict.fromkeys(MEASURES, 0.6)}
    stored = {"elsewhere": (runs, "")}
    map_points = points(map_runs(), stored)
    assert [round(point.accuracy, 2) for point in map_points.values()] == [0.4, 0.5, 0.55, 0.7,
                                                                           0.85]
    assert map_points["elsewhere"].gains[CONTROL, "knn"] == pytest.approx([10])
    assert map_points["elsewhere"].gains["simclr", "knn"] == []
    first = map_points[next(iter(SETTINGS))]
    assert first.gains[CONTROL, "five_labels"] == pytest.approx([-2] * 3)
    assert first.gains["simclr", "kmeans_nmi"] == pytest.approx([-4] * 3)
    assert oracle_gains(map_runs(), 4) == [(1.0, pytest.approx([4] * 3))]
    assert oracle_gains(map_runs(), 16) == []


def test_the_answer_has_the_numbers():
    text = "\n\n".join(answer(points(map_runs(), {})))
    assert f"| {next(iter(SETTINGS))} | 3 | 40 % | -2.0 ± 0.0 |" in text
    assert ("- 5 labels 1-NN: the gain over the constant own view crosses zero where 60 % of the "
            "neighbours are of the class (95 % interval 60 to 60 %, a line through 4 settings"
            ) in text


def test_the_picture(tmp_path):
    gains = {name: (point.accuracy, point.gains[CONTROL, "knn"])
             for name, point in points(map_runs(), {}).items()}
    out = tmp_path / "map.png"
    arguments = gains, {4: oracle_gains(map_runs(), 4)}
    assert draw_neighbor_map(*arguments, (0.6, 0.5, 0.7), out, title="toybox") == out
    whole = out.read_bytes()
    with Image.open(out) as image:
        assert image.size[0] == 1170
    draw_neighbor_map(*arguments, None, out, title="toybox")  # without the crossing
    assert out.read_bytes() != whole
