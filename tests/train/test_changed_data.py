"""Data that changed or moved since a run's start, another processor, and false claims in files."""
import dataclasses
import os
import shutil
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from command_line import run, write_pictures
from one_line import fails
from small import random_data, small_config

from tinynnclr.datasets.digests import changes, digests
from tinynnclr.evaluate import read_result
from tinynnclr.lab.export import export_run
from tinynnclr.lab.sweep.baseline_cache import BaselineCache
from tinynnclr.lab.sweep.jobs import Job, finished, steps_saved
from tinynnclr.lab.sweep.sweep import Sweep
from tinynnclr.methods import METHODS, make_config
from tinynnclr.methods.registry import applicable
from tinynnclr.storage import checkpoint
from tinynnclr.train import restore, run_dir
from tinynnclr.train.run import Run

DATA = random_data(), random_data(20, seed=1)


def config_of(method, **changes):
    """A small configuration, with few clusters."""
    return small_config(method=method, **applicable({"clusters": 4, "pca": 4}, method), **changes)


def saved(folder, config, **changes):
    """A checkpoint of a run at its first step: its groups and info, with changes of the config."""
    Run(config, *DATA).save(folder / "checkpoint.npz")
    groups, info = checkpoint.load(folder / "checkpoint.npz")
    return groups, {**info, "config": {**info["config"], **changes}}


def other(data, name):
    """The data with one image, label or name changed, two images swapped, or one fewer."""
    if name == "class_names":
        return dataclasses.replace(data, class_names=("x", *data.class_names[1:]))
    if name == "fewer":
        return data.take(len(data) - 1)
    if name == "order":
        swapped = np.r_[1, 0, 2:len(data)]
        return dataclasses.replace(data, images=data.images[swapped], labels=data.labels[swapped])
    array = getattr(data, name).copy()
    array.flat[-1] = (array.flat[-1] + 1) % 4
    return dataclasses.replace(data, **{name: array})


CHANGES = {("train", "images"): r"training images \(still 64",
           ("train", "labels"): r"training labels \(still 64",
           ("train", "class_names"): r"class names \(still 4",
           ("train", "fewer"): r"training images \(64 then, 63 now",
           ("train", "order"): "training images.*another order",
           ("test", "images"): r"test images \(still 20",
           ("test", "labels"): r"test labels \(still 20",
           ("test", "fewer"): r"test images \(20 then, 19 now",
           ("test", "order"): "test images.*another order"}


@pytest.mark.parametrize(("part", "name"), CHANGES)
def test_each_change_is_named(part, name, tmp_path):
    Run(small_config(), *DATA).save(tmp_path / "c.npz")
    train, test = (other(data, name) if which == part else data for which,
                   data in zip(("train", "test"), DATA, strict=True))
    with fails(ValueError, "c.npz: the data are not those of this run: .*" + CHANGES[part, name],
               "another --out"):
        Run(small_config(), train, test).load(tmp_path / "c.npz")
    Run(small_config(), *DATA).load(tmp_path / "c.npz")


def test_equal_data_have_equal_digests():
    again = [dataclasses.replace(data, images=np.asfortranarray(data.images),
                                 labels=data.labels.astype(np.int32)) for data in DATA]
    assert digests(*DATA) == digests(*again)
    assert changes(digests(DATA[0]), digests(*DATA)) == changes({}, digests(*DATA)) == ""
    assert len(set(digests(*DATA).values())) == 5


COMMANDS = {"evaluate": ["evaluate", "r"], "protocol": ["evaluate", "r", "--protocol", "knn"],
            "plot": ["plot", "r"], "resume": ["train", "--resume", "--out", "r"]}


def test_every_command_stops(here, compare, capsys):
    """One image renamed: the split changes, so test images would have been trained on."""
    (here / "pictures/class0/0.png").rename(here / "pictures/class0/zzz.png")
    before = {p: p.read_bytes() for p in here.rglob("*") if p.is_file()}
    for arguments in (*COMMANDS.values(), compare):
        status, _, err = run(capsys, *arguments)
        assert (status, err.count("\n")) == (2, 1), err
        assert "the data are not those of this run: training images (still 24" in err
        assert "test images" in err
    assert {p: p.read_bytes() for p in before} == before


