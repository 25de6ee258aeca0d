"""Writing files: never over a folder, a link or another's file, and in spite of open files."""
import json
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from one_line import fails
from small import random_data, small_config

from tinynnclr.cli.main import main
from tinynnclr.cli.train import has_trained
from tinynnclr.lab.bench import drawn
from tinynnclr.lab.export import export_run, exported
from tinynnclr.lab.registry import run_protocol
from tinynnclr.lab.sweep.collect import collect
from tinynnclr.lab.sweep.comparison import OUTPUTS
from tinynnclr.storage import atomic
from tinynnclr.storage.atomic import rows_with, write_text
from tinynnclr.storage.folder_lock import lock_folder
from tinynnclr.train import run_dir
from tinynnclr.train.run import Run

posix = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes and devices of a POSIX system")
DATA = random_data(), random_data(20, seed=1)


def saved(folder, epochs=1, **changes):
    """A run before its first step, in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    run = Run(small_config(epochs=epochs, **changes), *DATA)
    run.save(folder / "checkpoint.npz")
    return run


# ---------------------------------------------------------------- what is not replaced


def make(kind, path):
    """Something at path that is no regular file."""
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        target = path.with_name("target")
        if kind == "link to a file":
            target.write_text("precious", encoding="utf-8")
        elif kind == "link to a folder":
            target.mkdir()
        path.symlink_to(target)


@posix
@pytest.mark.parametrize("kind", ["folder", "pipe", "link to a file", "link to a folder",
                                  "broken link"])
def test_only_files_are_replaced(kind, tmp_path):
    path = tmp_path / "it"
    make(kind, path)
    before = os.lstat(path)
    with fails(OSError, "it: cannot be written", "expected a file", "choose another file"):
        atomic.write_whole(path, lambda file: file.write(b"new"))
    after = os.lstat(path)
    assert (after.st_ino, after.st_mode) == (before.st_ino, before.st_mode)
    assert not [name for name in os.listdir(tmp_path) if "tinynnclr" in name]


@posix
def test_a_device_is_not_replaced():
    before = os.stat("/dev/null")
    with fails(OSError, "/dev/null: cannot be written", "device"):
        write_text(Path("/dev/null"), "new")
    assert os.stat("/dev/null").st_rdev == before.st_rdev


def test_export_replaces_an_export_only(tmp_path):
    saved(tmp_path)
    kinds = ["npz"]
    try:
        import safetensors  # noqa: F401
    except ImportError:
        pass
    else:
        kinds.append("safetensors")
    for kind in kinds:
        path = export_run(tmp_path, kind)
        assert exported(path)
        assert exported(export_run(tmp_path, kind))
    (tmp_path / "empty").touch()
    for name, text in (("result.json", "{}"), ("notes.md", "mine"), ("encoder.npz", "mine"),
                       ("empty", ""), ("weights.safetensors", "\x02\0\0\0\0\0\0\0{}")):
        (tmp_path / name).write_text(text, encoding="utf-8")
        with fails(ValueError, f"--out .*{name}: this command did not write the existing file"):
            export_run(tmp_path, out=tmp_path / name)
        assert (tmp_path / name).read_text(encoding="utf-8") == text


def test_bench_replaces_its_own_files_only(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("ours.json").write_text('[{"measure": "matmul"}]', encoding="utf-8")
    assert rows_with("measure")(Path("ours.json"))
    Path("ours.png").write_bytes(b"\x89PNG tEXtSoftware\0tinynnclr bench")
    assert drawn(Path("ours.png"))
    Path("photo.png").write_bytes(b"\x89PNG of a cat")
    Path("notes.json").write_text('{"a": 1}', encoding="utf-8")
    for flags in (["--json", "notes.json"], ["--roofline", "photo.png"], ["--json", "ours.png"]):
        with pytest.raises(SystemExit):  # before anything is measured
            main(["bench", "--only", "matmul", "--quick", *flags])
    assert Path("photo.png").read_bytes() == b"\x89PNG of a cat"


def test_a_run_replaces_no_file_of_others(tmp_path):
    for name in ("metrics.csv", "result.json", "views.png"):
        folder = tmp_path / name
        folder.mkdir()
        run_dir.expect_free(folder)
        (folder / name).write_text("mine", encoding="utf-8")
        with fails(ValueError, f"{name}: this command did not write the existing file"):
            run_dir.expect_free(folder)
        saved(folder)
        run_dir.expect_free(folder)  # of a run that has begun nothing


def test_a_protocol_and_a_comparison_replace_no_file_of_others(tmp_path):
    (tmp_path / "knn.md").write_text("mine", encoding="utf-8")
    with fails(ValueError, "knn.md: this command did not write the existing file"):
        run_protocol(tmp_path, "knn", SimpleNamespace(config=small_config()))
    (tmp_path / "compare.csv").write_text("mine", encoding="utf-8")
    (tmp_path / "compare.json").write_text('{"arm": 1}', encoding="utf-8")
    with fails(ValueError, "compare.json: this command did not write the existing file"):
        atomic.expect_ours([tmp_path / name for name in OUTPUTS], rows_with("arm"), "--out ")


# ---------------------------------------------------------------- held open by another program


@pytest.fixture
def held(monkeypatch):
    """Names of files that os.replace cannot replace; nothing waits for them."""
    names, replace = [], os.replace

    def fail(source, target):
        if Path(target).name in names:
            if names.count(Path(target).name) > 1:
                names.remove(Path(target).name)
            raise PermissionError(13, "The process cannot access the file")
        return replace(source, target)

    monkeypatch.setattr(os, "replace", fail)
    monkeypatch.setattr(atomic, "PATIENCE", 0.0)
    return names


def test_a_rename_waits(tmp_path, monkeypatch):
    tries, replace = [], os.replace

    def fail_thrice(*paths):
        tries.append(1)
        if len(tries) <= 3:
            raise PermissionError(13, "held")
        replace(*paths)

    monkeypatch.setattr(os, "replace", fail_thrice)
    monkeypatch.setattr(atomic.time, "sleep", lambda seconds: None)
    write_text(tmp_path / "a", "text")
    assert ((tmp_path / "a").read_text(encoding="utf-8"), len(tries)) == ("text", 4)
    (tmp_path / "folder").mkdir()
    atomic.replace(tmp_path / "folder", tmp_path / "renamed")
    assert (tmp_path / "renamed").is_dir()


def test_a_file_that_stays_open_is_one_line(tmp_path, held):
    (tmp_path / "a").write_text("old", encoding="utf-8")
    held.append("a")
    with fails(atomic.HeldOpen, "a: cannot be written", "another program holds it open",
               "was there is whole"):
        write_text(tmp_path / "a", "new")
    assert os.listdir(tmp_path) == ["a"]
    assert (tmp_path / "a").read_text(encoding="utf-8") == "old"


@pytest.mark.parametrize("name", ["checkpoint.npz", "metrics.csv"])
def test_training_continues(name, tmp_path, held, monkeypatch, capsys):
    run = saved(tmp_path, epochs=3)
    write_text(tmp_path / "metrics.csv", "")
    write = run_dir.Run.save

    def held_from_now_on(self, path):
        held[:] = [name] if self.epoch in (1, 3) else []
        write(self, path)

    monkeypatch.setattr(run_dir.Run, "save", held_from_now_on)
    run_dir.train_into(tmp_path, run, DATA[0], progress=False)
    lines = [line for line in capsys.readouterr().err.splitlines() if name in line]
    assert run.epoch == 3
    assert [line.partition(":")[0] for line in lines] == ["epoch 1", "epoch 3",
                                                          "training is complete, but "
                                                          + str(tmp_path / name).partition(":")[0]]
    assert "training continues, and the next save tries again" in lines[0]
    held.clear()
    again = Run(run.config, *DATA)
    again.load(tmp_path / "checkpoint.npz")
    assert again.epoch == (2 if name == "checkpoint.npz" else 3)


# ---------------------------------------------------------------- folders


@pytest.mark.parametrize("error", [
    PermissionError(13, "Permission denied"), OSError(30, "Read-only file system"),
    FileNotFoundError(2, "No such file"), NotADirectoryError(20, "Not a directory")])
def test_a_folder_that_cannot_be_opened(tmp_path, monkeypatch, error):
    """The error does not say that another process is using it."""
    def fail(*_):
        raise error

    monkeypatch.setattr(os, "open", fail)
    words = f"cannot be opened .{error.strerror}", "choose another folder"
    with fails(type(error), *words), lock_folder(tmp_path):
        pass


def test_out_is_no_folder(tmp_path):
    (tmp_path / "file").touch()
    with fails(OSError, "--out .*file: cannot write there", "it is a file"):
        run_dir.open_dir(tmp_path / "file")
    with fails(OSError, "cannot write there"):
        run_dir.open_dir(tmp_path / ("x" * 300))
    if hasattr(os, "mkfifo"):
        (tmp_path / "link").symlink_to(tmp_path / "gone")
        with fails(OSError, "cannot write there", "a link to a folder that does not exist"):
            run_dir.open_dir(tmp_path / "link")


def test_a_run_that_finished_meanwhile_is_kept(tmp_path, monkeypatch, capsys):
    """Another process trains in the folder while this one still reads its data."""
    def slow(config):
        other = saved(tmp_path / "out")
        other.step = other.epoch = 1
        with lock_folder(tmp_path / "out"):
            other.save(tmp_path / "out" / "checkpoint.npz")
        return DATA

    monkeypatch.setattr(run_dir, "load_data", slow)
    config = small_config(epochs=1)
    with pytest.raises(SystemExit):
        main(["train", "--out", str(tmp_path / "out"), "--width", str(config.width),
                       "--batch-size", str(config.batch_size),
                       "--view-size", str(config.view_size)])
    assert "already contains a run" in capsys.readouterr().err
    assert has_trained(tmp_path / "out")
    assert sorted(os.listdir(tmp_path / "out")) == ["checkpoint.npz"]


def test_evaluate_and_plot_wait_for_training(tmp_path, capsys):
    saved(tmp_path)
    with lock_folder(tmp_path):
        for command in ("evaluate", "plot"):
            with pytest.raises(SystemExit):
                main([command, str(tmp_path)])
            assert "another process is using it" in capsys.readouterr().err


def test_results_of_other_data_are_not_collected(tmp_path):
    run = Run(small_config(), *DATA)
    for name, data in (("a", DATA), ("b", DATA), ("c", (DATA[0], random_data(20, seed=2)))):
        (tmp_path / name).mkdir()
        run.data = Run(small_config(), *data).data
        result = {"dataset": "toybox", "config": {"method": "simclr"}, "data": run.data}
        (tmp_path / name / "result.json").write_text(json.dumps(result), encoding="utf-8")
    assert len(collect([tmp_path / "a", tmp_path / "b"])) == 2
    with fails(ValueError, "c and .*a: the data are not those", r"test images \(still 20"):
        collect([tmp_path / "a", tmp_path / "b", tmp_path / "c"])
    shutil.rmtree(tmp_path)
