"""The files of a run and of a comparison gone wrong: every command that reads them keeps the
promise.

Judging and drawing are left out in most cases: what was restored is compared with what was saved.
"""
import json
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from command_line import fitting, write_pictures
from command_line import run as command
from mutation import mutate, mutate_json
from one_line import fails
from promise import Faults, broken
from small import SMALL, small_config, state_of

from tinynnclr.cli import commands, train
from tinynnclr.cli.main import main
from tinynnclr.datasets.dataset import Dataset
from tinynnclr.lab.plots import run_folder
from tinynnclr.lab.sweep.comparison import Comparison
from tinynnclr.storage import checkpoint
from tinynnclr.train.run import Run

OTHER = b"PK\x03\x04" + b"{\"a\": 1}\n" * 50 + bytes(range(256)) * 20
FLAGS = [word for name, value in {**SMALL, "width": 1, "epochs": 1}.items()
         for word in (f"--{name.replace('_', '-')}", str(value))]
COMPARE = fitting(["compare", "--methods", "simclr", "--seeds", "1", "--dataset", "folder:pictures",
                   *FLAGS, "--out", "c"])


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with pictures, a run of two epochs `r`, and a comparison of one run `c`."""
    folder = tmp_path_factory.mktemp("trained")
    here = Path.cwd()
    os.chdir(folder)
    try:
        write_pictures(folder / "pictures", each=8)
        main(["train", "--dataset", "folder:pictures", *FLAGS, "--out", "r", "--no-plots"])
        main(COMPARE)
    finally:
        os.chdir(here)
    return folder


@pytest.fixture
def here(trained, tmp_path, monkeypatch, threads):
    shutil.copytree(trained, tmp_path / "work")
    monkeypatch.setattr(os, "fsync", lambda file: None)  # disks are slow, and none fails here
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


@pytest.fixture
def restored(monkeypatch):
    """The runs that commands would have judged, drawn or trained on, in a list."""
    runs = []
    monkeypatch.setattr(commands, "evaluate_into", lambda folder, run, data: runs.append(run))
    monkeypatch.setattr(run_folder, "draw_into", lambda folder, run, data: runs.append(run) or [])
    monkeypatch.setattr(train, "train_and_evaluate", lambda options, folder, run, data: runs.append(run))
    return runs


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names are text")
def test_names_that_are_no_text(here, capsys):
    """A folder's name may be any bytes; what is printed and written of it spells them out."""
    pictures, out = (os.fsdecode(name) for name in (b"pic\xff", b"out\xff"))
    os.rename("pictures", pictures)
    for command_name in ("train", "compare"):
        arms = ["--methods", "simclr", "--seeds", "1"] if command_name == "compare" else []
        status, printed, err = command(capsys, command_name, *arms, "--dataset",
                                       f"folder:{pictures}", *FLAGS, "--out",
                                       f"{command_name}{out}")
        assert (status, err) == (0, "")
        assert r"out\udcff" in printed
    assert (Path(f"compare{out}")
            / "compare.md").read_text(encoding="utf-8").startswith(r"# folder:pic\udcff")


COMMANDS = (["evaluate", "r"], ["plot", "r"], ["export", "r", "--out", "encoder.npz"],
            ["train", "--resume", "--out", "r"])


def test_checkpoint_bytes(here, restored, capsys, count, record_property):
    """Where a damaged checkpoint is taken, the run is what was saved: members have checksums."""
    rng, faults, path = np.random.default_rng(1), Faults(), here / "r/checkpoint.npz"
    good = path.read_bytes()
    assert command(capsys, *COMMANDS[0])[0] == command(capsys, *COMMANDS[2])[0] == 0
    wanted, encoder = state_of(restored.pop()), Path("encoder.npz").read_bytes()
    for n in range(count(60, 200, 900)):
        path.write_bytes(mutate(good, OTHER, rng))
        arguments = COMMANDS[rng.integers(len(COMMANDS))]
        status, wrong = broken(capsys, arguments)
        if status == 0 and arguments[0] == "export":
            wrong = wrong or ("" if Path("encoder.npz").read_bytes() == encoder
                              else "another encoder")
        elif status == 0:
            wrong = wrong or ("" if state_of(restored.pop()) == wanted
                              else "another run than was saved")
        faults.add(f"{n} {arguments[0]}", wrong, status)
    faults.check(record_property)


def test_checkpoint_contents(here, restored, capsys, count, record_property):
    """Sound files of the right format with something hostile in them: what they say of the run, or
    an array.
    """
    hostile(here, capsys, count(80, 260, 1200), 2).check(record_property)


