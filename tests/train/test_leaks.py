"""Nothing leaks: evaluation changes no encoder, and test images and labels reach no fit or choice.

Labels do not reach the pre-training, either: see tests/methods/test_methods.py.
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
from small import random_data, trained

from tinynnclr import kernels
from tinynnclr.cli.flags import build_parser
from tinynnclr.datasets.dataset import Dataset
from tinynnclr.evaluate import MEASURES, evaluate
from tinynnclr.lab.protocols.context import EvalContext
from tinynnclr.lab.registry import PROTOCOLS
from tinynnclr.methods.registry import all_options
from tinynnclr.metrics import few_labels, linear_probe
from tinynnclr.nn import Optimizer
from tinynnclr.storage import checkpoint
from tinynnclr.train import run_dir
from tinynnclr.train.hooks import train_run

# small images: whitening them takes seconds
DATA = random_data(64, size=8), random_data(48, size=8, seed=1)
# {protocol: {a constant: a value for which it takes seconds}}
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
# {protocol: the function that makes its test images, if these are not those of the run}
OWN_TEST = {"transfer": "protocols.transfer_sets._load", "dense": "detection.playroom.make",}
FITS_NOTHING = {"fewshot"}  # only means of a few labelled images of each episode
SAME_SCORES = {"fewshot"}


@pytest.fixture(scope="module")
def trained_run():
    """A run with weights and running statistics that differ from the first ones."""
    return trained(DATA[0], epochs=1)


@pytest.fixture
def shrunk(request, monkeypatch):
    for address, value in SHRUNK.get(request.node.callspec.params["name"], {}).items():
        module, _, constant = address.rpartition(".")
        monkeypatch.setattr(importlib.import_module(f"tinynnclr.lab.{module}"), constant, value)


def bytes_of(encoder):
    return {name: array.tobytes() for name, array in encoder.state_dict().items()}


def poisoned(data):
    """As many images and labels, all of them different."""
    rng = np.random.default_rng(99)
    images = rng.integers(0, 256, data.images.shape, np.uint8)
    return Dataset(images, (data.labels + 1) % len(data.class_names), data.class_names)


each_protocol = pytest.mark.parametrize("name", PROTOCOLS)


# ---------------------------------------------------------------- the encoder stays as it is


@each_protocol
def test_evaluation_changes_no_byte_of_the_encoders(name, trained_run, shrunk):
    """Weights and batch-norm statistics, of the trained encoder and of the untrained one."""
    context = EvalContext(trained_run.config, trained_run.encoder, DATA)
    before = [bytes_of(encoder) for encoder in context.encoders().values()]
    modes = [m.training for m in context.encoder.modules()]
    images, labels = DATA[0].images.copy(), DATA[0].labels.copy()
    PROTOCOLS[name].evaluate(context)
    assert any("running_mean" in key for key in before[0])
    assert [bytes_of(encoder) for encoder in context.encoders().values()] == before
    assert [m.training for m in context.encoder.modules()] == modes
    np.testing.assert_array_equal(DATA[0].images, images)
    np.testing.assert_array_equal(DATA[0].labels, labels)


# ---------------------------------------------------------------- test data reach no fit


def record_fits(monkeypatch):
    """A list that collects a digest of everything fitted: each result of L-BFGS and of k-means,
    each bank of a neighbour search, each choice of labelled rows with the means of their classes,
    and all weights after each step of any optimiser."""
    fits = []

    def record(owner, name, arrays):
        function = getattr(owner, name)

        def recorded(*given, **named):
            result = function(*given, **named)
            digests = [hashlib.sha256(np.ascontiguousarray(a).tobytes()).hexdigest()
                       for a in arrays(given, named, result)]
            fits.append((name, *digests))
            return result

        monkeypatch.setattr(owner, name, recorded)

    record(linear_probe, "lbfgs", lambda given, named, weights: [weights])
    record(kernels, "kmeans", lambda given, named, result: result[:2])
    record(kernels, "nearest", lambda given, named, result: [named.get("bank", given[1])])
    record(few_labels, "draw_labelled", lambda given, named, chosen: [chosen])
    record(few_labels, "unit_rows", lambda given, named, means: [means])
    record(Optimizer, "step", lambda given, named, _: [p.data for p in given[0].parameters])
    return fits


def evaluated(name, run, data, monkeypatch):
    """(a protocol's result, what it fitted)."""
    with monkeypatch.context() as patch:
        fits = record_fits(patch)
        return PROTOCOLS[name].evaluate(EvalContext(run.config, run.encoder, data)), fits


def poison(name, monkeypatch):
    """Replace the test images and labels of a protocol that makes its own sets."""
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
def test_no_test_image_and_no_test_label_reaches_a_fit(name, trained_run, shrunk, monkeypatch):
    """With other test data, every fit has the same bytes, in the same order; only scores change."""
    result, fits = evaluated(name, trained_run, DATA, monkeypatch)
    if name in OWN_TEST:
        poison(name, monkeypatch)
    other, fits_again = evaluated(name, trained_run, (DATA[0], poisoned(DATA[1])), monkeypatch)
    assert fits_again == fits
    assert fits or name in FITS_NOTHING
    assert [list(row) for row in other.rows] == [list(row) for row in result.rows]
    assert other.rows != result.rows or name in SAME_SCORES
    words = [[{k: v for k, v in row.items() if isinstance(v, str)} for row in rows]
             for rows in (result.rows, other.rows)]
    assert words[0] == words[1]  # a chosen strength is a string


@pytest.mark.parametrize("name", ["knn", "linear", "clusters", "semi"])
def test_training_images_and_labels_reach_every_fit(name, trained_run, shrunk, monkeypatch):
    """The test above can fail."""
    _, fits = evaluated(name, trained_run, DATA, monkeypatch)
    _, other = evaluated(name, trained_run, (poisoned(DATA[0]), DATA[1]), monkeypatch)
    assert len(fits) == len(other)
    assert all(a != b for a, b in zip(fits, other, strict=True))


# ---------------------------------------------------------------- the measures of every result


def measured(run, data, monkeypatch):
    """({encoder: its measures}, what was fitted for them, of kinds)."""
    with monkeypatch.context() as patch:
        fits = record_fits(patch)
        result = evaluate(run, *data)
    return {run.config.method: {name: result[name] for name in MEASURES},
            **result["baselines"]}, fits


def test_no_test_image_and_no_test_label_reaches_a_measure_s_fit(trained_run, monkeypatch):
    """With other test data every fit comes out the same, and every measure changes."""
    before = bytes_of(trained_run.encoder)
    result, fits = measured(trained_run, DATA, monkeypatch)
    other, fits_again = measured(trained_run, (DATA[0], poisoned(DATA[1])), monkeypatch)
    assert fits_again == fits
    assert bytes_of(trained_run.encoder) == before
    kinds = {"lbfgs", "kmeans", "nearest", "draw_labelled", "unit_rows"}
    assert {fit[0] for fit in fits} == kinds
    for name in MEASURES:
        assert [row[name] for row in other.values()] != [row[name] for row in result.values()], name


def test_training_images_and_labels_reach_every_measure_s_fit(trained_run, monkeypatch):
    """The test above can fail."""
    _, fits = measured(trained_run, DATA, monkeypatch)
    for labels, kinds in ((DATA[0].labels, {"draw_labelled"}), (poisoned(DATA[0]).labels, set())):
        train = dataclasses.replace(poisoned(DATA[0]), labels=labels)
        _, other = measured(trained_run, (train, DATA[1]), monkeypatch)
        assert len(fits) == len(other)
        # which rows are labelled depends on the labels alone
        assert {a[0] for a, b in zip(fits, other, strict=True) if a == b} == kinds


# ---------------------------------------------------------------- nothing is selected on test data


def test_no_option_selects():
    """No field, flag or argument of the loop is a score, a patience, or a second data set."""
    flags = [flag for command in build_parser()._subparsers._group_actions[0].choices.values()
             for action in command._actions for flag in action.option_strings]
    names = [f.name for f in all_options().values()] + [flag.lstrip("-").replace("-", "_") for flag
                                                        in flags]
    assert len(names) > 60
    for word in ("best", "select", "early", "patience", "stop", "test", "val", "monitor", "keep"):
        assert [name for name in names if word in name.split("_")] == []
    assert [word for word in train_run.__annotations__.values() if word is Dataset] == [Dataset]


def test_a_run_is_the_same_whatever_the_test_images_are(tmp_path, capsys, monkeypatch):
    """Its checkpoint and metrics.csv, except for times; result.json depends on them."""
    write_pictures(tmp_path / "pictures")
    monkeypatch.chdir(tmp_path)
    load = run_dir.load_data
    assert run(capsys, *TRAIN, "--epochs", 3, "--no-plots", "--out", "a")[0] == 0
    monkeypatch.setattr(run_dir, "load_data", lambda config: (load(config)[0],
                                                              poisoned(load(config)[1])))
    assert run(capsys, *TRAIN, "--epochs", 3, "--no-plots", "--out", "b")[0] == 0
    written = [without_times(Path(name)) for name in "ab"]
    assert written[0] == written[1]
    assert len(written[0]["metrics"]) == 3
    a, b = (json.loads((tmp_path / name / "result.json").read_bytes()) for name in "ab")
    assert (a["knn"], a["linear"], a["baselines"]) != (b["knn"], b["linear"], b["baselines"])
    assert a["protocol"]["selection"] == "last epoch, nothing chosen on test"
    for name in "ab":  # the only checkpoint is that of the last epoch
        assert [path.name for path in (tmp_path / name).glob("*.npz")] == ["checkpoint.npz"]
        assert checkpoint.load(tmp_path / name / "checkpoint.npz")[1]["epoch"] == 3


def without_times(folder):
    """Everything that a run wrote in training, except for times and speeds."""
    groups, info = checkpoint.load(folder / "checkpoint.npz")
    with open(folder / "metrics.csv", newline="", encoding="utf-8") as file:
        metrics = [{k: v for k, v in row.items() if k not in ("seconds", "views_per_second")}
                   for row in csv.DictReader(file)]
    arrays = {f"{group}/{k}": a.tobytes() for group, members in groups.items()
              for k, a in members.items()}
    return {**arrays, "metrics": metrics, "rng": info["rng"], "config": info["config"],
            "step": info["step"]}
