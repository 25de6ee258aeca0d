"""Nothing leaks: judging changes no encoder, no test image or label reaches a fit, and no choice is
made on them.

That labels do not reach the pre-training is in test_methods.py.
"""
import csv
import dataclasses
import hashlib
import importlib
import json
from pathlib import Path

import numpy as np
import pytest
from command_line import TRAIN, run, write_pictures
from small import random_data, small_config

from tinynnclr import kernels
from tinynnclr.cli.flags import build_parser
from tinynnclr.datasets.dataset import Dataset
from tinynnclr.datasets.views import augmentation_pair
from tinynnclr.lab.protocols.context import EvalContext
from tinynnclr.lab.registry import PROTOCOLS
from tinynnclr.methods.registry import all_options
from tinynnclr.metrics import linear_probe as linear
from tinynnclr.nn import Optimizer
from tinynnclr.storage import checkpoint
from tinynnclr.train import run_dir
from tinynnclr.train.hooks import train_run
from tinynnclr.train.run import Run

# small: whitening cares for every pixel
DATA = random_data(64, size=8), random_data(48, size=8, seed=1)
# {protocol: {where a constant lives: a value for which it takes seconds}}
SHRUNK = {"semi": {"protocols.semi_supervised.STEPS": 4, "protocols.semi_supervised.ENOUGH": 6},
          "transfer": {"protocols.transfer.STEPS": 4, "protocols.transfer_sets.TRAIN": 60,
                       "protocols.transfer_sets.TEST": 60,
                       "protocols.transfer_sets.TRANSFER_SETS": ("digits", "toybox-night")},
          "fewshot": {"protocols.few_shot.EPISODES": 3, "protocols.transfer_sets.TRAIN": 60,
                      "protocols.transfer_sets.TEST": 300,
                      "protocols.transfer_sets.TRANSFER_SETS": ("digits", "toybox-night")},
          "dense": {"detection.evaluate.TRAIN": 32, "detection.evaluate.TEST": 12,
                    "detection.evaluate.STEPS": 3, "detection.evaluate.TOYS": 32,
                    "detection.evaluate.TOY_STEPS": 2},}
# {protocol: the function that makes its test images, where these are not the subject's}
OWN_TEST = {"transfer": "protocols.transfer_sets._load", "dense": "detection.playroom.make",}
FITS_NOTHING = {"fewshot"}  # a mean of a few labelled images of each episode, and no more
SORTS_TEST_IMAGES = {"fewshot"}


@pytest.fixture(scope="module")
def trained():
    """A run whose weights and running statistics are no longer those that it began with."""
    done = Run(small_config(epochs=1), DATA[0])
    train_run(done, DATA[0], augmentation_pair("simclr"), progress=False)
    return done


@pytest.fixture
def shrunk(request, monkeypatch):
    for address, value in SHRUNK.get(request.node.callspec.params["name"], {}).items():
        module, _, constant = address.rpartition(".")
        monkeypatch.setattr(importlib.import_module(f"tinynnclr.lab.{module}"), constant, value)


def bytes_of(encoder):
    return {name: array.tobytes() for name, array in encoder.state_dict().items()}


def poisoned(data):
    """As many images and labels, and all of them others."""
    rng = np.random.default_rng(99)
    images = rng.integers(0, 256, data.images.shape, np.uint8)
    return Dataset(images, (data.labels + 1) % len(data.class_names), data.class_names)


each_protocol = pytest.mark.parametrize("name", PROTOCOLS)


# ---------------------------------------------------------------- the encoder stays as it is


@each_protocol
def test_judging_changes_no_byte_of_the_encoders(name, trained, shrunk):
    """Weights and batch-norm statistics, of the judged encoder and of the untrained one."""
    subject = EvalContext(trained.config, trained.method.encoder, DATA)
    before = [bytes_of(encoder) for encoder in subject.encoders().values()]
    modes = [m.training for m in subject.encoder.modules()]
    images, labels = DATA[0].images.copy(), DATA[0].labels.copy()
    PROTOCOLS[name].evaluate(subject)
    assert any("running_mean" in key for key in before[0])
    assert [bytes_of(encoder) for encoder in subject.encoders().values()] == before
    assert [m.training for m in subject.encoder.modules()] == modes
    np.testing.assert_array_equal(DATA[0].images, images)
    np.testing.assert_array_equal(DATA[0].labels, labels)


# ---------------------------------------------------------------- no test image and no test label
# reaches a fit


def record_fits(monkeypatch):
    """A list that grows by a digest of all that is fitted: each result of L-BFGS and of k-means,
    each bank of a neighbour search, and all weights after each step of any optimiser."""
    fits = []

    def note(kind, *arrays):
        fits.append((kind, *(hashlib.sha256(np.ascontiguousarray(a).tobytes()).hexdigest() for a
                             in arrays)))

    def watch(owner, attribute, after):
        original = getattr(owner, attribute)

        def watched(*given, **named):
            result = original(*given, **named)
            after(given, named, result)
            return result

        monkeypatch.setattr(owner, attribute, watched)

    watch(linear, "lbfgs", lambda given, named, w: note("lbfgs", w))
    watch(kernels, "kmeans", lambda given, named, result: note("kmeans", *result[:2]))
    watch(kernels, "nearest", lambda given, named, result: note("bank",
                                                                named.get("bank", given[1])))
    watch(Optimizer, "step", lambda given, named, _: note("step",
                                                          *(p.data for p in given[0].parameters)))
    return fits


