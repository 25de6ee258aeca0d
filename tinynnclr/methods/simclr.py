"""SimCLR: two views of an image must find each other among all views of the batch.

    loss = NT-Xent(projector(encoder(x1)), projector(encoder(x2)))

Source: Chen et al. 2020, "A simple framework for contrastive learning of visual representations" (arXiv 2002.05709),
with the projector of NNCLR, so that the two differ in nothing but the idea.
"""
import math

import numpy as np

from ..datasets.dataset import Dataset
from ..models import Encoder, projector
from ..tensor import Tensor
from .losses import nt_xent_loss
from .method import Method


class SimCLR(Method):
    """Encoder and projector; `config` gives their sizes and the temperature."""

    def __init__(self, encoder: Encoder, config, rng: np.random.Generator, data: Dataset | None = None):
        self.encoder = encoder
        self.projector = projector(encoder.features, config.projector_hidden, config.dim, rng)
        self.temperature, self.batch_size = config.temperature, config.batch_size
        self.pending: tuple = ()  # view 1's embeddings, for the diagnostics; a tuple, so that it is no buffer

    def loss(self, x1: np.ndarray, x2: np.ndarray, ids: np.ndarray) -> Tensor:
        """The loss of two views (b, h, w, 3) of the samples `ids` (b,)."""
        z1, z2 = (self.projector(self.encoder(x)) for x in (x1, x2))
        self.pending = (z1.numpy(),)
        return nt_xent_loss(z1, z2, self.temperature)

    def guess(self) -> float:
        """ln(2b - 1): one of all other views is right."""
        return math.log(2 * self.batch_size - 1)

    def after_step(self) -> dict:
        """Nothing follows the step; returns view 1's embeddings for the diagnostics."""
        return {"z": self.pending[0]}
