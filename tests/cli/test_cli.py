"""The command line: a whole run, what it writes, interrupting and resuming it."""
import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import COMPILING, ENVIRONMENT, TRAIN, files, run, write_pictures
from small import random_data, small_config

from tinynnclr.cli.main import CompilationNotice, main
from tinynnclr.datasets.views import augmentation_pair
from tinynnclr.evaluate import MEASURES
from tinynnclr.storage import checkpoint
from tinynnclr.train.hooks import train_run
from tinynnclr.train.restore import restore
from tinynnclr.train.run import Run
from tinynnclr.train.run_dir import PICTURES

PRESS_CTRL_C = """import os, signal, sys, threading, time
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)  # a parent may ignore it

def press():
    while not Path("cut/metrics.csv").exists():
        time.sleep(0.005)
    if sys.platform == "win32":
        os.kill(0, signal.CTRL_C_EVENT)  # to all processes of this console
    else:
        os.kill(os.getpid(), signal.SIGINT)

threading.Thread(target=press, daemon=True).start()
from tinynnclr.cli.main import main
main()
"""
OWN_CONSOLE = {"creationflags": subprocess.CREATE_NO_WINDOW} if sys.platform == "win32" else {}
KEYS = ["method", "dataset", "seed", "epochs", "steps", "encoder", "parameters", *MEASURES,
        "baselines", "protocol", "seconds", "views_per_second", "evaluation_seconds", "threads",
        "ranks", "data", "target", "config"]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with pictures, and a finished run in runs/nnclr-folder-pictures-0."""
    home, before = tmp_path_factory.mktemp("home"), Path.cwd()
    write_pictures(home / "pictures")
    os.chdir(home)
    try:
        main(TRAIN)
    finally:
        os.chdir(before)
    return home


@pytest.fixture
def here(home, tmp_path, monkeypatch, threads):
    """Copies of them in an empty folder, the working directory of the test."""
    for name in ("pictures", "runs"):
        shutil.copytree(home / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


RUN = Path("runs") / "nnclr-folder-pictures-0"


def rows(folder):
    with open(folder / "metrics.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def timeless(folder):
    """Everything that a finished run wrote, except for times and speeds."""
    def without_times(row):
        times = ("seconds", "views_per_second", "evaluation_seconds", "threads")
        return {k: v for k, v in row.items() if k not in times}

    groups, info = checkpoint.load(folder / "checkpoint.npz")
    arrays = {f"{g}/{k}": v.tobytes() for g, members in groups.items() for k, v in members.items()}
    return {**arrays, "rng": info["rng"], "epoch": info["epoch"], "step": info["step"],
            "metrics": [without_times(row) for row in rows(folder)],
            "result": without_times(json.loads((folder / "result.json").read_bytes()))}


# ---------------------------------------------------------------- a whole run


def test_the_files_of_a_run(here):
    assert sorted(os.listdir(RUN)) == sorted(["checkpoint.npz", "metrics.csv", "result.json",
                                              *PICTURES])
    assert all((RUN / name).read_bytes().startswith(b"\x89PNG\r\n\x1a\n") for name in PICTURES)
    result = json.loads((RUN / "result.json").read_bytes())
    assert list(result) == KEYS
    assert {k: list(v) for k, v in result["baselines"].items()} == {"pixels": list(MEASURES),
                                                                    "random": list(MEASURES)}
    assert (result["method"], result["dataset"], result["seed"]) == ("nnclr", "folder:pictures", 0)
    assert (result["epochs"], result["steps"], result["encoder"]) == (2, 8, "tiny_cnn, width 2")
    assert result["config"] == small_config(dataset="folder:pictures").to_dict()
    for part in (result, *result["baselines"].values()):
        assert all(0 <= part[measure] <= 1 for measure in MEASURES)
        # of 20 images, and the mean over 10 choices of labels
        assert all(round(part[measure] * 20, 6) % 1 == 0 for measure in ("knn", "linear"))
        assert round(part["one_percent"] * 200, 6) % 1 == 0
    assert result["protocol"]["fitted_on"] == "train, 76 images"
    assert result["seconds"] > 0
    metrics = rows(RUN)
    assert [(row["epoch"], row["step"]) for row in metrics] == [("1", "4"), ("2", "8")]
    assert all(row["loss"] and row["neighbor_age"] and row["views_per_second"] for row in metrics)


def test_a_run_in_a_process_of_its_own(here):
    """Without a terminal: the table on standard output, nothing on standard error."""
    done = subprocess.run([sys.executable, "-m", "tinynnclr", *TRAIN, "--no-plots", "--out",
                           "again"], env=ENVIRONMENT, capture_output=True, timeout=300,
                          encoding="utf-8")
    assert (done.returncode, done.stderr.replace(COMPILING, "")) == (0, "")
    assert sorted(os.listdir("again")) == ["checkpoint.npz", "metrics.csv", "result.json"]
    assert timeless(Path("again")) == timeless(RUN)
    lines = done.stdout.splitlines()
    assert "76 training images" in lines[0]
    result = json.loads(Path("again/result.json").read_bytes())
    assert ["nnclr", *(f"{result[name]:.1%}" for name in MEASURES)] in [line.split() for line
                                                                        in lines]
    assert all(any(line.startswith(name) for line in lines)
               for name in ("chance", "raw pixels", "random weights"))
    assert lines[-1] == "in again: result.json, metrics.csv"


def test_simclr_has_no_metrics_of_neighbours(here, capsys):
    status, out, err = run(capsys, *TRAIN, "--method", "simclr", "--epochs", "1", "--out",
                           "s/deep/er")
    assert (status, err) == (0, "")
    assert "simclr" in out
    (row,) = rows(Path("s/deep/er"))
    assert [k for k, v in row.items() if v == ""] == ["self_match_rate", "neighbor_age",
                                                      "unique_neighbors", "neighbor_accuracy",
                                                      "entropy", "nmi", "drift"]
    assert set(PICTURES) < set(os.listdir("s/deep/er"))


@pytest.mark.parametrize(("flags", "noted"), [
    (["--queue-size", "48"], True), (["--method", "moco", "--queue-size", "48"], True),
    (["--method", "simclr"], False), (["--queue-size", "32"], False),
    (["--no-neighbors", "--queue-size", "48"], False)])
def test_a_queue_that_is_large_for_its_images_is_noted(here, capsys, flags, noted):
    status, out, _ = run(capsys, *TRAIN, *flags, "--epochs", "1", "--no-plots", "--out", "q")
    assert (status, "note: a queue of 48 is more than half of" in out) == (0, noted)


def test_evaluate_writes_the_same_result_again(here, capsys):
    before, first = timeless(RUN), json.loads((RUN / "result.json").read_bytes())
    (RUN / "result.json").unlink()
    status, out, err = run(capsys, "evaluate", RUN, "--threads", "1")
    assert (status, err) == (0, "")
    assert "random weights" in out
    assert timeless(RUN) == before
    again = json.loads((RUN / "result.json").read_bytes())
    assert again["threads"] == 1
    assert again["seconds"] == first["seconds"]  # of training


def test_before_training_a_run_has_the_accuracy_of_random_weights(here, capsys):
    start, _ = restore(RUN)
    fresh = Run(start.config, restore(RUN)[1][0])
    os.mkdir("fresh")
    fresh.save(Path("fresh/checkpoint.npz"))
    assert run(capsys, "evaluate", "fresh")[::2] == (0, "")
    result = json.loads(Path("fresh/result.json").read_bytes())
    assert {k: result[k] for k in MEASURES} == result["baselines"]["random"]
    status, out, err = run(capsys, "plot", "fresh")
    assert (status, out.split(), err) == (0, [str(Path("fresh") / n) for n
                                              in ("views.png", "embedding.png")], "")


def test_plot_draws_the_same_figures_again(here, capsys):
    before = files(RUN)
    for name in PICTURES:
        (RUN / name).unlink()
    status, out, err = run(capsys, "plot", RUN)
    assert (status, err) == (0, "")
    assert sorted(out.split()) == sorted(str(RUN / name) for name in PICTURES)
    assert files(RUN) == before


@pytest.mark.parametrize(("progress", "words"), [
    (True, ("epoch 2/2", "loss", "views/s", "20/20")), (False, ()), (None, ())])
def test_the_progress_bar(progress, words, capsys):
    data = random_data(160)
    train_run(Run(small_config(), data), data, augmentation_pair("simclr"), progress=progress)
    out, err = capsys.readouterr()
    err = err.replace(COMPILING, "")
    assert (out, bool(err)) == ("", bool(words))
    assert all(word in err for word in words)


def test_compilation_is_announced_once(capsys):
    notice = CompilationNotice()
    for _ in range(3):
        notice.on_start(None)
        notice.on_end(None)
    assert capsys.readouterr() == ("", COMPILING)


# ---------------------------------------------------------------- interrupting and resuming

WARNING = "the network distinguishes nothing"  # which is true for images of noise


def test_interrupted_and_resumed_is_the_uninterrupted_run(here, capsys):
    flags = [*TRAIN, "--no-plots", "--epochs", "16"]
    done = subprocess.run([sys.executable, "-c", PRESS_CTRL_C, *flags, "--out", "cut"],
                          env=ENVIRONMENT, capture_output=True, timeout=300, encoding="utf-8",
                          **OWN_CONSOLE)
    assert done.returncode == 130, done.stderr
    saved, epoch = (checkpoint.load("cut/checkpoint.npz")[1][key] for key in ("step", "epoch"))
    assert 4 <= saved < 16 * 4
    lines = [line for line in done.stderr.replace(COMPILING, "").splitlines()
             if line and WARNING not in line]
    assert lines == [f"stopped; {saved} of 64 steps are saved. Resume with:",
                     "  tinynnclr train --resume --out cut"]
    assert sorted(os.listdir("cut")) == ["checkpoint.npz", "metrics.csv"]
    status, out, err = run(capsys, "train", "--resume", "--out", "cut", "--no-plots")
    assert status == 0
    assert f"epoch {epoch} of 16" in out.splitlines()[0]
    status, _, err = run(capsys, *flags, "--out", "whole")
    assert (status, [line for line in err.splitlines() if WARNING not in line]) == (0, [])
    assert timeless(Path("cut")) == timeless(Path("whole"))


def test_resuming_a_finished_run_changes_nothing(here, capsys):
    before = timeless(RUN)
    (RUN / "metrics.csv").unlink()  # as if the interrupt had come between the two files
    assert run(capsys, "train", "--resume", "--out", RUN, "--no-plots", "--epochs", "2", "--width",
               "2", "--threads", "1")[::2] == (0, "")
    assert timeless(RUN) == before


def test_an_interrupt_of_the_evaluation(here, capsys, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(sys.modules["tinynnclr.evaluate"], "encoder_accuracies", interrupt)
    before = files(".")
    assert run(capsys, "evaluate", RUN) == (130, "", "\nstopped\n")
    assert files(".") == before


def test_files_that_no_run_wrote_are_left_alone(here, capsys):
    """By evaluate, by plot, by train --resume, and by a comparison's cache of baselines."""
    for name, command in (("result.json", ["evaluate", RUN]), ("views.png", ["plot", RUN]),
                          ("metrics.csv", ["train", "--resume", "--out", RUN])):
        before = (RUN / name).read_bytes()
        (RUN / name).write_text("my notes", encoding="utf-8")
        status, _, err = run(capsys, *command)
        assert (status, err.count("\n")) == (2, 1)
        assert f"{name}: this command did not write the existing file" in err
        assert (RUN / name).read_text(encoding="utf-8") == "my notes"
        (RUN / name).write_bytes(before)
    Path("c").mkdir()
    Path("c/baselines.json").write_text("my notes", encoding="utf-8")
    status, _, err = run(capsys, "compare", *TRAIN[1:], "--methods", "nnclr", "--seeds", "1",
                         "--out", "c")
    assert (status, Path("c/baselines.json").read_text(encoding="utf-8")) == (2, "my notes")
    assert "did not write the existing file" in err
