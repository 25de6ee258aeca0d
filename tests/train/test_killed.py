"""After kill -9 at any moment, the next start resumes from a valid checkpoint, to equal bytes."""
import json
import os
import subprocess
import sys

import pytest
from command_line import TRAIN, run, start, write_pictures
from places import TESTS

from tinynnclr.storage.folder_lock import lock_folder

HERE = TESTS
posix = pytest.mark.skipif(not hasattr(os, "fork"), reason="forks, and flock")


@posix
def test_a_killed_run_ends_as_an_uninterrupted_one(count, tmp_path, record_property):
    kills = count(10, 24, 200)
    process = start(HERE / "kill_server.py", kills, 7, cwd=tmp_path)
    out, err = process.communicate(timeout=1200)
    assert process.returncode == 0, err[-2000:]
    report = json.loads(out.splitlines()[-1])
    record_property("cases", report["kills"])
    print(report)
    assert report["kills"] == kills
    assert report["kinds of moment"] >= 11
    assert "checkpoint" in report["half-written files seen"]


def test_only_files_of_killed_processes_are_removed(tmp_path):
    dead = 2**22 + 1  # more than any process has
    ours = [f".{name}.tinynnclr-{dead}.tmp" for name in ("checkpoint.npz", "metrics.csv", "probe",
                                                         "my file.txt")]
    # of others, or of processes that live; 0: Wine
    others = ["checkpoint.npz", ".checkpoint.npz", "notes.md.1", ".hidden", ".profile.12",
              "checkpoint.npz.4711", ".notes.md.1", ".checkpoint.npz.4711", ".probe-99",
              f"x.tinynnclr-{dead}.tmp", ".x.tinynnclr-.tmp", f".x.tinynnclr-{dead}.tmp.bak",
              f".checkpoint.npz.tinynnclr-{os.getpid()}.tmp",
              f".x.tinynnclr-{os.getppid() or os.getpid()}.tmp"]
    for name in ours + others:
        (tmp_path / name).write_text("", encoding="utf-8")
    with lock_folder(tmp_path):
        assert sorted(path.name for path in tmp_path.iterdir()
                      if path.name != ".owner") == sorted(others)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(others)


def test_a_second_process_is_refused(tmp_path, monkeypatch, capsys):
    """Training, resuming and comparing in a folder that another process uses, until it ends."""
    monkeypatch.chdir(tmp_path)
    write_pictures(tmp_path / "pictures")
    (tmp_path / "out").mkdir()
    holder = start("-c", "from pathlib import Path; from tinynnclr.storage.folder_lock import "
                   "lock_folder\nwith lock_folder(Path('out')): print('held', flush=True); input()",
                   cwd=tmp_path, stdin=subprocess.PIPE)
    try:
        assert holder.stdout.readline() == "held\n"
        for arguments in ([*TRAIN, "--out", "out"], ["train", "--resume", "--out", "out"],
                          ["compare", *TRAIN[1:], "--methods", "simclr", "--seeds", "1", "--out",
                           "out"]):
            status, _, err = run(capsys, *arguments)
            assert status == 2
            assert err == (f"tinynnclr {arguments[0]}: out: another process is using it; wait "
                           "until it ends, or choose another folder\n")
        assert [path.name for path in (tmp_path / "out").iterdir() if path.name != ".owner"] == []
    finally:
        holder.kill()
        holder.communicate()
    assert run(capsys, *TRAIN, "--no-plots", "--out", "out")[0] == 0


def test_the_owner_may_lock_it_again(tmp_path):
    for _ in range(2):
        with lock_folder(tmp_path):
            pass
    with lock_folder(tmp_path), pytest.raises(ValueError, match="another process"):
        with lock_folder(tmp_path):
            pass


@pytest.mark.skipif(sys.platform != "win32", reason="on other systems, the lock is no file")
def test_a_lock_that_windows_has_marked_for_deletion(tmp_path, monkeypatch):
    """After one process was refused, Windows refuses to open the file until its owner ends."""
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(PermissionError, match="cannot be opened"), lock_folder(tmp_path):
        pass
    (tmp_path / ".owner").write_bytes(b"")
    with pytest.raises(ValueError, match="another process"), lock_folder(tmp_path):
        pass
