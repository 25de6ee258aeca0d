"""Few labels: which they are, that no others are looked at, and the rows of the protocol."""
import json

import numpy as np
import pytest
from eval_context import small_context
from one_line import fails
from places import ROOT
from small import random_data, small_config

from tinynnclr.datasets import toybox
from tinynnclr.datasets.dataset import Dataset
from tinynnclr.lab.protocols import semi_supervised
from tinynnclr.lab.protocols.context import EvalContext
from tinynnclr.lab.protocols.frozen_features import choose_strength
from tinynnclr.lab.protocols.semi_supervised import label_list
from tinynnclr.lab.registry import run_protocol
from tinynnclr.metrics.linear_probe import linear_accuracy
from tinynnclr.models.encode import pixels

PUBLISHED = sorted((ROOT / "results" / "labels").iterdir())


# ---------------------------------------------------------------- the lists


@pytest.mark.parametrize("share", [0.01, 0.1, 0.37, 1])
def test_every_class_as_often_within_one(share, rng):
    labels = rng.permutation(np.arange(1234) % 7)
    chosen = label_list(labels, share, 0)
    assert len(chosen) == len(set(chosen.tolist())) == round(share * 1234)
    assert (np.diff(chosen) > 0).all()
    counts = np.bincount(labels[chosen], minlength=7)
    assert counts.max() - counts.min() <= 1


def test_at_least_one_of_each_and_never_more_than_there_are():
    labels = np.array([0] * 90 + [1] * 8 + [2] * 2)
    assert sorted(labels[label_list(labels, 0.001, 0)]) == [0, 1, 2]
    assert np.bincount(labels[label_list(labels, 0.3, 0)]).tolist() == [20, 8, 2]
    assert label_list(labels, 1, 0).tolist() == list(range(100))
    assert sorted((labels + 5)[label_list(labels + 5, 0.03, 0)]) == [5, 6, 7]


def test_the_seed_decides_and_a_small_share_is_part_of_a_large_one(rng):
    labels = rng.permutation(np.arange(1000) % 10)
    first, again, other = (set(label_list(labels, 0.1, seed).tolist()) for seed in (0, 0, 1))
    assert first == again
    assert len(first & other) < 40  # two draws of a tenth have about a tenth in common
    assert set(label_list(labels, 0.01, 0).tolist()) < first


def test_every_image_is_as_likely():
    labels = np.arange(40) % 4
    drawn = sum(np.bincount(label_list(labels, 0.3, seed), minlength=40) for seed in range(400))
    assert abs(drawn - 120).max() < 5 * np.sqrt(400 * 0.3 * 0.7)


@pytest.mark.parametrize("share", [0, -0.1, 1.01, float("nan")])
def test_a_share_out_of_range(share):
    with fails(ValueError, "share: expected more than 0, at most 1", f"got {share}"):
        label_list(np.arange(10), share, 0)


def test_the_published_lists_are_those_that_the_function_gives():
    """Each names balanced images of the toybox's training set."""
    assert len(PUBLISHED) == 10
    labels = toybox.load(test_size=0)[0].labels
    for path in PUBLISHED:
        stored = json.loads(path.read_text(encoding="utf-8"))
        share, images = stored["share"], stored["images"]
        assert images == label_list(labels, share, stored["seed"]).tolist()
        assert np.bincount(labels[images]).tolist() == [round(500 * share)] * 10


# ---------------------------------------------------------------- the protocol


@pytest.fixture
def context(monkeypatch):
    monkeypatch.setattr(semi_supervised, "STEPS", 4)
    return small_context(random_data(100), random_data(60, seed=1), seed=2)


def test_the_rows(context, tmp_path):
    result = semi_supervised.semi_supervised(context)
    ways = [("nnclr", "frozen"), ("random weights", "frozen"), ("raw pixels", "frozen"),
            ("nnclr", "fine-tuned"), ("random weights", "supervised from scratch")]
    assert [(row["encoder"], row["labels"], row["how"]) for row in result.rows] == [
        (encoder, labels, how) for labels in ("1 %", "10 %") for encoder, how in ways]
    assert all(list(row) == ["encoder", "labels", "how", "accuracy"] for row in result.rows)
    train, test = context.data
    one, ten = (label_list(train.labels, share, 2) for share in (0.01, 0.1))
    assert result.label_lists == {"1 %": one.tolist(), "10 %": ten.tolist()}
    assert result.rows[7]["accuracy"] == linear_accuracy(
        pixels(train.images[ten]), train.labels[ten], pixels(test.images), test.labels, 1e-3)
    assert "Labels of 4 (1 %) and 10 (10 %) training images" in result.description
    assert result.chance == 1 / 4
    again = run_protocol(tmp_path, "semi", context)
    stored = json.loads((tmp_path / "semi.json").read_text(encoding="utf-8"))
    assert stored["label_lists"] == result.label_lists == again.label_lists
    assert stored["rows"] == result.rows


def test_only_the_labels_of_the_list_count(context, monkeypatch):
    train, test = context.data
    lists = {share: label_list(train.labels, share, 2) for share in semi_supervised.SHARES}
    labelled = np.isin(np.arange(len(train)), lists[0.1])
    result = semi_supervised.semi_supervised(context)
    # the same images are labelled, whatever the labels are
    monkeypatch.setattr(semi_supervised, "label_list", lambda labels, share, seed: lists[share])
    for changed, same in ((~labelled, True), (labelled, False)):
        labels = np.where(changed, (train.labels + 1) % 4, train.labels)
        data = Dataset(train.images, labels, train.class_names), test
        other = semi_supervised.semi_supervised(EvalContext(context.config, context.encoder, data))
        assert (other.rows == result.rows) == same


def test_the_strength_is_chosen_where_labels_are_enough(monkeypatch, rng):
    monkeypatch.setattr(semi_supervised, "ENOUGH", 50)
    x, labels = rng.standard_normal((60, 5), np.float32), np.arange(60) % 3
    config = small_config(probe_strength=0.07)
    chosen = choose_strength(x, labels, np.random.default_rng(0))
    assert semi_supervised.probe_strength(x, labels, config) == chosen
    assert semi_supervised.probe_strength(x[:49], labels[:49], config) == 0.07
