"""On Windows, a file that a program holds open cannot be replaced: a rename waits for it, and
training continues.
"""
import os
import sys
import threading

import pytest
from one_line import fails
from small import random_data, small_config

from tinynnclr.storage import atomic, checkpoint
from tinynnclr.train.run import Run
from tinynnclr.train.run_dir import CHECKPOINT, METRICS, train_into

pytestmark = pytest.mark.skipif(sys.platform != "win32", reason="on other systems, an open file "
                                "can be replaced")


@pytest.fixture
def path(tmp_path):
    (tmp_path / "a").write_text("old", encoding="utf-8")
    return tmp_path / "a"


def test_a_rename_waits_until_the_file_is_closed(path):
    held = open(path, "rb")
    with pytest.raises(PermissionError):
        os.replace(path, path.with_name("b"))  # so it is held indeed
    closing = threading.Timer(0.3, held.close)
    closing.start()
    atomic.write_text(path, "new")
    closing.join()
    assert path.read_text(encoding="utf-8") == "new"
    assert os.listdir(path.parent) == ["a"]


def test_a_folder_with_an_open_file_is_renamed_when_it_is_closed(path):
    (path.parent / "folder").mkdir()
    held = open(path.rename(path.parent / "folder" / "a"), "rb")
    closing = threading.Timer(0.3, held.close)
    closing.start()
    atomic.replace(path.parent / "folder", path.parent / "renamed")
    closing.join()
    assert os.listdir(path.parent / "renamed") == ["a"]


def test_a_file_that_stays_open_is_one_line(path, monkeypatch):
    monkeypatch.setattr(atomic, "PATIENCE", 0.1)
    with open(path, "rb"), fails(atomic.HeldOpen, "a: cannot be written", "holds it open",
                                 "was there is whole"):
        atomic.write_text(path, "new")
    assert path.read_text(encoding="utf-8") == "old"
    assert os.listdir(path.parent) == ["a"]


@pytest.mark.parametrize("name", [CHECKPOINT, METRICS])
def test_training_continues(name, tmp_path, monkeypatch, capsys):
    """Held open during the second of three epochs."""
    monkeypatch.setattr(atomic, "PATIENCE", 0.1)
    data, held = random_data(), []
    run = Run(small_config(epochs=3), data)

    def hold(run):
        if run.epoch == 1:
            held.append(open(tmp_path / name, "rb"))
        elif held:
            held.pop().close()

    train_into(tmp_path, run, data, progress=False, saved=hold)
    (line,) = [line for line in capsys.readouterr().err.splitlines() if name in line]
    assert line.startswith("epoch 2: ")
    assert "training continues" in line
    assert checkpoint.load(tmp_path / CHECKPOINT)[1]["epoch"] == 3
    assert len((tmp_path / METRICS).read_text(encoding="utf-8").splitlines()) == 4
    assert sorted(os.listdir(tmp_path)) == [CHECKPOINT, METRICS]
