"""A wrong command line gives one line on standard error, exit status 2, and writes no file."""
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from command_line import COMPILING, ENVIRONMENT, TRAIN, files, run, write_pictures
from small import small_config

from tinynnclr.storage import checkpoint
from tinynnclr.train.run import Run
from tinynnclr.train.run_dir import load_data


@pytest.fixture
def here(tmp_path, monkeypatch, threads):
    """Images, a run of one step, and files and folders that are neither."""
    monkeypatch.chdir(tmp_path)
    write_pictures(tmp_path / "pictures", each=10)
    (tmp_path / "a-file").write_text("hello", encoding="utf-8")
    for name in ("empty", "no-images/cats", "bad", "foreign", "run"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "no-images" / "cats" / "notes.txt").write_text("none", encoding="utf-8")
    (tmp_path / "bad" / "checkpoint.npz").write_bytes(b"PK\x03\x04 and then nothing")
    checkpoint.save(tmp_path / "foreign" / "checkpoint.npz", {"a": {"b": np.ones(3)}}, {"epoch": 3})
    config = small_config(dataset="folder:pictures")
    started = Run(config, load_data(config)[0])
    started.step = 1
    started.save(tmp_path / "run" / "checkpoint.npz")
    return tmp_path


def tree(folder):
    return sorted(str(p) for p in Path(folder).rglob("*"))


def one_line(output, *words):
    status, out, err = output
    assert (status, out) == (2, "")
    assert err.startswith("tinynnclr")
    assert err.endswith("\n")
    assert err.count("\n") == 1, err
    assert [word for word in words if word not in err] == []