def test_a_stored_run_of_a_sweep(here):
    config = make_config(checkpoint.load("c/simclr-0/checkpoint.npz")[1]["config"])
    data, job = run_dir.load_data(config), Job("simclr", config, here / "c/simclr-0")
    sweep = Sweep([job], here, "")
    sweep.data[config.dataset, config.train_size] = data
    assert sweep.check()
    assert sweep.left == []
    assert steps_saved(job, data) == sweep.results[0]["steps"]
    changed = data[0], other(data[1], "labels")
    sweep.data[config.dataset, config.train_size] = changed
    for read in (sweep.check, lambda: finished(job, changed), lambda: steps_saved(job, changed)):
        with fails(ValueError, "the data are not those of this run: test labels"):
            read()


def test_a_run_that_finished_meanwhile_is_used(here, compare, capsys, monkeypatch):
    """Another process trains it while this one computes its baselines: it is not trained again."""
    os.rename("c", "other")
    of = BaselineCache.of

    def slow(self, *arguments):
        baselines = of(self, *arguments)
        shutil.copytree("other/simclr-0", "c/simclr-0")
        return baselines

    monkeypatch.setattr(BaselineCache, "of", slow)
    monkeypatch.setattr(run_dir, "train_into", lambda *_: pytest.fail("it was trained again"))
    status, out, _ = run(capsys, *compare)
    assert status == 0
    assert "[1/1] simclr, seed 0: kNN" in out
    results = [Path(c, "simclr-0", "result.json").read_bytes() for c in ("c", "other")]
    assert results[0] == results[1]


def test_data_that_moved(here, compare, capsys):
    os.rename("pictures", "photos")
    for arguments in (COMMANDS["evaluate"], COMMANDS["plot"], COMMANDS["resume"]):
        status, _, err = run(capsys, *arguments)
        assert (status, err.count("\n")) == (2, 1)
        assert "pictures: expected a folder" in err
        assert "add --dataset folder:PATH" in err
    moved = ["--dataset", "folder:photos", "--data-dir", "new"]
    assert run(capsys, "evaluate", "r", *moved)[::2] == (0, "")
    assert run(capsys, "train", "--resume", "--no-plots", "--out", "r", *moved)[::2] == (0, "")
    result = read_result(Path("r"))
    assert (result["dataset"], result["config"]["data_dir"]) == ("folder:photos", "new")
    status, _, err = run(capsys, *compare)  # its run is done: it only prints a note
    assert status == 0
    assert "note: pictures: expected a folder" in err
    status, _, err = run(capsys, *compare, "--dataset", "folder:photos")
    assert (status, err) == (0, "")


@pytest.mark.parametrize("dataset", ["toybox", "cifar10", "folder:photos"])
def test_another_data_set_is_refused(dataset, here, capsys):
    write_pictures(here / "photos", each=9)
    status, _, err = run(capsys, "evaluate", "r", "--dataset", dataset)
    assert (status, err.count("\n")) == (2, 1)
    assert ("training images (24 then, 28 now)" if "photos" in dataset
            else "was started with folder:pictures") in err


def test_a_run_of_an_earlier_version(here, capsys):
    """It has no digests: it is read where its data lie as they did, and nowhere else."""
    groups, info = checkpoint.load("r/checkpoint.npz")
    del info["data"], info["target"]
    checkpoint.save("r/checkpoint.npz", groups, info)
    shutil.copytree("pictures", "photos")
    assert restore.restore(Path("r"))[0].step == info["step"]
    with fails(ValueError, "--dataset folder:photos", "no digest of its data"):
        restore.restore(Path("r"), dataset="folder:photos")


def test_another_processor_is_mentioned(tmp_path, capsys):
    """One line when training resumes, and it continues."""
    groups, info = saved(tmp_path, small_config(epochs=1))
    checkpoint.save(tmp_path / "checkpoint.npz", groups, {**info, "target": "abacus"})
    resumed = Run(small_config(epochs=1), *DATA)
    resumed.load(tmp_path / "checkpoint.npz")
    run_dir.train_into(tmp_path, resumed, DATA[0], progress=False)
    err = capsys.readouterr().err
    assert err.count("note: this run was started with kernels for abacus") == 1
    assert resumed.epoch == 1
    assert checkpoint.load(tmp_path / "checkpoint.npz")[1]["target"] == info["target"] != "abacus"


# ---------------------------------------------------------------- the contents of a file