def test_checkpoint_contents_for_real(here, capsys, count, record_property):
    """The same, judged, drawn and trained on, where the file is taken."""
    hostile(here, capsys, count(8, 30, 150), 3).check(record_property)


@pytest.mark.parametrize(("options", "name", "value"),
                         [({"method": "nnclr"}, "support_set.ids", 32),
                          ({"method": "nnclr"}, "support_set.ids", -2),
                          ({"method": "nnclr"}, "support_set.born", 99),
                          ({"method": "nnclr"}, "support_set.counts", 10_000),
                          ({"method": "snclr"}, "support_set.ids", 32),
                          ({"method": "byol", "neighbors": True}, "support_set.ids", 32),
                          ({"method": "moco"}, "queue.ids", 32),
                          ({"method": "deepcluster", "clusters": 4, "pca": 4}, "assignment", 4)])
def test_integers_that_point_nowhere(options, name, value, tmp_path):
    """They index images, rows and clusters: one out of range is refused by name when the run is
    read.
    """
    config = small_config(**{"epochs": 1, **options})
    data = Dataset(np.zeros((32, 16, 16, 3), np.uint8), np.zeros(32, np.int64), ("a",))
    run = Run(config, data)
    run.save(tmp_path / "c.npz")
    Run(config, data).load(tmp_path / "c.npz")
    state = run.method.state_dict()
    state[name][:] = value
    run.method.load_state_dict(state)
    run.save(tmp_path / "c.npz")
    with fails(ValueError, "c.npz does not fit this run", "expected integers from", str(value)):
        Run(config, data).load(tmp_path / "c.npz")


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
        faults.add(f"{n} {arguments[0]} {difference(info, worse_info)}",
                   *reversed(broken(capsys, arguments)))
        if n % 20 == 0:
            shutil.rmtree(here / "r"), (here / "r").mkdir()
    return faults


def spoil_arrays(groups, rng):
    """One array renamed, lost, doubled, or of another type or shape, in place."""
    group = list(groups)[rng.integers(len(groups))]
    name = list(groups[group])[rng.integers(len(groups[group]))]
    array = groups[group].pop(name)
    kind = rng.integers(8)
    changed = {1: array[None], 2: array.astype(complex), 3: array.reshape(-1)[:1], 4: np.zeros(0),
               5: np.array(["text"]), 6: array * 0 - 1, 7: array * 0 + 99}.get(int(kind))
    if kind == 0:
        groups[group][f"{name}x"] = array
    elif changed is not None:
        groups[group][name] = changed


def difference(before, after):
    """The first place where two JSON values differ, in words."""
    if isinstance(before, dict) and isinstance(after, dict) and before.keys() == after.keys():
        for key in before:
            if repr(before[key]) != repr(after[key]):
                return f"{key}.{difference(before[key], after[key])}"
    return repr(after)[:60]


@pytest.fixture
def undrawn(monkeypatch):
    """compare without its picture, and without training: only the baselines are looked up."""
    import tinynnclr.lab.plots.dots

    def run_next(self, baselines):
        job = self.left[0]
        data = self.data_of(job.config)
        baselines.of(job.config, Run(job.config, data[0]).method.encoder, data)
        self.jobs.remove(job)
        return ""

    monkeypatch.setattr(tinynnclr.lab.plots.dots, "draw_arms", lambda *_, **__: None)
    monkeypatch.setattr(Comparison, "run_next", run_next)


@pytest.mark.parametrize("name", ["result.json", "metrics.csv", "checkpoint.npz", "baselines.json"])
def test_compare(here, undrawn, capsys, count, record_property, name):
    """A damaged file of a run is refused, or the comparison says what an independent reading of the
    file says.
    """
    rng, faults = np.random.default_rng(3), Faults()
    path, = (here / "c").rglob(name)
    good = path.read_bytes()
    for n in range(count(8, 25, 100) if name == "baselines.json" else count(40, 130, 500)):
        if name.endswith("json") and n % 2:
            path.write_text(json.dumps(mutate_json(json.loads(good), rng)), encoding="utf-8")
        else:
            path.write_bytes(mutate(good, OTHER, rng))
        # which are not looked at while there is a result
        if name in ("checkpoint.npz", "baselines.json"):
            for result in (here / "c").rglob("result.json"):
                result.unlink()
        status, wrong = broken(capsys, COMPARE)
        if status == 0 and name == "result.json" and not wrong:
            result, said = json.loads(path.read_bytes()), json.loads(Path(
                    "c/compare.json").read_bytes())
            if said and (said[0]["knn"], said[0]["linear"]) != (result["knn"], result["linear"]):
                wrong = "compare.json says another accuracy than the run"
        faults.add(n, wrong, status)
    faults.check(record_property)
