"""`tinynnclr reproduce`: every table at a tiny budget, shared runs, interrupts, and mistakes."""
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from command_line import run
from small import random_data
from test_results import expect_made_of_its_runs

from tinynnclr.lab.paper_tables import BUDGETS, parse_tables, reproduce, tables_of
from tinynnclr.lab.paper_tables.neighbor_map import PHOTO_MAP, PHOTOS, STORED, TINY
from tinynnclr.lab.paper_tables.runs import key
from tinynnclr.lab.sweep.arms import Arm
from tinynnclr.lab.sweep.report import UPPER_BOUND
from tinynnclr.lab.sweep.sweep import evenly
from tinynnclr.methods import NNCLR, make_config
from tinynnclr.methods.registry import applicable
from tinynnclr.storage.messages import shell_words
from tinynnclr.storage.text_tables import csv_text, read_csv
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


QUICK = ("queue-size", "ring")  # the other tables are made with --all


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.slow] * (n not in QUICK)) for n
                                  in TABLES if n != PHOTO_MAP])  # it needs sets that are not here
def test_each_table(name, runs, tmp_path):
    paths = make(name, runs, tmp_path)
    assert [path.name for path in paths] == [f"{name}-tiny.{ending}" for ending
                                             in ("csv", "md", "png")]
    assert sorted(tmp_path.iterdir()) == sorted(paths)
    lines = expect_made_of_its_runs(paths[0])
    arms = {arm.name for arm in TABLES[name].arms}
    assert {line["arm"] for line in lines} - {UPPER_BOUND} == arms - {UPPER_BOUND}
    assert {line["seed"] for line in lines} == {"0", "1"}
    command = shell_words("tinynnclr", "reproduce", name, "--budget", "tiny", "--seeds", "0,1")
    assert command in paths[1].read_text(encoding="utf-8")


def test_each_arm_is_evaluated_on_its_own_data(runs, tmp_path):
    """The accuracies of raw pixels are those of the arm's own data set."""
    table = replace(TABLES["top-k"], contrasts=[], arms=[
        Arm("kinds", {"method": "simclr", "dataset": "toybox-kinds"}),
        Arm("classes", {"method": "simclr"})])
    lines = read_csv(reproduce(table, "tiny", [0], {"threads": 1}, tmp_path, runs)[0])
    assert len({line["pixels knn"] for line in lines}) == 2


def test_the_map_has_its_own_settings_and_those_of_table_neighbors(runs, tmp_path):
    alone = make("neighbor-map", runs, tmp_path, seeds=(0,))[2].read_bytes()
    lines = read_csv(make("neighbors", runs, tmp_path, seeds=(0,))[0])
    (tmp_path / "neighbors-small.csv").write_text(csv_text(lines), encoding="utf-8")
    photos = [{**line, "arm": f"{setting}: {line['arm']}"} for setting in PHOTOS for line in lines]
    (tmp_path / f"{PHOTO_MAP}-small.csv").write_text(csv_text(photos), encoding="utf-8")
    _, page, picture = make("neighbor-map", runs, tmp_path, seeds=(0,))
    text = page.read_text(encoding="utf-8")
    assert all(f"\n| {setting} | 1 | " in text for setting
               in (*TINY, STORED["neighbors-small"], *PHOTOS))
    assert picture.read_bytes() != alone


def test_runs_are_shared_and_found_again(runs, tmp_path, monkeypatch):
    """A second table trains only what is new, and the same table nothing."""
    make("top-k", runs, tmp_path)
    trained = []
    real = run_dir.train_into
    monkeypatch.setattr(run_dir, "train_into", lambda folder, *a,
                        **k: (trained.append(folder), real(folder, *a, **k)))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    make("top-k", runs, tmp_path)
    assert trained == []
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    make("top-k", runs, tmp_path, seeds=(7,))
    assert len(trained) == len(TABLES["top-k"].arms) + 1


def timeless(paths):
    """The files without times: the rows of the CSV file, and the bytes of page and picture."""
    rows = [{name: value for name, value in row.items()
             if name not in ("seconds", "views_per_second")} for row in read_csv(paths[0])]
    return [rows, *(path.read_bytes() for path in paths[1:])]


def test_stopped_and_resumed(tmp_path, monkeypatch, capsys):
    """Ctrl-C after three epochs of the table; the same call continues and makes the same files."""
    whole = timeless(make("top-k", tmp_path / "a", tmp_path / "whole", (0,)))
    real, saves = run_dir.Run.save, []

    def save(self, path):
        real(self, path)
        saves.append(self.step)
        if len(saves) == 5:  # run 1: begin, epoch, epoch; run 2: begin, epoch
            raise KeyboardInterrupt

    monkeypatch.setattr(run_dir.Run, "save", save)
    with pytest.raises(SystemExit) as end:
        make("top-k", tmp_path / "b", tmp_path / "stopped", (0,))
    assert end.value.code == 130
    assert ("stopped; 1 of 7 runs are done, 10 steps of nearest, seed 0, are saved. Resume "
            "with:\n  tinynnclr reproduce top-k --budget tiny --seeds 0"
            ) in capsys.readouterr().err
    assert not (tmp_path / "stopped").exists()
    before = len(saves)
    monkeypatch.setattr(run_dir.Run, "save", lambda self, path: (real(self, path),
                                                                 saves.append(self.step)))
    assert timeless(make("top-k", tmp_path / "b", tmp_path / "stopped", (0,))) == whole
    # the second run's second epoch: neither its first nor the first run again
    assert saves[before] == 20


