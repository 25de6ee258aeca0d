"""Floors are worked out once; whatever they depend on, once more when it changes."""
import dataclasses
import json

import numpy as np
import pytest
from one_line import fails
from small import random_data, small_config

from tinynnclr.evaluate import judge_floors
from tinynnclr.lab.sweep import baseline_cache as floor_cache
from tinynnclr.lab.sweep.baseline_cache import FloorCache
from tinynnclr.train.run import Run

DATA = random_data(40), random_data(20, seed=1)


@pytest.fixture
def calls(monkeypatch):
    """Which judges were called."""
    found = []
    for name in ("judge_pixels", "judge_encoder"):
        judge = getattr(floor_cache, name)
        monkeypatch.setattr(floor_cache, name, lambda *a, judge=judge,
                            name=name: found.append(name) or judge(*a))
    return found


def floors(path, data=DATA, **changes):
    config = small_config(**changes)
    return FloorCache(path, config, data).of(config, Run(config, data[0]).method.encoder)


def test_they_are_those_of_a_run(tmp_path, calls):
    for changes in ({}, {"seed": 3, "width": 3}):
        assert floors(tmp_path / "f", **changes) == judge_floors(small_config(**changes), DATA)
    kept = json.loads((tmp_path / "f").read_bytes())
    assert [key.rpartition(", ")[0] for key in kept] == [
        "raw pixels", "random weights, tiny_cnn, width 2, seed 0", "random weights, tiny_cnn, width 3, seed 3"]


def test_once(tmp_path, calls):
    first = floors(tmp_path / "f")
    assert sorted(calls) == ["judge_encoder", "judge_pixels"]
    assert floors(tmp_path / "f") == floors(tmp_path / "f", method="simclr", epochs=9, lr=1.0,
                                            threads=1) == first
    assert len(calls) == 2


@pytest.mark.parametrize("changes", [{"width": 3}, {"seed": 1}, {"detrend": False}])
def test_another_encoder(tmp_path, calls, changes):
    floors(tmp_path / "f")
    del calls[:]
    floors(tmp_path / "f", **changes)
    assert calls == ["judge_encoder"]


def other(part, name):
    value = getattr(part, name).copy()
    value[0] = (value[0] + 1) % 4
    return dataclasses.replace(part, **{name: value})


@pytest.mark.parametrize("changes", [
    {"knn_k": 4}, {"knn_temperature": 0.2}, {"probe_strength": 0.1},
    {"data": (other(DATA[0], "images"), DATA[1])}, {"data": (other(DATA[0], "labels"), DATA[1])},
    {"data": (DATA[0], other(DATA[1], "images"))}, {"data": (DATA[0], other(DATA[1], "labels"))},
    {"data": (DATA[0].take(39), DATA[1])}], ids=lambda changes: next(iter(changes)))
def test_another_judge_or_other_data(tmp_path, calls, changes):
    floors(tmp_path / "f")
    del calls[:]
    floors(tmp_path / "f", **changes)
    assert sorted(calls) == ["judge_encoder", "judge_pixels"]


def test_a_damaged_file_is_written_anew(tmp_path, calls):
    whole = floors(tmp_path / "f") and (tmp_path / "f").read_bytes()
    (tmp_path / "f").write_bytes(whole[:-9])
    assert np.isfinite(floors(tmp_path / "f")["pixels"]["knn"])
    assert (tmp_path / "f").read_bytes() == whole


def test_somebody_else_s_file_is_refused(tmp_path, calls):
    (tmp_path / "f").write_bytes(b"\xff{")
    with fails(ValueError, "f: this command did not write the existing file"):
        floors(tmp_path / "f")
