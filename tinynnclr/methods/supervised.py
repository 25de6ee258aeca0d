"""Supervised learning, the upper bound: the same encoder, views and steps, trained with labels.

    loss = cross-entropy(head(encoder(x)), label), the mean over both views
"""
import math
from collections.abc import Sequence

import numpy as np

from .. import ops
from ..datasets.dataset import Dataset
from ..models import Encoder
from ..nn import Linear
from .method import START, Method, Progress, Step


class Supervised(Method):
    """Encoder and a linear layer with an output for each class of `data`; reads its labels."""

    uses_labels = True

    def __init__(self, encoder: Encoder, config, rng: np.random.Generator, data: Dataset):
        self.encoder, self.data = encoder, data
        self.head = Linear(encoder.features, len(data.class_names), rng)

    def forward(self, views: Sequence[np.ndarray], ids: np.ndarray,
                progress: Progress = START) -> Step:
        """The loss of two views, each (b, h, w, 3), of the samples `ids` (b,)."""
        h = self.encoder(np.concatenate(views))
        labels = np.tile(self.data.labels[ids], len(views))
        return Step(ops.cross_entropy(self.head(h), labels=labels), ids, h.numpy()[:len(ids)],
                    chance_loss=math.log(len(self.data.class_names)))
