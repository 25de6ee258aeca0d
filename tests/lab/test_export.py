"""Exporting an encoder: names, shapes and layouts, files without code, mistakes in one line."""
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from command_line import files, run
from exported import read, write_run
from needed import need
from one_line import fails

from tinynnclr import __version__
from tinynnclr.lab.export import FORMATS, export_run, torch_state
from tinynnclr.nn import Linear, ReLU, Sequential
from tinynnclr.storage import checkpoint
from tinynnclr.train import restore, run_dir


def as_bytes(arrays):
    return {name: (a.dtype, a.shape, a.tobytes()) for name, a in arrays.items()}


@pytest.mark.parametrize("detrend", [True, False])
def test_names_and_shapes(detrend, tmp_path, rng):
    encoder = write_run(tmp_path / "run", rng, width=2, detrend=detrend)
    state, wanted = torch_state(encoder), {}
    for place, inputs, outputs in ((0, 3, 2), (3, 2, 4), (6, 4, 8), (9, 8, 16)):
        place += detrend
        wanted[f"{place}.weight"] = (outputs, inputs, 3, 3)
        for name in ("weight", "bias", "running_mean", "running_var"):
            wanted[f"{place + 1}.{name}"] = (outputs,)
        wanted[f"{place + 1}.num_batches_tracked"] = ()
    assert [(name, a.shape) for name, a in state.items()] == list(wanted.items())
    assert all(a.dtype == (np.int64 if "num" in name else np.float32) for name, a in state.items())
    assert all(a.flags.c_contiguous and a.flags.owndata for a in state.values())
    conv, norm = encoder.body.layers[detrend:detrend + 2]
    first, variance = state[f"{int(detrend)}.weight"], state[f"{detrend + 1}.running_var"]
    for o, i, y, x in np.ndindex(first.shape):
        assert first[o, i, y, x] == conv.weight.data[y, x, i, o]
    assert variance.tobytes() == norm.running_var.tobytes() != np.ones(2, "f").tobytes()
    first[...] = 0  # a copy: the network keeps its own
    assert conv.weight.data.any()


def test_linear_is_transposed(rng):
    layer = Linear(3, 5, rng)
    state = torch_state(layer)
    assert {name: a.shape for name, a in state.items()} == {"weight": (5, 3), "bias": (5,)}
    assert all(state["weight"][o, i] == layer.weight.data[i, o] for o, i in np.ndindex(5, 3))
    assert list(torch_state(Sequential(ReLU(), layer))) == ["1.weight", "1.bias"]


@pytest.mark.parametrize("kind", FORMATS)
def test_what_is_in_the_file(kind, tmp_path, rng):
    if kind == "safetensors":
        need("safetensors")
    encoder = write_run(tmp_path / "run", rng, width=3, method="simclr", detrend=False)
    arrays, info = read(export_run(tmp_path / "run", kind))
    assert as_bytes(arrays) == as_bytes(torch_state(encoder))
    assert info == {"method": "simclr", "dataset": "folder:gone", "epochs": "7", "seed": "3",
                    "encoder": "tiny_cnn", "width": "3", "detrend": "False", "version": __version__}
    assert sorted(files(tmp_path / "run")) == ["checkpoint.npz", f"encoder.{kind}"]


def test_an_npz_holds_no_pickle(tmp_path, rng):
    write_run(tmp_path / "run", rng)
    with zipfile.ZipFile(export_run(tmp_path / "run")) as archive:
        for name in archive.namelist():
            assert name.endswith(".npy")
            with archive.open(name) as file:
                assert np.lib.format.read_magic(file) == (1, 0)
                assert not np.lib.format.read_array_header_1_0(file)[2].hasobject


