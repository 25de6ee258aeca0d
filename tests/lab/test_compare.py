"""`tinynnclr compare` on the command line: its files, interrupts and resumes, one-line errors."""
import json
import os
import shlex
import shutil
import signal
import struct
from pathlib import Path

import collect
import pytest
from command_line import TRAIN, files, fitting, run, write_pictures

from tinynnclr import kernels
from tinynnclr.cli.main import main
from tinynnclr.lab.sweep import jobs
from tinynnclr.lab.sweep.comparison import OUTPUTS
from tinynnclr.lab.sweep.sweep import duration
from tinynnclr.methods import METHODS
from tinynnclr.storage import checkpoint
from tinynnclr.storage.text_tables import read_csv
from tinynnclr.train import hooks, run_dir

# the data set, and what makes a run take a part of a second
OPTIONS = [*TRAIN[1:], "--threads", "1", "--clusters", "5"]
ARMS = ["nnclr", "simclr:lr=0.1", "simclr"]
COMPARE = ["compare", *OPTIONS, "--methods", ",".join(ARMS), "--seeds", "2"]
OUT = Path("runs") / "compare-folder-pictures"
FOLDERS = ["nnclr-0", "nnclr-1", "simclr-0", "simclr-1", "simclr-lr_0.1-0", "simclr-lr_0.1-1"]
CLOCK = ("seconds", "views_per_second")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with pictures, and a finished comparison in runs/compare-folder-pictures."""
    home, before, threads = tmp_path_factory.mktemp("home"), Path.cwd(), kernels.get_num_threads()
    write_pictures(home / "pictures")
    os.chdir(home)
    try:
        main(fitting(COMPARE))
    finally:
        os.chdir(before)
        kernels.set_num_threads(threads)
    return home


@pytest.fixture
def here(home, tmp_path, monkeypatch, threads):
    """Copies of them in an empty folder, the working directory of the test."""
    for name in ("pictures", "runs"):
        shutil.copytree(home / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def trained(monkeypatch):
    """The names of the folders whose runs were trained."""
    names, train_into = [], run_dir.train_into
    monkeypatch.setattr(run_dir, "train_into", lambda folder, *arguments:
                        names.append(folder.name) or train_into(folder, *arguments))
    return names


def rows(out=OUT):
    return read_csv(out / "compare.csv")


def timeless(out=OUT):
    """compare.csv and the tables of compare.md without their columns of times."""
    page = (out / "compare.md").read_text(encoding="utf-8")
    table = [line.split("|")[:-2] for line in page.splitlines() if line.startswith("| ")]
    return [[v for k, v in row.items() if k not in CLOCK] for row in rows(out)], table


def test_what_it_leaves(here):
    assert sorted(os.listdir(OUT)) == sorted([*OUTPUTS, "baselines.json", *FOLDERS])
    assert all(sorted(os.listdir(OUT / name)) == ["checkpoint.npz", "metrics.csv", "result.json"]
               for name in FOLDERS)
    results = {name: json.loads((OUT / name / "result.json").read_bytes()) for name in FOLDERS}
    table, listed = rows(), json.loads((OUT / "compare.json").read_bytes())
    # balanced
    assert [(row["arm"], row["seed"]) for row in table] == [(arm, seed) for seed in "01" for arm
                                                            in ARMS]
    for row, item in zip(table, listed, strict=True):
        result = results[f"{row['arm'].replace(':', '-').replace('=', '_')}-{row['seed']}"]
        for key in ("method", "dataset", "encoder", "seed"):
            assert row[key] == str(result[key])
        for key in ("epochs", "steps", "knn", "linear", *CLOCK):
            assert float(row[key]) == pytest.approx(result[key], rel=1e-5)
        assert item["arm"] == row["arm"]
        assert {k: v for k, v in item.items() if k in result and k != "config"} == {
            k: v for k, v in result.items() if k != "config"}
        assert item["config"] == {k: v for k, v in result["config"].items() if k != "data_dir"}
        assert bool(row["neighbor_accuracy"]) == (row["method"] == "nnclr")
        assert row["embedding_variance"] == f"{item['last_epoch']['embedding_variance']:.6g}"
    assert results["simclr-lr_0.1-1"]["config"]["lr"] == 0.1
    assert results["simclr-1"]["config"]["lr"] == 0.96
    assert results["nnclr-1"]["config"]["seed"] == 1
    width, height = struct.unpack(">II", (OUT / "compare.png").read_bytes()[16:24])
    assert (width, 250 < height < 700) == (1170, True)


def test_the_page(here):
    page = (OUT / "compare.md").read_text(encoding="utf-8")
    means = [100 * sum(float(row["knn"]) for row in rows() if row["arm"] == arm) / 2 for arm
             in ARMS]
    lines = [line for line in page.splitlines() if "%" in line and line.startswith("| ")
             and not line.startswith("| arm")]
    assert len(lines) == len(ARMS) + 2
    shown = {line.split("|")[1].strip(): float(line.split("|")[4].split("%")[0]) for line in lines}
    assert [shown[arm] for arm in ARMS] == [pytest.approx(mean, abs=0.05) for mean in means]
    assert list(shown.values()) == sorted(shown.values(), reverse=True)
    assert "*raw pixels* (baseline)" in shown
    assert "kNN against nnclr, seed by seed" in page
    assert "--seeds 2 --dataset folder:pictures" in page
    assert str(here) not in page
    assert "train, 76 images" in page
    assert "So far" not in page


def test_a_run_in_it_is_one_of_train(here, capsys):
    assert run(capsys, "train", *OPTIONS, "--method", "simclr", "--seed", "1", "--no-plots",
               "--out", "alone")[0] == 0
    alone, ours = (json.loads((folder / "result.json").read_bytes()) for folder
                   in (Path("alone"), OUT / "simclr-1"))
    timeless_keys = [k for k in alone if k not in (*CLOCK, "evaluation_seconds")]
    assert list(alone) == list(ours)
    assert [alone[k] for k in timeless_keys] == [ours[k] for k in timeless_keys]


def test_its_runs_can_be_collected(here, capsys, monkeypatch):
    """By tools/collect.py, like those of `train`."""
    folders = [str(OUT / name) for name in ("nnclr-0", "nnclr-1", "simclr-0")]
    monkeypatch.setattr("sys.argv", ["collect.py", *folders, "--out", "all.json"])
    collect.main()
    table = capsys.readouterr().out.splitlines()
    assert [line.split(" | ")[1] for line in table[4:]] == ["nnclr", "simclr"]
    assert len(json.loads(Path("all.json").read_bytes())) == 3
    monkeypatch.setattr("sys.argv", ["collect.py", folders[0], "--out", "pictures/class0/0.png"])
    with pytest.raises(SystemExit):
        collect.main()
    assert "this command did not write the existing file" in capsys.readouterr().err


def test_a_finished_comparison_trains_nothing(here, capsys, trained):
    before = files(OUT)
    status, out, err = run(capsys, *COMPARE)
    assert (status, err, trained) == (0, "", [])
    assert out.splitlines()[0].startswith("6 runs on folder:pictures, 6 of them done before")
    assert files(OUT) == before


def test_more_arms_and_seeds(here, capsys, trained, count):
    methods = count(["nnclr", "byol"], [name for name, method in METHODS.items()
                                       if not method.experiment])
    given = count("nnclr,byol", "all")
    flags = ["--methods", f"{given},simclr:lr=0.1", "--seeds", "3", "--data-dir", "elsewhere",
             "--threads", "2"]
    status, out, err = run(capsys, "compare", *OPTIONS, *flags)
    assert status == 0
    names = [f"{arm}-{seed}" for seed in range(3) for arm in (*methods, "simclr-lr_0.1")]
    assert trained == [name for name in names if name not in FOLDERS]
    assert len(rows()) == len(names)
    assert f"[{len(rows())}/{len(rows())}] simclr:lr=0.1, seed 2: kNN " in out
    assert "elsewhere" not in (OUT / "compare.md").read_text(encoding="utf-8")


# ---------------------------------------------------------------- stopped and resumed


def stops(monkeypatch, where, name, count):
    """Ctrl-C at the count-th call of a function."""
    original, calls = getattr(where, name), []

    def interrupted(*arguments):
        calls.append(1)
        if len(calls) == count:
            signal.raise_signal(signal.SIGINT)
        return original(*arguments)

    monkeypatch.setattr(where, name, interrupted)


STOPS = {"after the second run": (run_dir, "train_into", 3, 2, ""),
         "inside the second run": (hooks, "step_diagnostics", 8 + 6, 1,
                                   ", 6 steps of simclr:lr=0.1, seed 0, are saved"),
         "while the second is evaluated": (jobs, "evaluate_into", 2, 1,
                                           ", 8 steps of simclr:lr=0.1, seed 0, are saved")}


@pytest.mark.parametrize("name", STOPS)
def test_stopped_and_resumed(name, here, capsys, monkeypatch, trained):
    *where, done, more = STOPS[name]
    with monkeypatch.context() as patch:
        stops(patch, *where)
        status, out, err = run(capsys, *COMPARE, "--out", "new")
    assert status == 130
    assert f"stopped; {done} of 6 runs are done{more}. Resume with:\n  tinynnclr compare " in err
    assert out.splitlines()[-1].startswith(f"[{done}/6] {ARMS[done - 1]}, seed 0: kNN ")
    assert "; about " in out.splitlines()[-1]
    assert len(rows(Path("new"))) == done
    assert f"So far: {done} of 6 runs." in Path("new/compare.md").read_text(encoding="utf-8")
    command = shlex.split(err.splitlines()[-1])
    assert command[0] == "tinynnclr"
    del trained[:]
    status, out, err = run(capsys, *command[1:])
    assert status == 0
    assert f"{done} of them done before" in out.splitlines()[0]
    assert len(trained) == 6 - done
    assert timeless(Path("new")) == timeless()


def test_evaluated_before_the_end_of_training(here, capsys, trained):
    """`tinynnclr evaluate` after an interrupt leaves a result.json that is not the last; lost
    metrics come back.
    """
    before = timeless()
    path = OUT / "simclr-0" / "result.json"
    path.write_text(json.dumps({**json.loads(path.read_bytes()), "epochs": 1, "knn": 0.0}),
                    encoding="utf-8")
    (OUT / "nnclr-1" / "metrics.csv").unlink()
    assert run(capsys, *COMPARE)[0] == 0
    assert trained == ["simclr-0", "nnclr-1"]
    assert timeless() == before


def test_an_arm_that_diverges(here, capsys):
    flags = [*COMPARE, "--methods", f"simclr:lr=1e30,{','.join(ARMS)}"]
    status, out, err = run(capsys, *flags)
    assert status == 1
    assert err.splitlines()[-1] == ("tinynnclr compare: 2 of 8 runs failed, as reported above: "
                                    "simclr:lr=1e30, seed 0; simclr:lr=1e30, seed 1")
    assert "] simclr:lr=1e30, seed 0: failed: step 2, epoch 1: the loss is not finite" in out
    assert [row["arm"] for row in rows()] == 2 * ARMS
    page = (OUT / "compare.md").read_text(encoding="utf-8")
    assert "\nFailed: simclr:lr=1e30, seed 1: step 2, epoch 1: the loss is not finite" in page
    assert "So far" not in page
    status, out, err = run(capsys, *COMPARE, "--methods", "simclr", "--lr", "1e30", "--seeds", "1",
                           "--out", "wild")
    assert (status, os.listdir("wild/simclr-0")) == (1, ["checkpoint.npz"])
    assert "compare.md" not in out
    assert sorted(os.listdir("wild")) == ["baselines.json", "simclr-0"]
    # no step was saved
    assert run(capsys, *COMPARE, "--methods", "simclr", "--seeds", "1", "--out", "wild")[0] == 0


def test_defaults_of_the_method_flags_and_options_of_the_arm(here, capsys):
    flags = ["--methods", "nnclr,moco,moco:temperature=0.3", "--warmup", "0.2", "--seeds", "5,",
             "--out", "new"]
    assert run(capsys, "compare", *OPTIONS, *flags)[0] == 0
    configs = [item["config"] for item in json.loads(Path("new/compare.json").read_bytes())]
    assert [(c["temperature"], c["warmup"], c["seed"]) for c in configs] == [(t, 0.2, 5) for t
                                                                             in (0.15, 0.1, 0.3)]


def test_durations():
    assert [duration(s) for s in (0.04, 9.94, 9.96, 59.4, 59.6, 62, 3599.6, 7512)] == [
        "0.0 s", "9.9 s", "10 s", "59 s", "1 min 0 s", "1 min 2 s", "1 h 0 min", "2 h 5 min"]


# ---------------------------------------------------------------- mistakes

MISTAKES = {
    "unknown method": ("--methods nnclr,simclear", "got 'simclear', did you mean simclr?"),
    "bad value": ("--methods nnclr:lr=fast", "nnclr:lr=fast: lr: expected float, got 'fast'"),
    "out of range": ("--methods nnclr:temperature=0",
                     "arm nnclr:temperature=0: temperature: expected above 0"),
    "bad choice": ("--methods moco:anneal=liner", "expected one of none, linear",
                   "did you mean linear?"),
    "an option of all": ("--methods nnclr:seed=3", "seed is the same for all arms"),
    "the same twice": ("--methods nnclr,nnclr:top_k=1", "nnclr and nnclr:top_k=1 are the same run"),
    "no seeds": ("--seeds 0", "--seeds: expected a count", "got '0'"),
    "method": ("--method nnclr", "unknown flag --method, did you mean --methods?"),
    "unknown data": ("--dataset toybix", "got 'toybix', did you mean toybox?"),
    "too large a batch": ("--methods nnclr,nnclr:batch_size=99 --out new",
                          "arm nnclr:batch_size=99: batch_size", "76"),
    "another option": ("--epochs 3",
                       "nnclr-0 holds a run with epochs 2, and now it is 3: give 2 again, name"),
    "another evaluation": ("--knn-k 4", "with knn_k 3, and now it is 4"),
    "a file": ("--out pictures/class0/0.png", "--out", "cannot write there")}


@pytest.mark.parametrize("name", MISTAKES)
def test_one_line(name, here, capsys, trained):
    flags, *words = MISTAKES[name]
    before = files(here)
    status, out, err = run(capsys, *COMPARE, *flags.split())
    assert (status, out, err.count("\n"), trained) == (2, "", 1, [])
    assert err.startswith("tinynnclr compare: ")
    assert [word for word in words if word not in err] == []
    assert files(here) == before
    assert sorted(os.listdir(here)) == ["pictures", "runs"]


def test_a_folder_with_something_else(here, capsys):
    """A run with another option, one of another version, and files that hold no run: a line each.
    """
    (OUT / "simclr-1" / "result.json").unlink()
    assert "simclr-1 holds a run with warmup 0.05, and now it is 0.5" in run(
        capsys, *COMPARE, "--methods", "simclr", "--seeds", "1,", "--warmup", "0.5")[2]
    path = OUT / "nnclr-0" / "result.json"
    result = json.loads(path.read_bytes())
    for text, words in ((json.dumps({**result, "config": {"gone": 1}}),
                         "nnclr-0: a run of another version"),
                        ("{", "result.json is damaged: delete it"),
                        ("[]", "result.json is damaged: delete it")):
        path.write_text(text, encoding="utf-8")
        status, out, err = run(capsys, *COMPARE)
        assert (status, out, err.count("\n"), words in err) == (2, "", 1, True)
    path.unlink()
    checkpoint.save(OUT / "nnclr-0" / "checkpoint.npz", {}, {"step": 3})
    assert run(capsys, *COMPARE) == (2, "", f"tinynnclr compare: {OUT / 'nnclr-0'}{os.sep}"
                                     "checkpoint.npz holds no run\n")


def test_help(capsys):
    status, out, _ = run(capsys, "compare", "--help")
    assert status == 0
    assert all(word in out for word in ("--methods ARMS", "--seeds SEEDS", "--epochs INT",
                                        *METHODS))
    assert "--seed INT" not in out