MISTAKES = {
    "no command": ([], "required: COMMAND"),
    "unknown command": (["trian"], "invalid choice: 'trian'", "train", "evaluate"),
    "unknown flag": ([*TRAIN, "--epoch", "3"],
        "tinynnclr train: unknown flag --epoch, did you mean --epochs?"),
    "unknown flag with =": ([*TRAIN, "--Queue-size=3"],
        "unknown flag --Queue-size=3, did you mean --queue-size?"),
    "unknown flag, like none": ([*TRAIN, "--zzz"], "unknown flag --zzz"),
    "a flag of another command": (["evaluate", "run", "--epochs", "3"],
        "evaluate: unknown flag --epochs, which belongs to `train`", "and `reproduce`\n"),
    "a flag of train": (["compare", "--no-plots"],
        "unknown flag --no-plots, which belongs to `train`\n"),
    "a flag of evaluate": ([*TRAIN, "--protocol=knn"],
        "unknown flag --protocol=knn, which belongs to `evaluate`\n"),
    "a flag's beginning": ([*TRAIN, "--queue", "3"],
        "unknown flag --queue, did you mean --queue-size?\n"),
    "a name that is near": (["compare", "--seed", "3"],
        "unknown flag --seed, did you mean --seeds?\n"),
    "a huge seed": ([*TRAIN, "--seed", str(10**30)],
        "--seed: expected a number below 9223372036854775808, got 1.000e+30"),
    "a huge epoch": ([*TRAIN, "--epochs", "9" * 400],
        "--epochs: expected a number below 2147483648", "300 digits"),
    "more digits than Python reads": ([*TRAIN, "--dim", "9" * 5000], "--dim"),
    "many threads": (["evaluate", "run", "--threads", "9" * 40], "--threads: expected 1 to 1024"),
    "too many seeds": (["compare", "--seeds", "99999999999999999999999"],
        "--seeds: expected a count from 1 to 10000"),
    "a long seed": (["compare", "--seeds", "0," + "9" * 5000], "--seeds: expected a count", "..."),
    "a range": (["reproduce", "all", "--seeds", "0-1e12"], "--seeds: expected a count", "'0-1e12'"),
    "an arm's own option": (["compare", "--methods", "simclr:batch_size=0"],
        "arm simclr:batch_size=0: batch_size: "),
    "an arm's option by a flag": (["compare", "--methods", "nnclr", "--top-k", "0"],
        "arm nnclr: --top-k: expected at l"),
    "an option of no arm": (["compare", "--methods", "moco", "--top-k", "3"],
        "top_k: it is an option of nnclr"),
    "an own view beside neighbours": ([*TRAIN, "--own-view", "constant"],
        "--own-view: expected gradient, or neighbors off", "got 'constant'"),
    "nobody's home": (["train", "--dataset", "folder:~nosuchuser/x"], "nosuchuser",
        "expected a folder"),
    "a word too many": ([*TRAIN, "toybox"], "unexpected toybox"),
    "bad choice": ([*TRAIN, "--method", "swav"], "--method", "'swav'", "nnclr", "simclr"),
    "not a number": ([*TRAIN, "--lr", "fast"], "--lr", "'fast'", "float"),
    "out of range": ([*TRAIN, "--temperature", "0"], "--temperature: expected above 0, got 0.0"),
    "one pixel": ([*TRAIN, "--view-size", "1"], "--view-size: expected at least 2, or no detrend"),
    "half a patch": ([*TRAIN, "--encoder", "vit", "--view-size", "18"],
        "--view-size: expected a multiple of 4"),
    "one image": ([*TRAIN, "--train-size", "1"],
        "expected at least 2 training images, got 1; add images, or use a larger --train-size"),
    "no out": ([*TRAIN, "--out", ""],
        "--out: expected a path, got nothing; for the current folder, type ."),
    "no folder": (["evaluate", ""], "DIR: expected a path, got nothing"),
    "no protocol": (["evaluate", "run", "--protocol", ""], "--protocol: expected all or some of",
        "got ''"),
    "no value": ([*TRAIN, "--seed"], "--seed", "expected one argument"),
    "unknown data": (["train", "--dataset", "cifar"], "got 'cifar'", "did you mean cifar10?",
        "folder:PATH"),
    "data not there": (["train", "--dataset", "cifar10"], "not found",
        "tinynnclr download cifar10"),
    "folder not there": (["train", "--dataset", "folder:photos"],
        "photos: expected a folder with one sub-folder"),
    "folder is a file": (["train", "--dataset", "folder:a-file"], "a-file: expected a folder"),
    "folder is empty": (["train", "--dataset", "folder:empty"],
        "empty: expected one sub-folder of images per class"),
    "folder without images": (["train", "--dataset", "folder:no-images"], "cats: expected images",
        "got none"),
    "too many images wanted": ([*TRAIN, "--train-size", "99"], "--train-size: expected at most 32",
        "got 99"),
    "too large a batch": ([*TRAIN, "--batch-size", "33"],
        "--batch-size: 33 is more than the 32 training images; use --batch-size 32 or fewer"),
    "a run is there": ([*TRAIN, "--out", "run"], "--out run already contains a run; add --resume"),
    "a file is there": ([*TRAIN, "--out", "a-file"], "--out a-file: cannot write there"),
    "a file is on the way": ([*TRAIN, "--out", "a-file/run"], "a-file", "cannot write there"),
    "nothing to resume": ([*TRAIN, "--resume", "--out", "nowhere"], "no checkpoint at nowhere"),
    "resume, default folder": ([*TRAIN, "--resume"], "no checkpoint at runs"),
    "another value": (["train", "--resume", "--out", "run", "--lr", "0.5"],
        "--lr 0.5: the run in run was started"),
    "another flag": (["train", "--resume", "--out", "run", "--no-neighbors"],
        "was started with True"),
    "evaluate nothing": (["evaluate"], "required: DIR"),
    "evaluate nowhere": (["evaluate", "nowhere"], "no checkpoint at nowhere"),
    "evaluate a file": (["evaluate", "a-file"], "no checkpoint at a-file"),
    "evaluate damaged": (["evaluate", "bad"], "is damaged or not a tinynnclr checkpoint"),
    "evaluate something else": (["evaluate", "foreign"], "checkpoint.npz holds no run"),
    "evaluate, no threads": (["evaluate", "run", "--threads", "0"], "expected 1 to 1024, got 0"),
    "plot empty": (["plot", "empty"], "no checkpoint at empty"),
    "download what": (["download", "imagenet"], "'imagenet'", "cifar10"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_one_line(name, here, capsys):
    arguments, *words = MISTAKES[name]
    before, names = files(here), tree(here)
    one_line(run(capsys, *arguments), *words)
    assert (files(here), tree(here)) == (before, names)


@pytest.mark.parametrize("error", [MemoryError("Unable to allocate 9 GiB"), MemoryError(),
                                   ValueError("array is too big; `arr.size * arr.dtype.itemsize` "
                                              "is larger ...")])
def test_more_than_memory(error, monkeypatch, capsys):
    monkeypatch.setattr("tinynnclr.cli.commands.run_plot",
                        lambda options: (_ for _ in ()).throw(error))
    one_line(run(capsys, "plot", "r"), "plot: not enough memory", str(error),
             "; choose smaller sizes: --width")


def test_one_line_from_a_process(here):
    before = tree(here)
    for arguments, *words in (MISTAKES["unknown flag"], MISTAKES["evaluate damaged"]):
        done = subprocess.run([sys.executable, "-m", "tinynnclr", *arguments], env=ENVIRONMENT,
                              capture_output=True, timeout=120, encoding="utf-8")
        one_line((done.returncode, done.stdout, done.stderr.replace(COMPILING, "")), *words)
    assert tree(here) == before


def test_downloading_from_a_file_that_is_not_there(here, capsys):
    one_line(run(capsys, "download", "cifar10", "--from", "missing.tar.gz"), "missing.tar.gz")


def test_a_learning_rate_that_is_far_too_large(here, capsys):
    """NaN ends the run with one line, without warnings of NumPy."""
    status, out, err = run(capsys, *TRAIN, "--lr", "1e30", "--out", "wild")
    # two lines of output: the start, and a note on the queue
    assert (status, out.count("\n"), err.count("\n")) == (2, 2, 1)
    assert "the loss is not finite" in err
    assert "try a smaller --lr" in err
    assert os.listdir("wild") == ["checkpoint.npz"]  # of the first step
    assert checkpoint.load("wild/checkpoint.npz")[1]["step"] == 0


@pytest.mark.parametrize(("flags", "advice", "other"), [
    (["--temperature", "1e-30"], "a larger --temperature than 1e-30", "--lr"),
    (["--weight-decay", "1e30"], "a smaller --weight-decay than 1e+30", "--lr"),
    (["--momentum", "1e30"], "a smaller --momentum than 1e+30", "--lr"),
    (["--lr", "1e30"], "try a smaller --lr", "--momentum")])
def test_the_advice_fits_the_cause(here, capsys, flags, advice, other):
    status, _, err = run(capsys, *TRAIN, *flags, "--no-plots", "--out", "wild")
    assert (status, err.count("\n")) == (2, 1)
    assert advice in err
    assert other not in err


def test_a_run_without_a_step_is_overwritten(here, capsys):
    """Such as one that failed in its first step."""
    assert run(capsys, *TRAIN, "--lr", "1e30", "--out", "wild")[0] == 2
    assert run(capsys, *TRAIN, "--no-plots", "--out", "wild")[::2] == (0, "")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0,
                    reason="root may write anywhere")
def test_a_read_only_folder(here, capsys):
    os.mkdir("locked", 0o500)
    one_line(run(capsys, *TRAIN, "--out", "locked/run"), "--out", "cannot write there",
             "Permission denied")
    assert os.listdir("locked") == []


def test_a_disk_that_is_full(here, capsys, monkeypatch):
    def fsync(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fsync)
    status, _, err = run(capsys, *TRAIN, "--out", "full")
    path = Path("full", "checkpoint.npz")
    assert (status, err) == (2, f"tinynnclr train: {path}: cannot be written (No space left on "
                             "device)\n")
    assert os.listdir("full") == []


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["train", "--help"],
                                       ["evaluate", "--help"]])
def test_what_is_no_mistake(arguments, capsys):
    status, out, err = run(capsys, *arguments)
    assert (status, err) == (0, "")
    assert out.startswith("tinynnclr 0." if arguments == ["--version"] else "usage: tinynnclr")
