"""The protocol transfer on tiny sets: every row is there, equal to its judge's, and the encoder
keeps its bytes.
"""
import numpy as np
import pytest
from small import random_data, small_config

from tinynnclr.datasets.dataset import Dataset
from tinynnclr.lab.protocols import transfer
from tinynnclr.lab.protocols import transfer_sets as others
from tinynnclr.lab.protocols.context import EvalContext
from tinynnclr.metrics.linear_probe import linear_accuracy
from tinynnclr.models.encode import encode
from tinynnclr.train.run import Run


@pytest.fixture
def subject(monkeypatch):
    for module, name, value in ((others, "TRAIN", 60), (others, "TEST", 40),
                                (transfer, "STEPS", 4)):
        monkeypatch.setattr(module, name, value)
    config, data = small_config(dataset="cifar10"), random_data(size=32)
    return EvalContext(config, Run(config, data).method.encoder, (data, data),
                       ("digits", "toybox-neon"))


def test_the_rows(subject):
    before = {name: array.tobytes() for name, array in subject.encoder.state_dict().items()}
    finding = transfer.transfer(subject)
    assert [(row["encoder"], row["to"], row["how"]) for row in finding.rows] == [(encoder, to, how)
                                                                                 for to
                                                                                 in ("digits",
                                                                                     "toybox-neon")
                                                                                 for encoder,
                                                                                 how
                                                                                 in (("nnclr",
                                                                                      "frozen"),
                                                                                     (
            "random weights", "frozen"), ("raw pixels", "frozen"), ("nnclr", "fine-tuned"),
                                                                                     (
            "random weights", "fine-tuned"))]
    assert all(list(row) == ["encoder", "to", "how", "accuracy", "chance"] for row in finding.rows)
    assert all(0 <= row["accuracy"] <= 1 and row["chance"] == 0.1 for row in finding.rows)
    assert {name: array.tobytes() for name, array in subject.encoder.state_dict().items()} == before
    assert transfer.transfer(subject).rows == finding.rows


def test_the_frozen_row_is_the_probe_of_a_strength_found_on_train_alone(subject, monkeypatch):
    """The test labels are another draw's: what is chosen and fitted is the same, only what is
    measured changes.
    """
    asked = []

    def probe(train, train_labels, test, test_labels, strength=1e-3):
        asked.append((train.tobytes(), train_labels.tobytes(), strength))
        return linear_accuracy(train, train_labels, test, test_labels, strength)

    monkeypatch.setattr(transfer, "linear_accuracy", probe)
    sets, said = others.other_sets(subject.config, ("digits",))
    train, test = sets["digits"]
    wrong = Dataset(test.images, (test.labels + 1) % 10, test.class_names)
    found = []
    for labelled in (test, wrong):
        monkeypatch.setattr(transfer, "other_sets", lambda *_,
                            t=labelled: ({"digits": (train, t)}, said))
        found.append(transfer.transfer(subject).rows)
    assert asked[:3] == asked[3:]
    x, y = encode(subject.encoder, train.images), encode(subject.encoder, test.images)
    strength = asked[0][2]
    assert found[0][0]["accuracy"] == linear_accuracy(x, train.labels, y, test.labels, strength)
    assert found[0] != found[1]


def test_fine_tuning_learns_what_is_easy(subject, monkeypatch):
    """Black or white: a few steps are enough, from wherever."""
    labels = np.arange(60) % 2
    images = np.broadcast_to((labels * 255).astype(np.uint8)[:, None, None, None],
                             (60, 32, 32, 3)).copy()
    images[:, :16] = 255 - images[:, :16]  # halves, as brightness alone is taken away
    easy = Dataset(images, labels, ("a", "b"))
    monkeypatch.setattr(transfer, "STEPS", 60)
    monkeypatch.setattr(transfer, "other_sets", lambda *_: ({"easy": (easy, easy)}, ""))
    assert [row["accuracy"] for row in transfer.transfer(subject).rows] == [1.0] * 5
