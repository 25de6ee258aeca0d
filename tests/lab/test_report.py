"""The tables of a sweep, against numbers computed by hand."""
import pytest
from one_line import fails

from tinynnclr.lab.sweep.collect import table
from tinynnclr.lab.sweep.comparison import markdown, title
from tinynnclr.lab.sweep.report import (
    baseline_numbers,
    csv_rows,
    difference_rows,
    group_baselines,
    read_runs,
    runs_of,
)
from tinynnclr.storage.text_tables import csv_text, read_csv


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
    """b - a is 5 and 2 points: mean 3.5, deviation 3 / sqrt(2), half interval 12.706 * 3 / 2."""
    runs = runs_of(RESULTS)
    # c shares one seed with a, which is too few
    assert difference_rows(runs, "a") == [["b:lr=1", "2", "+3.5 ± 19.1"]]
    assert difference_rows(runs, "b:lr=1") == [["a", "2", "-3.5 ± 19.1"]]
    assert difference_rows(runs, "not run yet") == []
    equal = runs_of([result("a", 0, 0.5), result("b", 0, 0.6), result("a", 1, 0.6),
                     result("b", 1, 0.49999)])
    assert difference_rows(equal, "a") == [["b", "2", "+0.0 ± 127.1"]]
    assert "seed by seed" not in markdown(RESULTS[:2], "a", "C")


def test_a_page_has_arms_and_baselines_the_best_first():
    page = markdown([*RESULTS, result("supervised", 0, 0.9)], "a", "tinynnclr compare", ["A note."])
    lines = page.splitlines()
    assert lines[0] == "# toybox, tiny_cnn, width 2, 2 epochs (8 steps), 1 to 3 seeds"
    assert lines[4:10] == [
        "| *supervised* (upper bound) | 1 | 8 | 90.0 % | 45.0 % | 10.0 |",
        "| b:lr=1 | 2 | 8 | 84.5 % ± 6.4 | 42.2 % ± 3.2 | 10.5 ± 6.4 |",
        "| a | 3 | 8 | 82.0 % ± 5.0 | 41.0 % ± 2.5 | 11.0 ± 2.5 |",
        "| *random weights* (baseline) | 3 | 0 | 40.0 % ± 24.8 | 20.0 % ± 0.0 |  |",
        "| *raw pixels* (baseline) |  | 0 | 25.0 % | 50.0 % |  |",
        "| c | 1 | 8 | 10.0 % | 5.0 % | 10.0 |"]
    for words in ("\n\nA note.\n\n", "Features: F, fitted on train, measured on test; last.",
                  "kNN: K.", "Chance: 10.0%", "Machine: M; threads: 1; tinynnclr 1.2, today:",
                  "\n```\ntinynnclr compare\n```"):
        assert words in page


def test_a_table_of_collected_runs_has_rows_for_each_data_set():
    lines = table([*RESULTS[:3], result("a", 0, 0.5, dataset="cifar10")]).splitlines()
    assert lines[0] == "| data | arm | seeds | epochs | kNN | linear |"
    assert [line.split(" | ")[:4] for line in lines[2:]] == [
        ["| toybox", "*raw pixels* (baseline)", "", "0"],
        ["| toybox", "*random weights* (baseline)", "2", "0"], ["| toybox", "a", "2", "2"],
        ["| toybox", "b:lr=1", "1", "2"], ["| cifar10", "*raw pixels* (baseline)", "", "0"],
        ["| cifar10", "*random weights* (baseline)", "1", "0"], ["| cifar10", "a", "1", "2"]]
    with fails(ValueError, "expected different runs, got a, seed 0 twice"):
        table([RESULTS[0], RESULTS[0]])


def test_baselines_that_differ_are_groups_of_their_own():
    """Other encoders have other random weights; other data have other pixels."""
    others = [result("vit", 0, 0.5, 0.31), result("vit", 1, 0.5, 0.4), result("cmc", 1, 0.5, 0.4),
              result("fog", 0, 0.5, baselines={"pixels": {"knn": 0.4, "linear": 0.4},
                                               "random": {"knn": 0.3, "linear": 0.2}})]
    runs = runs_of([*RESULTS, *others])
    assert {name: sorted(group) for name, group in group_baselines(runs).items()} == {
        "raw pixels": [0, 1, 2], "raw pixels of fog": [0], "random weights": [0, 1, 2],
        "random weights of vit": [0, 1]}
    numbers = baseline_numbers(runs)
    assert numbers["raw pixels"] == [0.25]  # one number: no seed matters
    assert numbers["random weights of vit"] == [0.31, 0.4]


def test_the_title_says_what_varies():
    assert title([result("a", 0, 0.5)]) == "toybox, tiny_cnn, width 2, 2 epochs (8 steps), 1 seed"
    both = [result("a", 0, 0.5, epochs=1, steps=4), result("b", 0, 0.5, encoder="vit, width 2")]
    assert title(both) == ("toybox, tiny_cnn, width 2 and vit, width 2, 1 to 2 epochs "
                           "(4 to 8 steps), 1 seed")


def test_csv_has_a_row_for_each_run(tmp_path):
    text = csv_text(csv_rows([*RESULTS, result("d", 0, 0.5, last_epoch={"nmi": 1 / 3})]))
    path = tmp_path / "runs.csv"
    path.write_text(text, encoding="utf-8")
    rows = read_csv(path)
    assert list(rows[0]) == ["arm", "seed", "method", "dataset", "encoder", "epochs", "steps",
                             "knn", "linear", "seconds", "views_per_second", "lr",
                             "embedding_variance", "pixels knn", "pixels linear", "random knn",
                             "random linear", "version", "collected", "machine", "nmi"]
    assert [row["arm"] for row in rows] == ["a", "b:lr=1", "a", "b:lr=1", "a", "c", "d"]
    assert list(rows[1].values())[:13] == ["b:lr=1", "0", "b", "toybox", "tiny_cnn, width 2", "2",
                                           "8", "0.85", "0.425", "10", "100", "0.00125", "0.9"]
    assert (rows[6]["lr"], rows[6]["nmi"]) == ("", "0.333333")
    assert "\r" not in text
    assert read_runs(path) == {run: pytest.approx(numbers, rel=1e-5) for run, numbers
                               in runs_of([*RESULTS, result("d", 0, 0.5,
                                                            last_epoch={"nmi": 1 / 3})]).items()}


@pytest.mark.parametrize("text", ["arm\nx\n", "arm,seed,knn\na,one,0.5\n", "arm,seed,knn\na,0\n",
                                  "arm,seed,knn\na,0,half\n", "\0\n\0\n", 'arm,"seed\n'])
def test_a_damaged_csv_file(text, tmp_path):
    (tmp_path / "x.csv").write_text(text, encoding="utf-8")
    with fails(ValueError, "x.csv: expected runs as `tinynnclr compare`", "make it anew"):
        read_runs(tmp_path / "x.csv")