def test_a_run_that_diverges_is_reported_and_left_out(runs, tmp_path, capsys):
    arms = [Arm(arm.name, {**arm.options, "lr": 1e30}) if arm.name == "random of 16" else arm
            for arm in TABLES["top-k"].arms]
    with np.errstate(all="ignore"):
        paths = reproduce(replace(TABLES["top-k"], arms=arms), "tiny", [0, 1], {"threads": 1},
                          tmp_path, runs)
    page = paths[1].read_text(encoding="utf-8")
    assert "Failed: random of 16, seed 0: step" in page
    assert "| not measured |" in page
    assert "failed: step 2, epoch 1: the loss is not finite" in capsys.readouterr().out


def test_a_key_is_all_that_changes_a_result():
    config = NNCLR.Config(seed=3)
    same = NNCLR.Config(seed=3, threads=1, data_dir="elsewhere")
    assert key(config) == key(same)
    assert key(config).startswith("nnclr-toybox-3-")
    others = NNCLR.Config(seed=4), NNCLR.Config(seed=3, lr=0.1), NNCLR.Config(seed=3, knn_k=10)
    assert len({key(c) for c in (config, *others)}) == 4


def test_small_tables_hold_what_was_asked_for():
    """No configuration is twice in a table; queues are as long as the data."""
    assert set(SMALL) == {"neighbors", "neighbors-tuned", "neighbor-map", PHOTO_MAP, "linear",
                          "semi", "transfer", "crop-only", "queue-size", "top-k", "search", "ring",
                          "soft-neighbors", "deepcluster"}
    for table in SMALL.values():
        shared = BUDGETS["small"].options
        options = [make_config({**applicable(shared, arm.options["method"]), **arm.options}) for arm
                   in table.arms]
        assert len({key(config) for config in options}) == len(table.arms)
        names = {arm.name for arm in table.arms}
        assert all(set(contrast.arms) <= names for contrast in table.contrasts)
    assert [arm.x for arm in SMALL["queue-size"].arms] == [256, 500, 1000]


def test_some_arms_of_a_table(runs, tmp_path):
    """--arms: these runs alone, the claims about them, and the command that makes them again."""
    (table,) = parse_tables("top-k", "tiny", "nearest,mean of 16")
    csv_file, page, _ = reproduce(table, "tiny", [0, 1], {"threads": 1}, tmp_path, runs)
    assert {line["arm"] for line in read_csv(csv_file)} == {"nearest", "mean of 16", UPPER_BOUND}
    text = page.read_text(encoding="utf-8")
    assert "--seeds 0,1 --arms 'nearest,mean of 16'" in text
    assert "The mean of 16 is better than the nearest" in text
    assert "better than a random one" not in text
    expect_made_of_its_runs(csv_file)


def test_evenly_keeps_every_class():
    data = evenly(random_data(64), 10)
    assert len(data) == 10
    assert set(data.labels) == {0, 1, 2, 3}


@pytest.mark.parametrize(("arguments", "words"), [
    (("queue_size",), ("TABLE: expected all or some of neighbors", "did you mean queue-size?")),
    (("top-k", "--seeds", "0"), ("--seeds: expected a count",)),
    (("top-k", "--budget", "huge"), ("invalid choice: 'huge'",)),
    (("top-k", "--arms", "nearst"), ("--arms: expected all or some of constant own view",
                                     "did you mean nearest?")),
])
def test_mistakes(arguments, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    status, out, err = run(capsys, "reproduce", *arguments)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert all(word in err for word in words)
    assert list(tmp_path.iterdir()) == []


def test_the_command_and_its_help(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    status, out, _ = run(capsys, "reproduce", "top-k", "--budget", "tiny", "--seeds", "1",
                         "--epochs", "1", "--out", "t")
    assert status == 0
    assert out.startswith("[1/7] constant own view, seed 0: kNN ")
    paths = [Path("t", f"top-k-tiny.{ending}") for ending in ("csv", "md", "png")]
    assert out.split()[-3:] == [str(path) for path in paths]
    page = paths[1].read_text(encoding="utf-8")
    assert "1 epoch, " in page
    assert "tinynnclr reproduce top-k --budget tiny --seeds 0 --epochs 1" in page
    assert {line["steps"] for line in read_csv(paths[0])} == {"10"}
    status, out, _ = run(capsys, "reproduce", "--help")
    assert all(table.question in out for table in SMALL.values())
    assert [table.name for table in parse_tables("all", "small")] == list(SMALL)
