"""SimCLR: two views of an image must find each other among all views of the batch.

    loss = NT-Xent(projector(encoder(x1)), projector(encoder(x2)))

With more than two views of each image (--views 4), each must find the mean of the others among
those of the batch.

Source: Chen et al. 2020, "A simple framework for contrastive learning of visual representations"
(arXiv 2002.05709), with the projector of NNCLR, so that the two differ in nothing but the idea.
"""
import math
from dataclasses import dataclass

import numpy as np

from ..config import Config as RunConfig
from ..config import option
from ..datasets.dataset import Dataset
from ..models import Encoder, projector
from ..tensor import Tensor
from .losses import mean_of_others_loss, nt_xent_loss
from .method import EmbeddingConfig, Method, TemperatureConfig


class SimCLR(Method):
    """Encoder and projector; `config` gives their sizes, the temperature, and how many views an
    image has.
    """

    name = "simclr"

    @dataclass(frozen=True)
    class Config(RunConfig, EmbeddingConfig, TemperatureConfig):
        """The options of SimCLR."""

        views: int = option(2, "random views of each image in a step, an even number")

        def check(self) -> None:
            """As `Config.check`; views come in pairs."""
            super().check()
            self.expect("views", self.views >= 2 and self.views % 2 == 0,
                        "an even number from 2 on")

    def __init__(self, encoder: Encoder, config, rng: np.random.Generator,
                 data: Dataset | None = None):
        self.encoder = encoder
        self.projector = projector(encoder.features, config.projector_hidden, config.dim, rng)
        self.temperature, self.batch_size = config.temperature, config.batch_size
        self.views = config.views
        # view 1's embeddings, for the diagnostics; a tuple, so that it is no buffer
        self.pending: tuple = ()

    @property
    def n_views(self) -> int:
        """As many as the configuration says."""
        return self.views

    def loss(self, x1: np.ndarray, x2: np.ndarray, ids: np.ndarray) -> Tensor:
        """The loss of two views (b, h, w, 3) of the samples `ids` (b,), or of half of v views each
        (v b / 2, ...).
        """
        if self.views == 2:
            z1, z2 = (self.projector(self.encoder(x)) for x in (x1, x2))
            self.pending = (z1.numpy(),)
            return nt_xent_loss(z1, z2, self.temperature)
        # small batches: one pass for all views
        z, b = self.projector(self.encoder(np.concatenate([x1, x2]))), len(ids)
        self.pending = (z.numpy()[:b],)
        return mean_of_others_loss([z[i:i + b] for i in range(0, len(z), b)], self.temperature)

    def guess(self) -> float:
        """ln(2b - 1): one of all other views is right; ln b with more than two: one of the means.
        """
        return math.log(2 * self.batch_size - 1 if self.views == 2 else self.batch_size)

    def after_step(self) -> dict:
        """Nothing follows the step; returns view 1's embeddings for the diagnostics."""
        return {"z": self.pending[0]}
