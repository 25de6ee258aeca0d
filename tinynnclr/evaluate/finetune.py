"""Supervised training that may begin at a pre-trained encoder: fine-tuning, or from scratch, to be compared with it."""
import copy
import dataclasses
from typing import Any

import numpy as np

from ..config import Config
from ..datasets.dataset import Dataset
from ..methods import Supervised
from ..models import Encoder
from ..models.features import encode
from ..train import Run, augmentation_pair, make_optimizer
from ..train import train as train_run
from .linear import probe_layer

STEPS, BATCH, RATE = 300, 64, 0.5  # rate: of --lr, at batch 128
START = 0.1  # weight decay of the probe that the linear layer begins as


def fine_tune(config: Config, encoder: Encoder, train: Dataset, seed: int, steps: int = STEPS) -> Supervised:
    """Encoder and a new linear layer, trained together on the labels of train for about so many steps.

    The layer begins as the probe of the frozen encoder: from a random one, the first steps would spoil features that a
    few labels cannot bring back (Kumar et al. 2022, arXiv 2202.10054). It works on a copy: the encoder given keeps all
    its bytes. From scratch is the same with an encoder at random weights. Raises ValueError for fewer than 2 images.
    """
    batch = min(BATCH, len(train))
    epochs = max(1, round(steps / (len(train) // batch)))
    knobs: dict[str, Any] = {"method": "supervised", "epochs": epochs, "batch_size": batch, "seed": seed,
                             "optimizer": "sgd", "lr": RATE}
    run = Run(dataclasses.replace(config, **knobs), train)
    classifier = Supervised(copy.deepcopy(encoder), run.config, np.random.default_rng(seed), train)
    layer = probe_layer(encode(encoder, train.images), train.labels, len(train.class_names), START)
    classifier.head.weight.data[...], classifier.head.bias.data[...] = layer
    run.method, run.optimizer = classifier, make_optimizer(run.config, classifier)
    train_run(run, train, augmentation_pair(config.augmentation), progress=False)
    return classifier


def accuracy(classifier: Supervised, test: Dataset) -> float:
    """The share of test images whose largest logit is that of their class."""
    logits = classifier.head(encode(classifier.encoder, test.images)).numpy()
    return float((logits.argmax(axis=1) == test.labels).mean())
