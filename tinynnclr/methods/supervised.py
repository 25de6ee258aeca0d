"""Supervised learning: the ceiling. The same encoder, views and steps, but the labels are told.

    loss = cross-entropy(head(encoder(x)), label), the mean over both views
"""
import math

import numpy as np

from .. import ops
from ..datasets.dataset import Dataset
from ..models import Encoder
from ..nn import Linear
from ..tensor import Tensor
from .method import Method


class Supervised(Method):
    """Encoder and a linear layer with an output for each class of `data`: the one method that reads
    its labels.
    """

    uses_labels = True

    def __init__(self, encoder: Encoder, config, rng: np.random.Generator, data: Dataset):
        self.encoder, self.labels_of = encoder, (data.labels,)  # in a tuple: no buffer
        self.head = Linear(encoder.features, len(data.class_names), rng)
        self.classes = len(data.class_names)
        self.pending: tuple = ()  # view 1's features, for the diagnostics

    def loss(self, x1: np.ndarray, x2: np.ndarray, ids: np.ndarray) -> Tensor:
        """The loss of two views (b, h, w, 3) of the samples `ids` (b,)."""
        h = self.encoder(np.concatenate([x1, x2]))
        self.pending = (h.numpy()[:len(x1)],)
        return ops.cross_entropy(self.head(h), labels=np.tile(self.labels_of[0][ids], 2))

    def guess(self) -> float:
        """ln(classes)."""
        return math.log(self.classes)

    def after_step(self) -> dict:
        """Nothing follows the step; returns view 1's features for the diagnostics."""
        return {"z": self.pending[0]}
