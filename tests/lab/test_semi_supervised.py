"""Few labels: which they are, that no others are looked at, and the rows of the protocol."""
import json

import numpy as np
import pytest
from one_line import fails
from places import ROOT
from small import random_data, small_config

from tinynnclr.datasets import toybox
from tinynnclr.lab.protocols import semi_supervised as semi
from tinynnclr.lab.protocols.context import EvalContext
from tinynnclr.lab.protocols.frozen_features import choose_strength
from tinynnclr.lab.registry import evaluate_into
from tinynnclr.metrics.linear_probe import linear_accuracy
from tinynnclr.models.encode import pixels
from tinynnclr.train.run import Run

PUBLISHED = ROOT / "results" / "labels"


# ---------------------------------------------------------------- the lists


@pytest.mark.parametrize("share", [0.01, 0.1, 0.37, 1])
def test_every_class_as_often_give_or_take_one(share, rng):
    labels = rng.permutation(np.arange(1234) % 7)
    chosen = semi.label_list(labels, share, 0)
    assert len(chosen) == len(set(chosen.tolist())) == round(share * 1234)
    assert (np.diff(chosen) > 0).all()
    counts = np.bincount(labels[chosen], minlength=7)
    assert counts.max() - counts.min() <= 1


def test_at_least_one_of_each_and_never_more_than_there_are():
    labels = np.array([0] * 90 + [1] * 8 + [2] * 2)
    assert sorted(labels[semi.label_list(labels, 0.001, 0)]) == [0, 1, 2]
    assert np.bincount(labels[semi.label_list(labels, 0.3, 0)]).tolist() == [20, 8, 2]
    assert semi.label_list(labels, 1, 0).tolist() == list(range(100))
    assert sorted((labels + 5)[semi.label_list(labels + 5, 0.03, 0)]) == [5, 6, 7]


def test_the_seed_decides_and_a_small_share_is_part_of_a_large_one(rng):
    labels = rng.permutation(np.arange(1000) % 10)
    lists = [set(semi.label_list(labels, 0.1, seed).tolist()) for seed in (0, 0, 1)]
    assert lists[0] == lists[1]
    assert len(lists[0] & lists[2]) < 40  # of two draws of a tenth, about a tenth is common
    assert set(semi.label_list(labels, 0.01, 0).tolist()) < lists[0]


def test_every_image_is_as_likely(rng):
    labels = np.arange(40) % 4
    drawn = sum(np.bincount(semi.label_list(labels, 0.3, seed), minlength=40) for seed
                in range(400))
    assert abs(drawn - 120).max() < 5 * np.sqrt(400 * 0.3 * 0.7)


@pytest.mark.parametrize("share", [0, -0.1, 1.01, float("nan")])
def test_a_share_that_is_none(share):
    with fails(ValueError, "share: expected more than 0, at most 1", f"got {share}"):
        semi.label_list(np.arange(10), share, 0)


def test_the_published_lists_are_those_that_the_function_gives():
    """Each names balanced images of the toybox's training set."""
    paths = sorted(PUBLISHED.iterdir())
    assert len(paths) == 10
    labels = toybox.load(test_size=0)[0].labels
    for path in paths:
        stored = json.loads(path.read_text(encoding="utf-8"))
        assert stored["images"] == semi.label_list(labels, stored["share"], stored["seed"]).tolist()
        assert np.bincount(labels[stored["images"]]).tolist() == [round(2000
                                                                        * stored["share"])] * 10


# ---------------------------------------------------------------- the protocol


@pytest.fixture
def subject(monkeypatch):
    monkeypatch.setattr(semi, "STEPS", 4)
    config, data = small_config(seed=2), (random_data(100), random_data(60, seed=1))
    return EvalContext(config, Run(config, data[0]).method.encoder, data)


def test_its_rows(subject, tmp_path):
    found = semi.semi(subject)
    assert [tuple(row[key] for key in ("encoder", "labels", "how")) for row
            in found.rows] == [(encoder, labels, how) for labels in ("1 %", "10 %") for encoder,
                               how in (("nnclr", "frozen"), ("random weights", "frozen"),
                                       ("raw pixels", "frozen"), ("nnclr", "fine-tuned"),
                                       ("random weights", "supervised from scratch"))]
    assert all(list(row) == ["encoder", "labels", "how", "accuracy"] for row in found.rows)
    train, test = subject.data
    ten = semi.label_list(train.labels, 0.1, 2)
    assert found.label_lists == {"1 %": semi.label_list(train.labels, 0.01, 2).tolist(),
                                 "10 %": ten.tolist()}
    assert found.rows[7]["accuracy"] == linear_accuracy(pixels(train.images[ten]),
                                                        train.labels[ten], pixels(test.images),
                                                        test.labels, 1e-3)
    assert "Labels of 4 (1 %) and 10 (10 %) training images" in found.rules
    assert found.chance == 1 / 4
    again = evaluate_into(tmp_path, "semi", subject)
    stored = json.loads((tmp_path / "semi.json").read_text(encoding="utf-8"))
    assert stored["label_lists"] == found.label_lists == again.label_lists
    assert stored["rows"] == found.rows


def test_only_the_labels_that_are_told_count(subject):
    """All others may say what they like."""
    train, test = subject.data
    told = semi.label_list(train.labels, 0.1, 2)
    others = np.setdiff1d(np.arange(len(train)), told)
    found, calls = semi.semi(subject), []
    for spoiled in (others, told):
        labels = train.labels.copy()
        labels[spoiled] = (labels[spoiled] + 1) % 4
        calls.append(labels)
    with pytest.MonkeyPatch.context() as patch:  # the same images are told, whatever the labels say
        lists = {share: semi.label_list(train.labels, share, 2) for share in semi.SHARES}
        patch.setattr(semi, "label_list", lambda labels, share, seed: lists[share])
        results = [semi.semi(EvalContext(subject.config, subject.encoder, (
            type(train)(train.images, labels, train.class_names), test))).rows for labels in calls]
    assert results[0] == found.rows
    assert results[1] != found.rows


def test_the_strength_is_chosen_where_labels_are_enough(monkeypatch, rng):
    monkeypatch.setattr(semi, "ENOUGH", 50)
    x, labels, config = rng.standard_normal((60, 5),
                                            np.float32), np.arange(60) % 3, small_config(
            probe_strength=0.07)
    assert semi.probe_strength(x, labels, config) == choose_strength(x, labels,
                                                                     np.random.default_rng(0))
    assert semi.probe_strength(x[:49], labels[:49], config) == 0.07
