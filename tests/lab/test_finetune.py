"""Fine-tuning trains a copy, for about as many steps as asked, with reproducible bytes."""
import numpy as np
import pytest
from one_line import fails
from small import random_data, small_config

from tinynnclr.datasets.dataset import Dataset
from tinynnclr.datasets.views import augmentation_pair
from tinynnclr.lab.protocols import finetune
from tinynnclr.lab.protocols.finetune import accuracy, fine_tune
from tinynnclr.methods import METHODS, Supervised
from tinynnclr.metrics.linear_probe import linear_accuracy
from tinynnclr.models.encode import encode


def colourful(n, seed=0):
    """Four classes with a colour each, and noise."""
    rng = np.random.default_rng(seed)
    colours = np.array([[220, 60, 60], [60, 220, 60], [60, 60, 220], [180, 180, 60]])
    images = colours[np.arange(n) % 4][:, None, None] + rng.integers(-60, 36, (n, 16, 16, 3))
    return Dataset(images.clip(0, 255).astype(np.uint8), np.arange(n) % 4, tuple("abcd"))


def encoder_of(config):
    return METHODS[config.method].make_encoder(config, np.random.default_rng(0))


def state(module):
    return {name: array.tobytes() for name, array in module.state_dict().items()}


def test_a_copy_is_trained_and_the_seed_decides():
    train, config = colourful(40), small_config(weight_decay=0.01)
    encoder = encoder_of(config)
    before, images = state(encoder), train.images.copy()
    first, again, other = (fine_tune(config, encoder, train, seed, 6) for seed in (0, 0, 1))
    assert state(encoder) == before
    assert encoder.training
    np.testing.assert_array_equal(train.images, images)
    after = state(first.encoder)
    assert all(after[name] != before[name] for name in before)  # also the running statistics
    assert state(first) == state(again) != state(other)


def test_the_views_that_it_gets(monkeypatch):
    """Crops and flips unless asked otherwise, whatever the run's own were."""
    calls = []
    monkeypatch.setattr(finetune, "train_run",
                        lambda run, data, views, **_: calls.append((run.config, views)))
    train, config = colourful(20), small_config(augmentation="byol")
    for options in ((), (5, "byol")):
        fine_tune(config, encoder_of(config), train, 0, *options)
    assert [(c.augmentation, views) for c, views in calls] == [
        (name, augmentation_pair(name)) for name in ("crop-only", "byol")]
    for c, _ in calls:
        assert (c.method, c.optimizer, c.lr) == ("supervised", "sgd", finetune.RATE)


@pytest.mark.parametrize(("images", "steps", "expected"), [
    (40, 8, (16, 4, 8)), (40, 7, (16, 4, 8)), (12, 5, (12, 5, 5)), (80, 1, (16, 1, 5))])
def test_how_many_steps(images, steps, expected, monkeypatch):
    """(batch, epochs, steps): whole epochs, at least one; a batch never larger than the set."""
    train_run, counts = finetune.train_run, []

    def watched(run, *given, **named):
        train_run(run, *given, **named)
        counts.append((run.config.batch_size, run.config.epochs, run.optimizer.steps.max()))

    monkeypatch.setattr(finetune, "BATCH", 16)
    monkeypatch.setattr(finetune, "train_run", watched)
    config = small_config()
    fine_tune(config, encoder_of(config), colourful(images), 0, steps)
    assert counts == [expected]


def test_it_learns_what_a_probe_of_the_frozen_encoder_does_not():
    """Checks of one pixel against checks of two: random features hardly separate them.

    (Whole images: a crop would make large checks of small ones.)
    """
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:16, :16]

    def draw(n):
        boards = np.stack([(y + x) % 2, (y // 2 + x // 2) % 2])[np.arange(n) % 2]
        images = 90 + 60 * boards[..., None] + rng.integers(-80, 81, (n, 16, 16, 3))
        return Dataset(images.clip(0, 255).astype(np.uint8), np.arange(n) % 2, ("one", "two"))

    train, test, config = draw(64), draw(200), small_config(view_size=16)
    encoder = encoder_of(config)
    classifier = fine_tune(config, encoder, train, 0, 60, "none")
    frozen = linear_accuracy(encode(encoder, train.images), train.labels,
                             encode(encoder, test.images), test.labels)
    assert accuracy(classifier, test) > 0.9 > 0.7 > frozen


def test_accuracy_by_hand():
    """The bias alone decides: every image is assigned to class 1."""
    data = random_data(6, classes=2)
    classifier = Supervised(encoder_of(small_config()), small_config(), np.random.default_rng(0),
                            data)
    classifier.head.weight.data[...] = 0
    classifier.head.bias.data[...] = (0.1, 0.2)
    assert accuracy(classifier, data) == 0.5
    assert accuracy(classifier, Dataset(data.images, np.ones(6, np.int64), data.class_names)) == 1


def test_one_image_is_too_few():
    with fails(ValueError, "batch_size: expected at least 2, got 1"):
        fine_tune(small_config(), encoder_of(small_config()), random_data(1), 0)


@pytest.mark.parametrize("encoder", ["resnet8", "vit"])
def test_other_encoders(encoder):
    train, config = colourful(24), small_config(encoder=encoder, view_size=16)
    assert 0 <= accuracy(fine_tune(config, encoder_of(config), train, 0, 2), train) <= 1
