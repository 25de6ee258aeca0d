"""Damaged files of a run and of a comparison: every command that reads them keeps its promise.

Evaluation and figures are left out in most cases: the restored run is compared with the saved one.
"""
import json
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from command_line import TRAIN, run
from mutation import mutate, mutate_json
from one_line import fails
from promise import Faults, broken
from small import small_config, state_of

from tinynnclr.cli import commands, train
from tinynnclr.datasets.dataset import Dataset
from tinynnclr.lab.plots import dots, run_folder
from tinynnclr.lab.sweep.comparison import Comparison
from tinynnclr.storage import checkpoint
from tinynnclr.train.run import Run

OTHER = b"PK\x03\x04" + b"{\"a\": 1}\n" * 50 + bytes(range(256)) * 20
COMMANDS = (["evaluate", "r"], ["plot", "r"], ["export", "r", "--out", "encoder.npz"],
            ["train", "--resume", "--out", "r"])


@pytest.fixture(autouse=True)
def fast_disk(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda file: None)  # slow, and does not fail here


@pytest.fixture
def restored(monkeypatch):
    """The runs that commands would have evaluated, drawn or trained, in a list."""
    runs = []
    monkeypatch.setattr(commands, "evaluate_into", lambda folder, run, data: runs.append(run))
    monkeypatch.setattr(run_folder, "draw_into", lambda folder, run, data: runs.append(run) or [])
    monkeypatch.setattr(train, "train_and_evaluate",
                        lambda options, folder, run, data, *_: runs.append(run))
    return runs


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names are text")
def test_names_that_are_no_text(here, capsys):
    """A folder's name may be any bytes; messages and files contain it with escapes."""
    pictures, out = (os.fsdecode(name) for name in (b"pic\xff", b"out\xff"))
    os.rename("pictures", pictures)
    for command in (["train"], ["compare", "--methods", "simclr", "--seeds", "1"]):
        status, output, err = run(capsys, *command, *TRAIN[1:], "--epochs", "1", "--dataset",
                                  f"folder:{pictures}", "--out", f"{command[0]}{out}")
        assert (status, err) == (0, "")
        assert r"out\udcff" in output
    page = Path(f"compare{out}", "compare.md").read_text(encoding="utf-8")
    assert page.startswith(r"# folder:pic\udcff")


def test_checkpoint_bytes(here, restored, capsys, count, record_property):
    """If a damaged checkpoint is accepted, the run is what was saved: members have checksums."""
    rng, faults, path = np.random.default_rng(1), Faults(), here / "r/checkpoint.npz"
    good = path.read_bytes()
    assert run(capsys, *COMMANDS[0])[0] == run(capsys, *COMMANDS[2])[0] == 0
    saved, encoder = state_of(restored.pop()), Path("encoder.npz").read_bytes()
    for n in range(count(60, 200, 900)):
        path.write_bytes(mutate(good, OTHER, rng))
        arguments = COMMANDS[rng.integers(len(COMMANDS))]
        status, wrong = broken(capsys, arguments)
        if status == 0:
            same = (Path("encoder.npz").read_bytes() == encoder if arguments[0] == "export"
                    else state_of(restored.pop()) == saved)
            wrong = wrong or ("" if same else "another run than was saved")
        faults.add(f"{n} {arguments[0]}", wrong, status)
    faults.check(record_property)


def test_checkpoint_contents(here, restored, capsys, count, record_property):
    """Valid files with hostile content: the info of the run, or an array."""
    hostile(here, capsys, count(80, 260, 1200), 2).check(record_property)


def test_checkpoint_contents_for_real(here, capsys, count, record_property):
    """The same, evaluated, drawn and trained if the file is accepted."""
    hostile(here, capsys, count(8, 30, 150), 3).check(record_property)


def hostile(here, capsys, cases, seed):
    """The Faults of so many checkpoints."""
    rng, faults, path = np.random.default_rng(seed), Faults(), here / "r/checkpoint.npz"
    groups, info = checkpoint.load(path)
    for n in range(cases):
        worse, worse_info = {group: dict(arrays) for group, arrays in groups.items()}, info
        if n % 3:
            worse_info = mutate_json(info, rng)
            worse_info = worse_info if isinstance(worse_info, dict) else {"config": worse_info}
        else:
            spoil_arrays(worse, rng)
        checkpoint.save(path, worse, {k: v for k, v in worse_info.items() if k != "format"})
        arguments = COMMANDS[rng.integers(len(COMMANDS))]
        status, wrong = broken(capsys, arguments)
        faults.add(f"{n} {arguments[0]} {difference(info, worse_info)}", wrong, status)
        if n % 20 == 0:
            shutil.rmtree(here / "r")
            (here / "r").mkdir()
    return faults


