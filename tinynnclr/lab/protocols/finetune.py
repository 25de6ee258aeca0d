"""Supervised training that may begin at a pre-trained encoder: fine-tuning, or from scratch, to be
compared with it.
"""
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

# rate: of --lr, at batch 128; so few small steps (0.05) leave train unfitted
STEPS, BATCH, RATE = 300, 64, 1.0
AUGMENTATION = "crop-only"  # for images that are not the run's own


@plain_numbers
def fine_tune(config: Config, encoder: Encoder, train: Dataset, seed: int, steps: int = STEPS,
              augmentation: str = AUGMENTATION) -> Supervised:
    """Encoder and a new linear layer, trained together on the labels of train for about so many
    steps.

    It works on a copy: the encoder given keeps all its bytes. From scratch is the same with an
    encoder at random weights. Batch norms go on as in training, by batch: their old statistics do
    not fit weights that move at such a rate. Raises ValueError for fewer than 2 images.
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
    """The share of test images whose largest logit is that of their class."""
    logits = classifier.head(encode(classifier.encoder, test.images)).numpy()
    expect_labelled("accuracy", logits=(logits, test.labels))
    return float((logits.argmax(axis=1) == test.labels).mean())