def judged(name, trained, data, monkeypatch):
    """(what the protocol finds, what it fits on the way)."""
    with monkeypatch.context() as patch:
        fits = record_fits(patch)
        return PROTOCOLS[name].evaluate(EvalContext(trained.config, trained.method.encoder,
                                                 data)), fits


def poison(name, monkeypatch):
    """Let a protocol that makes its own sets have other test images and labels than it would."""
    module, _, function = f"tinynnclr.lab.{OWN_TEST[name]}".rpartition(".")
    module = importlib.import_module(module)
    original = getattr(module, function)

    def make(*given, **named):
        made = original(*given, **named)
        if name == "transfer":
            return made[0], poisoned(made[1])
        return made if named.get("split") != "test" else dataclasses.replace(
            made, images=255 - made.images, labels=(made.labels + 1) % 10)

    monkeypatch.setattr(module, function, make)


@each_protocol
def test_no_test_image_and_no_test_label_reaches_a_fit(name, trained, shrunk, monkeypatch):
    """With all of them replaced, every fit comes out the same, bit for bit, in the same order; only
    the scores move.
    """
    found, fits = judged(name, trained, DATA, monkeypatch)
    if name in OWN_TEST:
        poison(name, monkeypatch)
    other, fits_again = judged(name, trained, (DATA[0], poisoned(DATA[1])), monkeypatch)
    assert fits_again == fits
    assert fits or name in FITS_NOTHING
    assert [list(row) for row in other.rows] == [list(row) for row in found.rows]
    # so the other test images were looked at
    assert other.rows != found.rows or name in SORTS_TEST_IMAGES
    # a chosen strength is a word
    assert [{k: v for k, v in row.items() if isinstance(v, str)} for row
            in other.rows] == [{k: v for k, v in row.items() if isinstance(v, str)} for row
                               in found.rows]


@pytest.mark.parametrize("name", ["knn", "linear", "clusters", "semi"])
def test_training_images_and_labels_do_reach_them(name, trained, shrunk, monkeypatch):
    """The test of the test above: it would see a difference."""
    _, fits = judged(name, trained, DATA, monkeypatch)
    _, other = judged(name, trained, (poisoned(DATA[0]), DATA[1]), monkeypatch)
    assert len(fits) == len(other)
    assert all(a != b for a, b in zip(fits, other, strict=True))


# ---------------------------------------------------------------- best on test cannot be selected


def test_no_knob_selects():
    """No field, no flag and no argument of the loop that could hold a score, a patience, or a
    second data set.
    """
    flags = [flag for command in build_parser()._subparsers._group_actions[0].choices.values()
             for action in command._actions for flag in action.option_strings]
    names = [f.name for f in all_options().values()] + [flag.lstrip("-").replace("-", "_") for flag
                                                        in flags]
    assert len(names) > 60
    for word in ("best", "select", "early", "patience", "stop", "test", "val", "monitor", "keep"):
        assert [name for name in names if word in name.split("_")] == []
    assert [word for word in train_run.__annotations__.values() if word is Dataset] == [Dataset]


def test_a_run_is_the_same_whatever_the_test_images_are(tmp_path, capsys, monkeypatch):
    """Checkpoint and metrics.csv are, times aside; the numbers of result.json, made after the last
    epoch, are not.
    """
    write_pictures(tmp_path / "pictures")
    monkeypatch.chdir(tmp_path)
    load = run_dir.load_data
    assert run(capsys, *TRAIN, "--epochs", 3, "--no-plots", "--out", "a")[0] == 0
    monkeypatch.setattr(run_dir, "load_data", lambda config: (load(config)[0],
                                                              poisoned(load(config)[1])))
    assert run(capsys, *TRAIN, "--epochs", 3, "--no-plots", "--out", "b")[0] == 0
    kept = [kept_by_a_run(Path(name)) for name in "ab"]
    assert kept[0] == kept[1]
    assert len(kept[0]["metrics"]) == 3
    a, b = (json.loads((tmp_path / name / "result.json").read_bytes()) for name in "ab")
    assert (a["knn"], a["linear"], a["baselines"]) != (b["knn"], b["linear"], b["baselines"])
    assert a["protocol"]["selection"] == "last epoch, nothing chosen on test"
    for name in "ab":  # there is one checkpoint to judge: the last epoch's
        assert [path.name for path in (tmp_path / name).glob("*.npz")] == ["checkpoint.npz"]
        assert checkpoint.load(tmp_path / name / "checkpoint.npz")[1]["epoch"] == 3


def kept_by_a_run(folder):
    """All that a run wrote while it trained, but times and speeds."""
    groups, info = checkpoint.load(folder / "checkpoint.npz")
    clock = ("seconds", "views_per_second")
    with open(folder / "metrics.csv", newline="", encoding="utf-8") as file:
        metrics = [{k: v for k, v in row.items() if k not in clock} for row in csv.DictReader(file)]
    return {**{f"{g}/{k}": a.tobytes() for g, members in groups.items() for k,
               a in members.items()}, "metrics": metrics, "rng": info["rng"],
            "config": info["config"], "step": info["step"]}
