"""Baselines are computed once, and again when anything changes that they depend on."""
import dataclasses
import json

import numpy as np
import pytest
from one_line import fails
from small import random_data, small_config

from tinynnclr.evaluate import baseline_accuracies
from tinynnclr.lab.sweep import baseline_cache
from tinynnclr.lab.sweep.baseline_cache import BaselineCache
from tinynnclr.train.run import Run

DATA = random_data(40), random_data(20, seed=1)


@pytest.fixture
def calls(monkeypatch):
    """The names of the functions that were called to compute a baseline."""
    names = []
    for name in ("pixel_accuracies", "encoder_accuracies"):
        compute = getattr(baseline_cache, name)
        monkeypatch.setattr(baseline_cache, name, lambda *arguments, compute=compute,
                            name=name: names.append(name) or compute(*arguments))
    return names


def baselines(path, data=DATA, **changes):
    config = small_config(**changes)
    return BaselineCache(path).of(config, Run(config, data[0]).method.encoder, data)


def test_they_are_those_of_evaluate(tmp_path, calls):
    for changes in ({}, {"seed": 3, "width": 3}):
        expected = baseline_accuracies(small_config(**changes), *DATA)
        assert baselines(tmp_path / "f", **changes) == expected
    kept = json.loads((tmp_path / "f").read_bytes())
    assert [key.rpartition(", ")[0] for key in kept] == [
        "raw pixels", "random weights, tiny_cnn, width 2, seed 0",
        "random weights, tiny_cnn, width 3, seed 3"]


def test_each_is_computed_once(tmp_path, calls):
    first = baselines(tmp_path / "f")
    assert sorted(calls) == ["encoder_accuracies", "pixel_accuracies"]
    assert baselines(tmp_path / "f") == baselines(tmp_path / "f", method="simclr", epochs=9, lr=1.0,
                                            threads=1) == first
    assert len(calls) == 2


def other(part, name):
    """The data with its first image or label changed."""
    value = getattr(part, name).copy()
    value[0] = (value[0] + 1) % 4
    return dataclasses.replace(part, **{name: value})


IMAGES, LABELS = [(other(DATA[0], name), DATA[1]) for name in ("images", "labels")]
TEST_IMAGES, TEST_LABELS = [(DATA[0], other(DATA[1], name)) for name in ("images", "labels")]
CHANGES = [
    *(({name: value}, 1) for name, value in (("width", 3), ("seed", 1), ("detrend", False))),
    *(({name: value}, 2) for name, value in (("knn_k", 4), ("knn_temperature", 0.2),
                                             ("probe_strength", 0.1))),
    *(({"data": data}, 2) for data in (IMAGES, LABELS, TEST_IMAGES, TEST_LABELS,
                                       (DATA[0].take(39), DATA[1])))]


@pytest.mark.parametrize(("changes", "computed"), CHANGES)
def test_a_change_computes_what_depends_on_it(tmp_path, calls, changes, computed):
    """Of another encoder, only the random weights; of other data or options, both."""
    baselines(tmp_path / "f")
    del calls[:]
    baselines(tmp_path / "f", **changes)
    assert sorted(calls) == ["encoder_accuracies", "pixel_accuracies"][:computed]


def test_a_damaged_file_is_replaced(tmp_path, calls):
    whole = baselines(tmp_path / "f") and (tmp_path / "f").read_bytes()
    (tmp_path / "f").write_bytes(whole[:-9])
    assert np.isfinite(baselines(tmp_path / "f")["pixels"]["knn"])
    assert (tmp_path / "f").read_bytes() == whole


def test_a_file_of_something_else_is_refused(tmp_path, calls):
    (tmp_path / "f").write_bytes(b"\xff{")
    with fails(ValueError, "f: this command did not write the existing file"):
        baselines(tmp_path / "f")