def test_no_data_are_loaded_and_no_first_weights_exported(tmp_path, rng, monkeypatch):
    """The checkpoint's weights, not those that its seed begins with."""
    def loaded(*_, **__):
        raise AssertionError("data")

    monkeypatch.setattr(run_dir.datasets, "load", loaded)
    encoder = write_run(tmp_path / "run", rng)
    for p in encoder.parameters():
        p.data += 1
    groups, info = checkpoint.load(tmp_path / "run" / "checkpoint.npz")
    groups["method"] |= {f"encoder.{name}": a for name, a in encoder.state_dict().items()}
    checkpoint.save(tmp_path / "run" / "checkpoint.npz", groups, info)
    restored, config, info = restore.load_encoder(tmp_path / "run")
    assert as_bytes(restored.state_dict()) == as_bytes(encoder.state_dict())
    assert (config.dataset, info["epoch"], restored.features) == ("folder:gone", 7, 16)


# ---------------------------------------------------------------- the command


@pytest.fixture
def here(tmp_path, rng, monkeypatch):
    """The current folder, with a run in "run"."""
    monkeypatch.chdir(tmp_path)
    write_run(Path("run"), rng)


def test_the_command(here, capsys):
    assert run(capsys, "export", "run") == (0, f"{Path('run/encoder.npz')}\n", "")
    arguments = ("export", "run", "--format", "npz", "--out", "mine.bin")
    for _ in range(2):  # the second replaces the first
        assert run(capsys, *arguments) == (0, "mine.bin\n", "")
        assert Path("mine.bin").read_bytes() == Path("run/encoder.npz").read_bytes()


MISTAKES = {
    "no run": (["nowhere"], "no checkpoint at nowhere"),
    "nothing": ([], "required: DIR"),
    "damaged": (["bad"], "checkpoint.npz is damaged or not a tinynnclr checkpoint"),
    "something else": (["foreign"], "checkpoint.npz holds no run"),
    "half a run": (["half"], "checkpoint.npz does not fit this run", "missing"),
    "another width": (["wide"], "checkpoint.npz does not fit this run", "expected float32"),
    "no such folder": (["run", "--out", "gone/x.npz"],
                       "x.npz: cannot be written (No such file or directory)"),
    "a folder": (["run", "--out", "bad"], "bad: cannot be written"),
    "a file as a folder": (["run", "--out", "a-file/x.npz"], "x.npz: cannot be written"),
    "the checkpoint": (["run", "--out", "bad/../run/checkpoint.npz"],
                       "that is the run's checkpoint"),
    "unknown format": (["run", "--format", "onnx"], "--format", "'onnx'", "npz", "safetensors"),
    "unknown flag": (["run", "--formats", "npz"],
                     "unknown flag --formats, did you mean --format?")}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes(name, here, capsys):
    groups, info = checkpoint.load("run/checkpoint.npz")
    for folder in ("bad", "foreign", "half", "wide"):
        Path(folder).mkdir()
    Path("a-file").write_text("hello", encoding="utf-8")
    Path("bad/checkpoint.npz").write_bytes(b"PK\x03\x04 and then nothing")
    checkpoint.save("foreign/checkpoint.npz", {"a": {"b": np.ones(3)}}, {"epoch": 3})
    checkpoint.save("half/checkpoint.npz", {"optimizer": groups["optimizer"]}, info)
    wide = {**info, "config": {**info["config"], "width": 3}}
    checkpoint.save("wide/checkpoint.npz", groups, wide)
    before, (arguments, *words) = files("."), MISTAKES[name]
    status, out, err = run(capsys, "export", *arguments)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("tinynnclr export: ")
    assert [word for word in words if word not in err] == []
    assert files(".") == before


def test_without_safetensors(here, monkeypatch, capsys):
    for name in ("safetensors", "safetensors.numpy"):
        monkeypatch.setitem(sys.modules, name, None)
    status, out, err = run(capsys, "export", "run", "--format", "safetensors")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "the package is not installed; pip install \"tinynnclr[export]\"" in err
    assert "--format npz" in err
    assert list(files("run")) == ["checkpoint.npz"]
    assert run(capsys, "export", "run")[0] == 0


def test_a_full_disk_leaves_nothing(here, monkeypatch):
    def fsync(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fsync)
    with fails(OSError, "encoder.npz: cannot be written", "No space left on device"):
        export_run(Path("run"))
    assert list(files("run")) == ["checkpoint.npz"]