def spoil_arrays(groups, rng):
    """One array renamed, lost, or of another type or shape, in place."""
    group = list(groups)[rng.integers(len(groups))]
    name = list(groups[group])[rng.integers(len(groups[group]))]
    array = groups[group].pop(name)
    kind = int(rng.integers(8))
    changed = {1: array[None], 2: array.astype(complex), 3: array.reshape(-1)[:1], 4: np.zeros(0),
               5: np.array(["text"]), 6: array * 0 - 1, 7: array * 0 + 99}
    if kind == 0:
        groups[group][f"{name}x"] = array
    else:
        groups[group][name] = changed[kind]


def difference(before, after):
    """The first difference of two JSON values, in words."""
    if isinstance(before, dict) and isinstance(after, dict) and before.keys() == after.keys():
        for key in before:
            if repr(before[key]) != repr(after[key]):
                return f"{key}.{difference(before[key], after[key])}"
    return repr(after)[:60]


@pytest.mark.parametrize(("options", "name", "value"),
                         [({"method": "nnclr"}, "support_set.ids", 32),
                          ({"method": "nnclr"}, "support_set.ids", -2),
                          ({"method": "nnclr"}, "support_set.born", 99),
                          ({"method": "nnclr"}, "support_set.counts", 10_000),
                          ({"method": "snclr"}, "support_set.ids", 32),
                          ({"method": "byol", "neighbors": True}, "support_set.ids", 32),
                          ({"method": "moco"}, "queue.ids", 32),
                          ({"method": "deepcluster", "clusters": 4, "pca": 4}, "assignment", 4)])
def test_integers_out_of_range(options, name, value, tmp_path):
    """Indices of images, rows and clusters are checked when the run is read."""
    config = small_config(**{"epochs": 1, **options})
    data = Dataset(np.zeros((32, 16, 16, 3), np.uint8), np.zeros(32, np.int64), ("a",))
    damaged = Run(config, data)
    damaged.save(tmp_path / "c.npz")
    Run(config, data).load(tmp_path / "c.npz")
    state = damaged.method.state_dict()
    state[name][:] = value
    damaged.method.load_state_dict(state)
    damaged.save(tmp_path / "c.npz")
    with fails(ValueError, "c.npz does not fit this run", "expected integers from", str(value)):
        Run(config, data).load(tmp_path / "c.npz")


@pytest.fixture
def undrawn(monkeypatch):
    """compare without figures and training: it only reads the baselines."""
    def run_next(self, baselines):
        job = self.left[0]
        data = self.data_of(job.config)
        baselines.of(job.config, Run(job.config, data[0]).encoder, data)
        self.jobs.remove(job)
        return ""

    monkeypatch.setattr(dots, "draw_arms", lambda *_, **__: None)
    monkeypatch.setattr(Comparison, "run_next", run_next)


@pytest.mark.parametrize("name", ["result.json", "metrics.csv", "checkpoint.npz", "baselines.json"])
def test_compare(here, undrawn, compare, capsys, count, record_property, name):
    """A damaged file of a run is refused, or the comparison reports what the file contains."""
    rng, faults = np.random.default_rng(3), Faults()
    path, = (here / "c").rglob(name)
    good = path.read_bytes()
    for n in range(count(8, 25, 100) if name == "baselines.json" else count(40, 130, 500)):
        if name.endswith("json") and n % 2:
            path.write_text(json.dumps(mutate_json(json.loads(good), rng)), encoding="utf-8")
        else:
            path.write_bytes(mutate(good, OTHER, rng))
        if name in ("checkpoint.npz", "baselines.json"):  # are not read if there is a result
            for result in (here / "c").rglob("result.json"):
                result.unlink()
        status, wrong = broken(capsys, compare)
        if status == 0 and name == "result.json" and not wrong:
            result = json.loads(path.read_bytes())
            rows = json.loads(Path("c/compare.json").read_bytes())
            if rows and any(rows[0][key] != result[key] for key in ("knn", "linear")):
                wrong = "compare.json reports another accuracy than the run"
        faults.add(n, wrong, status)
    faults.check(record_property)