@pytest.mark.parametrize(("method", "optimizer"), [("nnclr", "sgd"), ("moco", "adamw"),
                                                   ("deepcluster", "lars"),
                                                   ("instance_discrimination", "sgd")])
def test_arrays_that_are_not_finite_are_refused(method, optimizer, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda file: None)
    config = config_of(method, optimizer=optimizer, epochs=1)
    groups, info = saved(tmp_path, config)
    fresh, spoiled = Run(config, *DATA), 0
    for group in ("method", "optimizer"):
        for name, array in groups[group].items():
            if array.dtype.kind != "f" or name == "nmi" or not array.size:
                continue
            worse = array.copy()
            worse.flat[-1] = (np.nan, np.inf)[spoiled % 2]
            spoiled += 1
            checkpoint.save(tmp_path / "checkpoint.npz",
                            {**groups, group: {**groups[group], name: worse}}, info)
            with fails(ValueError, f"checkpoint.npz: .*{name} holds NaN or infinity"):
                fresh.load(tmp_path / "checkpoint.npz")
            if name.startswith("encoder."):
                with fails(ValueError, "checkpoint.npz: .* holds NaN or infinity"):
                    export_run(tmp_path)
    assert spoiled > 10
    assert os.listdir(tmp_path) == ["checkpoint.npz"]


CLAIMS = {"width": 1500, "dim": 10**7, "projector_hidden": 10**7, "predictor_hidden": 10**7,
          "queue_size": 10**8, "encoder": "vit", "epochs": 2**31 - 1,
          "batch_size": 2**31 - 1, "train_size": 10**9}


@pytest.mark.parametrize("name", CLAIMS)
def test_claims_cost_no_memory(name, tmp_path, monkeypatch):
    """A small file that claims a large network, queue or data set is refused before they are made.
    """
    monkeypatch.setattr(run_dir, "load_data", lambda config: DATA)
    more = {"width": 700} if name == "encoder" else {}
    groups, info = saved(tmp_path, small_config(), **more, **{name: CLAIMS[name]})
    checkpoint.save(tmp_path / "checkpoint.npz", groups, info)
    tracemalloc.start()
    try:
        if name == "epochs":
            restore.restore(tmp_path)  # is only a number
        else:
            with fails(ValueError, "checkpoint.npz does not fit this run"):
                restore.restore(tmp_path)
        if name in ("width", "encoder"):
            with fails(ValueError, "checkpoint.npz does not fit this run"):
                restore.load_encoder(tmp_path)
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("method", ["instance_discrimination", "cmc", "deepcluster"])
def test_a_train_size_that_the_arrays_contradict(method, tmp_path, monkeypatch):
    monkeypatch.setattr(run_dir, "load_data", lambda config: pytest.fail("data were drawn"))
    groups, info = saved(tmp_path, config_of(method), train_size=10**9)
    del info["data"]
    checkpoint.save(tmp_path / "checkpoint.npz", groups, info)
    with fails(ValueError, "checkpoint.npz does not fit this run", "expected train_size 64, .*got "
               "1000000000"):
        restore.restore(tmp_path)


@pytest.mark.parametrize("encoder", ["tiny_cnn", "resnet8", "vit"])
@pytest.mark.parametrize("method", METHODS)
def test_no_honest_run_is_too_large(method, encoder):
    """A network draws no more numbers than it stores."""
    config = config_of(method, encoder=encoder, width=4)
    state = Run(config, *DATA).method.state_dict()
    again = Run(config, *DATA, limit=sum(a.size for a in state.values())).method.state_dict()
    assert {k: a.tobytes() for k, a in state.items()} == {k: a.tobytes() for k, a in again.items()}


@pytest.mark.parametrize(("step", "epoch"), [(7, 0), (-1, 0), ("1", 0), (1, None)])
def test_steps_that_a_train_size_cannot_have(step, epoch, tmp_path, monkeypatch):
    """In a checkpoint without digests; found before images are drawn."""
    monkeypatch.setattr(run_dir, "load_data", lambda config: pytest.fail("data were drawn"))
    groups, info = saved(tmp_path, small_config(), train_size=64)
    del info["data"]
    checkpoint.save(tmp_path / "checkpoint.npz", groups, {**info, "step": step, "epoch": epoch})
    with fails(ValueError, "checkpoint.npz does not fit this run", "is not in epoch",
               "train_size 64"):
        restore.restore(tmp_path)
