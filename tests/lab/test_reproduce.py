"""`tinynnclr reproduce`: every table at a tiny budget, from shared runs; stopped and gone on with;
mistakes.
"""
import csv
import re
from pathlib import Path

import numpy as np
import pytest
from command_line import run
from one_line import fails
from places import ROOT

from tinynnclr.lab.paper_tables import BUDGETS, command, parse_tables, reproduce, tables_of
from tinynnclr.lab.paper_tables.neighbor_precision import OFFS, REAL, STYLES, gains
from tinynnclr.lab.paper_tables.page import CEILING, floors, read_cells
from tinynnclr.lab.paper_tables.store import evenly, key
from tinynnclr.lab.plots.style import DPI
from tinynnclr.methods import NNCLR, make_config
from tinynnclr.methods.registry import suited
from tinynnclr.metrics.confidence import mean_and_interval
from tinynnclr.storage.messages import shell_words
from tinynnclr.train import run_dir

TABLES = tables_of("tiny")
SMALL = tables_of("small")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A folder of runs for all tests of this file, as one command has it for all of its tables."""
    return tmp_path_factory.mktemp("runs")


def make(name, runs, out, seeds=(0, 1)):
    return reproduce(TABLES[name], "tiny", list(seeds), {"threads": 1}, out, runs)


@pytest.fixture(autouse=True)
def _short(monkeypatch):
    """Fine-tuning of a few steps, on other sets of a few images."""
    for module in ("semi_supervised", "transfer"):
        monkeypatch.setattr(f"tinynnclr.lab.protocols.{module}.STEPS", 4)
    for name in ("TRAIN", "TEST"):
        monkeypatch.setattr(f"tinynnclr.lab.protocols.transfer_sets.{name}", 200)


def lines_of(path):
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


QUICK = ("queue-size", "ring")  # the other tables are made with --all


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.slow] * (n not in QUICK)) for n
                                  in TABLES])
def test_each_table(name, runs, tmp_path):
    paths = make(name, runs, tmp_path)
    assert [path.name for path in paths] == [f"{name}-tiny.{ending}" for ending
                                             in ("csv", "md", "png")]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(path.name for path in paths)
    lines = lines_of(paths[0])
    table = TABLES[name]
    arms = {arm.name for arm in table.arms}
    assert {line["arm"] for line in lines} - {CEILING} == arms - {CEILING}
    assert {line["seed"] for line in lines} == {"0", "1"}
    assert all(line["machine"] and line["version"] and line["date"] for line in lines)
    page = paths[1].read_text(encoding="utf-8")
    assert table.question in page
    assert shell_words("tinynnclr", "reproduce", name, "--budget", "tiny", "--seeds", "0,1") in page
    for contrast in table.contrasts:
        assert any(line.startswith(f"- {contrast.words}: ") for line in page.splitlines())
    if table.paper:
        assert all(f"| {row} | {value} |" in page for row, value in table.paper.rows)
    from matplotlib.image import imread

    height, width = imread(paths[2]).shape[:2]
    assert width == round(9 * DPI)
    assert height > 200


def test_each_arm_is_judged_on_its_own_data(runs, tmp_path):
    """Raw pixels do not depend on the seed, but on the set: as many kinds of them as there are
    sets.
    """
    lines = lines_of(make("neighbor-precision", runs, tmp_path, seeds=(0,))[0])
    pixels = {line["arm"]: (line["pixels knn"], line["pixels linear"]) for line in lines}
    sets = {arm: OFFS[off].get("dataset", "toybox") for arm,
            (off, _) in REAL.items() if arm in pixels}
    assert len(set(sets.values())) == len(set(pixels.values())) == 1 + len(STYLES)
    assert len({(sets[arm], pixels[arm]) for arm in sets}) == 1 + len(STYLES)


def test_real_runs_of_another_budget_are_lent(runs, tmp_path):
    """Those published at the budget small, in the words and the picture of the budget tiny; none of
    its dial.
    """
    alone, picture = (path.read_bytes() for path in make("neighbor-precision", runs, tmp_path,
                                                         seeds=(0,))[1:])
    assert b"toybox: " not in alone
    lent = tmp_path / "neighbor-precision-small.csv"
    lent.write_bytes((ROOT / "results" / "reproduce" / lent.name).read_bytes())
    _, page, picture_with_them = make("neighbor-precision", runs, tmp_path, seeds=(0,))
    real, half = mean_and_interval(gains(read_cells(lent))["nnclr, from the start"][1])
    assert f"toybox: nnclr, from the start 30%, {real:+.1f} ± {half:.1f} points" in page.read_text(
            encoding="utf-8")
    assert "toybox: dial" not in page.read_text(encoding="utf-8")
    assert picture_with_them.read_bytes() != picture


@pytest.mark.parametrize("text", ["arm\nx\n", "arm,seed,knn\na,one,0.5\n",
                                  "arm,seed,knn\na,0,half\n", "\0\n\0\n"])
def test_what_is_lent_may_be_damaged(text, runs, tmp_path):
    (tmp_path / "neighbor-precision-small.csv").write_text(text, encoding="utf-8")
    with fails(ValueError, "neighbor-precision-small.csv: expected the runs of a table",
               "make it anew"):
        make("neighbor-precision", runs, tmp_path, seeds=(0,))


def test_another_encoder_has_a_floor_of_its_own():
    """Arms share their random weights, seed by seed; those of another network are told apart."""
    def cell(random):
        return {"pixels knn": 0.3, "pixels linear": 0.2, "random knn": random,
                "random linear": random + 0.1}

    cells = {("a", 0): cell(0.4), ("b", 0): cell(0.4), ("vit", 0): cell(0.1), ("a", 1): cell(0.5),
             ("vit", 1): cell(0.2)}
    assert {name: knn for name, (knn, _) in floors(cells).items()} == {
        "raw pixels": [0.3, 0.3], "random weights": [0.4, 0.5], "random weights of vit": [0.1, 0.2]}


def test_the_mean_in_the_page_is_that_of_the_lines(runs, tmp_path):
    csv_path, md_path, _ = make("predictor", runs, tmp_path)
    lines = [line for line in lines_of(csv_path) if line["arm"] == "without"]
    values = [float(line["knn"]) for line in lines]
    found = re.search(r"^\| without \| 2 \| ([\d.]+) % ± ([\d.]+) \|",
                      md_path.read_text(encoding="utf-8"), re.M)
    assert float(found[1]) == pytest.approx(100 * np.mean(values), abs=0.051)
    assert float(found[2]) == pytest.approx(100 * 12.706 * np.std(values, ddof=1) / 2**0.5,
                                            abs=0.06)


def test_other_epochs_than_the_budget_s(tmp_path, capsys):
    out = tmp_path / "out"
    status, _, err = run(capsys, "reproduce", "predictor", "--budget", "tiny", "--seeds", "1",
                         "--epochs", "1", "--threads", "1", "--out", out)
    assert status == 0, err
    page = (out / "predictor-tiny.md").read_text(encoding="utf-8")
    assert "1 epoch, " in page
    assert "tinynnclr reproduce predictor --budget tiny --seeds 0 --epochs 1" in page
    assert {line["steps"] for line in lines_of(out / "predictor-tiny.csv")} == {"10"}


def test_runs_are_shared_and_found_again(runs, tmp_path, monkeypatch):
    """A second table trains only what is new, and the same table nothing."""
    make("predictor", runs, tmp_path)
    trained = []
    real = run_dir.train_into
    monkeypatch.setattr(run_dir, "train_into", lambda folder, *a,
                        **k: (trained.append(folder), real(folder, *a, **k)))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    make("predictor", runs, tmp_path)
    assert trained == []
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    make("predictor", runs, tmp_path, seeds=(7,))
    assert len(trained) == len(TABLES["predictor"].arms) + 1


def test_stopped_and_gone_on_with(tmp_path, monkeypatch):
    """Ctrl-C after the third epoch of the table; the same call goes on from there and makes the
    same files.
    """
    whole = [path.read_bytes() for path in make("predictor", tmp_path / "a", tmp_path / "whole",
                                                (0,))]
    real, saves = run_dir.Run.save, []

    def save(self, path):
        real(self, path)
        saves.append(self.step)
        if len(saves) == 5:  # run 1: begin, epoch, epoch; run 2: begin, epoch
            raise KeyboardInterrupt

    monkeypatch.setattr(run_dir.Run, "save", save)
    with pytest.raises(KeyboardInterrupt):
        make("predictor", tmp_path / "b", tmp_path / "stopped", (0,))
    assert not (tmp_path / "stopped").exists()
    steps = saves[:]
    monkeypatch.setattr(run_dir.Run, "save", lambda self,
                        path: (real(self, path), saves.append(self.step)))
    again = [path.read_bytes() for path in make("predictor", tmp_path / "b", tmp_path / "stopped",
                                                (0,))]
    assert again == whole
    # the second run's second epoch: neither its first nor the first run again
    assert saves[len(steps)] == 20


def test_a_run_that_diverges_is_told_and_left_out(runs, tmp_path, monkeypatch, capsys):
    table = TABLES["predictor"]
    wild = command.Arm("without", {"method": "nnclr", "lr": 1e30})
    arms = [wild if arm.name == "without" else arm for arm in table.arms]
    spoiled = command.Table(**{**vars(table), "arms": arms})
    with np.errstate(all="ignore"):
        _, md, _ = reproduce(spoiled, "tiny", [0, 1], {"threads": 1}, tmp_path, runs)
    page = md.read_text(encoding="utf-8")
    assert "without, seed 0 failed: step" in page
    assert "A predictor helps NNCLR: not measured." in page
    assert "the loss is not finite" in capsys.readouterr().err


def test_a_key_is_all_that_changes_a_result():
    config = NNCLR.Config(seed=3)
    same = NNCLR.Config(seed=3, threads=1, data_dir="elsewhere")
    assert key(config) == key(same)
    assert key(config).startswith("nnclr-toybox-3-")
    others = NNCLR.Config(seed=4), NNCLR.Config(seed=3, lr=0.1), NNCLR.Config(seed=3, knn_k=10)
    assert len({key(c) for c in (config, *others)}) == 4


def test_small_tables_hold_what_was_asked_for():
    """Fifteen tables; no configuration twice in one; queues up to half of the images."""
    assert set(SMALL) == {"linear", "semi", "transfer", "crop-only", "queue-size", "top-k",
                          "predictor", "momentum", "temperature", "batch-size", "embedding-size",
                          "ring", "soft-neighbors", "deepcluster", "neighbor-precision"}
    for table in SMALL.values():
        shared = {**BUDGETS["small"].options, **table.options}
        options = [make_config({**suited(shared, arm.options["method"]), **arm.options}) for arm
                   in table.arms]
        assert len({key(config) for config in options}) == len(table.arms)
        names = {arm.name for arm in table.arms}
        assert all(set(contrast.arms) <= names for contrast in table.contrasts)
    assert [arm.x for arm in SMALL["queue-size"].arms] == [256, 512, 1024, 2500]


def test_evenly_keeps_every_class():
    from small import random_data

    data = evenly(random_data(64), 10)
    assert len(data) == 10
    assert set(data.labels) == {0, 1, 2, 3}


@pytest.mark.parametrize(("arguments", "words"), [
    (("queue_size",), ("TABLE: expected all or some of linear", "did you mean queue-size?")),
    (("top-k", "--seeds", "0"), ("--seeds: expected a count",)),
    (("top-k", "--budget", "large"), ("invalid choice: 'large'",)),
    (("top-k", "--budget", "medium", "--data-dir", "nowhere"), ("nowhere",)),
])
def test_mistakes(arguments, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    status, out, err = run(capsys, "reproduce", *arguments)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert all(word in err for word in words)
    assert list(tmp_path.iterdir()) == []


def test_the_command_and_its_help(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    status, out, _ = run(capsys, "reproduce", "predictor", "--budget", "tiny", "--seeds", "1",
                         "--out", "t")
    assert status == 0
    assert out.split() == [str(Path("t", f"predictor-tiny.{ending}")) for ending
                           in ("csv", "md", "png")]
    status, out, _ = run(capsys, "reproduce", "--help")
    assert all(table.question in out for table in SMALL.values())
    assert [table.name for table in parse_tables("all", "small")] == list(SMALL)
