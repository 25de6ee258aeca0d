"""A disk that fills up, turns read-only or vanishes: one line, and the last checkpoint is whole."""
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from command_line import COMPILING, TRAIN, run, start, write_pictures

from tinynnclr.storage import checkpoint

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="limits and mounts of a POSIX "
                                "system")
LONG = [*TRAIN, "--no-plots", "--epochs", "2000"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_pictures(tmp_path / "pictures")
    return tmp_path


@pytest.fixture
def disk(here, capsys):
    """A file system of its own, mounted at disk, with room for one checkpoint and a half."""
    assert run(capsys, *TRAIN, "--no-plots", "--epochs", "1", "--out", "sized")[0] == 0
    size = int(1.5 * Path("sized/checkpoint.npz").stat().st_size) + 16384
    os.mkdir("disk")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", "disk"],
                      capture_output=True).returncode:
        pytest.skip("needs the right to mount")
    yield Path("disk")
    subprocess.run(["umount", "-l", "disk"], check=True)


def ended(process):
    """(exit status, standard error) of a training that ends by itself."""
    _, err = process.communicate(timeout=120)
    return process.returncode, err.replace(COMPILING, "")


def test_a_limit_on_files(here):
    import resource

    process = start("-m", "tinynnclr", *TRAIN, "--out", "out", cwd=here,
                    preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)))
    status, err = ended(process)
    assert (status, err.count("\n")) == (2, 1)
    assert err == "tinynnclr train: out/checkpoint.npz: cannot be written (File too large)\n"
    assert os.listdir("out") == []


def test_a_disk_that_fills_up(disk, here, capsys):
    """The first checkpoint fits, the second does not beside it; what is there goes on elsewhere."""
    status, err = ended(start("-m", "tinynnclr", *TRAIN, "--no-plots", "--out", "disk/run",
                              cwd=here))
    assert status == 2
    assert err == ("tinynnclr train: disk/run/checkpoint.npz: cannot be written (No space left on "
                   "device); the file that was there is whole\n")
    assert os.listdir("disk/run") == ["checkpoint.npz"]
    shutil.copytree("disk/run", "copy")
    assert run(capsys, "train", "--resume", "--no-plots", "--out", "copy")[0] == 0
    assert checkpoint.load("copy/checkpoint.npz")[1]["epoch"] == 2


def test_a_disk_that_turns_read_only(disk, here):
    subprocess.run(["mount", "-o", "remount,size=50m", "disk"], check=True)
    process = start("-m", "tinynnclr", *LONG, "--out", "disk/run", cwd=here)
    wait_for_metrics(process)
    subprocess.run(["mount", "-o", "remount,ro", "disk"], capture_output=True)
    if os.access("disk", os.W_OK):
        process.kill()
        process.communicate()
        pytest.skip("a file was open at that moment, so it stayed writable")
    status, err = ended(process)
    assert (status, err.count("\n")) == (2, 1)
    assert "Read-only file system" in err
    assert checkpoint.load("disk/run/checkpoint.npz")[1]["epoch"] >= 1


def test_a_folder_that_vanishes(here):
    process = start("-m", "tinynnclr", *LONG, "--out", "out", cwd=here)
    wait_for_metrics(process)
    os.rename("out", "elsewhere")
    status, err = ended(process)
    assert (status, err.count("\n")) == (2, 1)
    assert "cannot be written (No such file or directory)" in err
    assert checkpoint.load("elsewhere/checkpoint.npz")[1]["epoch"] >= 1


def wait_for_metrics(process):
    """Until the first epoch is over, wherever the run is."""
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        if list(Path().glob("out/metrics.csv")) + list(Path().glob("disk/run/metrics.csv")):
            return
        time.sleep(0.05)
    process.kill()
    raise AssertionError(f"no epoch ended: {process.communicate()}")
