"""Supervised training of an encoder: fine-tuning, or training from scratch to compare with."""
import copy
from typing import Any

import numpy as np

from ...config import Config
from ...datasets.dataset import Dataset
from ...datasets.views import augmentation_pair
from ...kernels.engine.checks import plain_numbers
from ...methods import Supervised
from ...metrics.checks import expect_labelled
from ...models import Encoder
from ...models.encode import encode
from ...train.hooks import train_run
from ...train.run import Run, make_optimizer

STEPS, BATCH = 300, 64
RATE = 1.0  # as --lr, at batch 128; with 0.05 so few steps do not fit the training images
AUGMENTATION = "crop-only"  # for images that are not the run's own


@plain_numbers
def fine_tune(config: Config, encoder: Encoder, train: Dataset, seed: int, steps: int = STEPS,
              augmentation: str = AUGMENTATION) -> Supervised:
    """Train a copy of the encoder and a new linear layer on train for about so many steps.

    The given encoder stays as it is; one with random weights gives training from scratch. Batch
    norms use batch statistics: the old running statistics do not fit weights that change at such a
    rate. Raises ValueError for fewer than 2 images.
    """
    batch = min(BATCH, len(train))
    epochs = max(1, round(steps / (len(train) // batch)))
    changes: dict[str, Any] = {"epochs": epochs, "batch_size": batch, "seed": seed,
                               "optimizer": "sgd", "augmentation": augmentation, "lr": RATE}
    run = Run(Supervised.Config(**{**config.common(), **changes}), train)
    classifier = Supervised(copy.deepcopy(encoder), run.config, np.random.default_rng(seed), train)
    run.method = classifier
    run.optimizer = make_optimizer(run.config, classifier)
    train_run(run, train, augmentation_pair(augmentation), progress=False)
    return classifier


def accuracy(classifier: Supervised, test: Dataset) -> float:
    """The share of test images for which the logit of their class is the largest."""
    logits = classifier.head(encode(classifier.encoder, test.images)).numpy()
    expect_labelled("accuracy", logits=(logits, test.labels))
    return float((logits.argmax(axis=1) == test.labels).mean())
