"""The tables of a comparison, against numbers worked out by hand."""
import csv
import io

import pytest

from tinynnclr.lab.sweep.report import csv_table, markdown, paired, random_floors, summary, title


def result(arm, seed, knn, random=0.3, **more):
    return {"arm": arm, "method": arm.partition(":")[0], "dataset": "toybox",
            "encoder": "tiny_cnn, width 2", "seed": seed, "epochs": 2, "steps": 8, "knn": knn,
            "linear": knn / 2, "seconds": 10.0 + seed, "views_per_second": 100.0,
            "baselines": {"pixels": {"knn": 0.25, "linear": 0.5},
                          "random": {"knn": random, "linear": 0.2}},
            "last_epoch": {"epoch": 2.0, "step": 8.0, "lr": 0.00125, "embedding_variance": 0.9,
                           "neighbor_age": None}, "threads": 1,
            "protocol": {"features": "F", "fitted_on": "train", "measured_on": "test",
                         "selection": "last", "knn": "K", "linear": "L", "chance": 0.1},
            "machine": "M", "version": "1.2", "collected": "today", **more}


RESULTS = [result("a", 0, 0.80), result("b:lr=1", 0, 0.85), result("a", 1, 0.82, 0.4),
           result("b:lr=1", 1, 0.84, 0.4), result("a", 2, 0.84, 0.5), result("c", 0, 0.10)]


def test_paired_differences():
    """b - a is 5 and 2 points: mean 3.5, deviation 3 / sqrt(2), so the interval is 12.706 * 3 / 2.
    """
    found = paired(RESULTS, "a")
    assert list(found) == ["b:lr=1"]  # c shares one seed with a: no interval
    assert found["b:lr=1"] == pytest.approx([5, 2])
    assert "| b:lr=1 | 2 | +3.5 ± 19.1 |" in markdown(RESULTS, "a", "C").splitlines()
    level = [result("a", 0, 0.5), result("b", 0, 0.6), result("a", 1, 0.6), result("b", 1, 0.49999)]
    assert "| b | 2 | +0.0 ± 127.1 |" in markdown(level, "a", "C").splitlines()
    assert paired(RESULTS, "b:lr=1")["a"] == pytest.approx([-5, -2])
    assert paired(RESULTS, "not run yet") == {}
    assert "seed by seed" not in markdown(RESULTS[:2], "a", "C")


def test_the_table_is_sorted_and_marks_the_floors():
    lines = markdown(RESULTS, "a", "tinynnclr compare", ["A note."]).splitlines()
    assert lines[0] == "# toybox, tiny_cnn, width 2, 2 epochs (8 steps), 1 to 3 seeds"
    assert lines[4:9] == ["| b:lr=1 | 2 | 8 | 84.5 % ± 6.4 | 42.2 % ± 3.2 | 10.5 ± 6.4 |",
                          "| a | 3 | 8 | 82.0 % ± 5.0 | 41.0 % ± 2.5 | 11.0 ± 2.5 |",
                          "| *random weights* (floor) | 3 | 0 | 40.0 % ± 24.8 | 20.0 % ± 0.0 |  |",
                          "| *raw pixels* (floor) |  | 0 | 25.0 % | 50.0 % |  |",
                          "| c | 1 | 8 | 10.0 % | 5.0 % | 10.0 |"]
    page = "\n".join(lines)
    for words in ("\n\nA note.\n\n", "Features: F, fitted on train, measured on test; last.",
                  "kNN: K.", "Chance: 10.0%", "Machine: M; threads: 1; tinynnclr 1.2, today:",
                  "\n```\ntinynnclr compare\n```"):
        assert words in page
    assert [row["floor"] for row in summary(RESULTS)] == [False, False, True, True, False]


def test_random_weights_that_differ_are_rows_of_their_own():
    others = [result("vit", 0, 0.5, 0.31), result("vit", 1, 0.5, 0.4), result("cmc", 1, 0.5, 0.4)]
    floors = random_floors([*RESULTS, *others])
    assert {name: sorted(seeds) for name, seeds in floors.items()} == {
        "random weights": [0, 1, 2], "random weights of vit": [0, 1]}
    assert floors["random weights of vit"][0]["knn"] == 0.31
    assert [r["knn"] for r in summary([*RESULTS, *others]) if r["name"]
            == "random weights of vit"] == [[0.31, 0.4]]


def test_the_title_tells_what_varies():
    assert title([result("a", 0, 0.5)]) == "toybox, tiny_cnn, width 2, 2 epochs (8 steps), 1 seed"
    both = [result("a", 0, 0.5, epochs=1, steps=4), result("b", 0, 0.5, encoder="vit, width 2")]
    assert title(both) == "toybox, tiny_cnn, width 2 and vit, width 2, 1 to 2 epochs (4 to 8 steps), 1 seed"


def test_the_csv_has_a_row_a_run():
    text = csv_table([*RESULTS, result("d", 0, 0.5, last_epoch={"nmi": 1 / 3})])
    rows = list(csv.DictReader(io.StringIO(text)))
    assert list(rows[0]) == ["arm", "method", "dataset", "encoder", "seed", "epochs", "steps",
                             "knn", "linear", "seconds", "views_per_second", "lr",
                             "embedding_variance", "neighbor_age", "nmi"]
    assert [row["arm"] for row in rows] == ["a", "b:lr=1", "a", "b:lr=1", "a", "c", "d"]
    assert list(rows[1].values()) == ["b:lr=1", "b", "toybox", "tiny_cnn, width 2", "0", "2", "8",
                                      "0.85", "0.425", "10.0", "100.0", "0.00125", "0.9", "", ""]
    assert (rows[6]["lr"], rows[6]["nmi"]) == ("", "0.333333")
    assert "\r" not in text
