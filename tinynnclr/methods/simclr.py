"""SimCLR: two views of an image must identify each other among all views of the batch.

    loss = NT-Xent(projector(encoder(x1)), projector(encoder(x2)))

With more than two views of each image (--views 4), each must identify the mean of the others among
those of the batch. The projector is that of NNCLR, so that only the loss differs.
Source: Chen et al. 2020, "A simple framework for contrastive learning of visual representations"
(arXiv 2002.05709).
"""
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..config import Config as RunConfig
from ..config import option
from ..datasets.dataset import Dataset
from ..models import Encoder, projector
from .losses import mean_of_others_loss, nt_xent_loss
from .method import START, EmbeddingConfig, Method, Progress, Step, TemperatureConfig


class SimCLR(Method):
    """Encoder and projector."""

    name = "simclr"

    @dataclass(frozen=True)
    class Config(RunConfig, EmbeddingConfig, TemperatureConfig):
        """The options of SimCLR."""

        views: int = option(2, "random views of each image per step, an even number")

        def check(self) -> None:
            """As `Config.check`; the number of views is even."""
            super().check()
            self.expect("views", self.views >= 2 and self.views % 2 == 0, "an even number >= 2")

    def __init__(self, encoder: Encoder, config, rng: np.random.Generator,
                 data: Dataset | None = None):
        self.encoder, self.config = encoder, config
        self.projector = projector(encoder.features, config.projector_hidden, config.dim, rng)
        self.n_views = config.views

    def forward(self, views: Sequence[np.ndarray], ids: np.ndarray,
                progress: Progress = START) -> Step:
        """The loss of the views, each (b, h, w, 3), of the samples `ids` (b,)."""
        temperature, batch_size = self.config.temperature, self.config.batch_size
        if len(views) == 2:
            z1, z2 = (self.projector(self.encoder(x)) for x in views)
            return Step(nt_xent_loss(z1, z2, temperature), ids, z1.numpy(),
                        chance_loss=math.log(2 * batch_size - 1))  # all other views
        b = len(ids)
        z = self.projector(self.encoder(np.concatenate(views)))  # one pass: batches are small
        parts = [z[start:start + b] for start in range(0, len(z), b)]
        return Step(mean_of_others_loss(parts, temperature), ids, z.numpy()[:b],
                    chance_loss=math.log(batch_size))  # one mean for each image
