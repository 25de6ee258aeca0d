"""NNCLR: the positive of an image is its nearest neighbour among the images of recent steps.

    z = projector(encoder(x)),  p = predictor(z)
    loss = 1/2 l(NN(z1), p2) + 1/2 l(NN(z2), p1),    then z1 enters the queue

The search compares cosines. The neighbour is a constant; gradients flow through p only. The queue
provides positives, never negatives: the negatives are the other predictions of the batch.

The options are the paper's variants, none of which is better there than the default by more than
half a point, and --top-k-mean. With --no-neighbors, a control, the positive is the image's own view
and gradients flow through both sides of the loss. --own-view constant stops them on the side of the
positive from neighbors_after on, as a neighbour does, so that only the neighbour differs.
Source: Dwibedi et al. 2021, "With a little help from my friends" (arXiv 2104.14548), section 3.2
and its pseudo-code.
"""
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .. import distributed
from ..config import Config as RunConfig
from ..config import option
from ..datasets.dataset import Dataset
from ..models import Encoder, predictor, projector
from ..nn import Sequential
from ..tensor import Tensor
from .losses import nnclr_loss
from .method import (
    START,
    EmbeddingConfig,
    Method,
    PredictorConfig,
    Progress,
    Step,
    TemperatureConfig,
)
from .momentum_encoder import EMAConfig, MomentumEncoder
from .support_set import QueueConfig, SupportSet


class NNCLR(Method):
    """Encoder, projector, predictor and support set."""

    name = "nnclr"

    @dataclass(frozen=True)
    class Config(RunConfig, EmbeddingConfig, TemperatureConfig, PredictorConfig, QueueConfig,
                 EMAConfig):
        """The options of NNCLR."""

        neighbors: bool = option(True, "the positive is the nearest neighbour, or else the "
                                 "embedding itself")
        neighbors_after: float = option(0.5, "fraction of the steps before neighbours are used; 0 "
                                        "in the paper", least=0, most=1)
        own_view: str = option("gradient", "without neighbours: whether the own view passes "
                               "gradients after neighbors_after, or is a constant as a neighbour "
                               "is", choices=("gradient", "constant"))
        top_k: int = option(1, "the positive is a random one of the k nearest neighbours", least=1)
        top_k_mean: bool = option(False, "the positive is the mean of the top_k nearest neighbours")
        soft_neighbor: bool = option(False, "the positive is the mean of the queue, weighted by a "
                                     "softmax of the similarities")
        predictor: bool = option(True, "add a predictor after the projector")
        both_directions: bool = option(False, "add the loss with rows and columns exchanged")
        momentum_encoder: bool = option(False, "search with, and enqueue, the embeddings of a "
                                        "momentum encoder")

        def check(self) -> None:
            """As `Config.check`; a queue has at least top_k rows."""
            super().check()
            self.expect("top_k", self.top_k <= self.queue_size,
                        f"at most queue_size, {self.queue_size}")
            self.expect("own_view", self.own_view == "gradient" or not self.neighbors,
                        "gradient, or neighbors off: the own view is the positive only there")

    def __init__(self, encoder: Encoder, config, rng: np.random.Generator,
                 data: Dataset | None = None):
        self.encoder, self.config = encoder, config
        self.projector = projector(encoder.features, config.projector_hidden, config.dim, rng)
        self.predictor = (predictor(config.dim, config.predictor_hidden, rng) if config.predictor
                          else Sequential())
        self.momentum_encoder = (MomentumEncoder(self.encoder, self.projector, momentum=config.ema)
                                 if config.momentum_encoder else None)
        self.support_set = SupportSet(config.queue_size, config.dim, rng)

    def forward(self, views: Sequence[np.ndarray], ids: np.ndarray,
                progress: Progress = START) -> Step:
        """The loss of two views, each (b, h, w, 3), of the samples `ids` (b,)."""
        z1, z2 = (self.projector(self.encoder(x)) for x in views)
        p1, p2 = self.predictor(z1), self.predictor(z2)
        key1, key2 = z1, z2  # the queries of the search
        if self.momentum_encoder:
            key1, key2 = (Tensor(self.momentum_encoder(x)) for x in views)
        positive1, indices = self.positives(key1, ids, progress)
        positive2, _ = self.positives(key2, ids, progress)
        options = self.config.temperature, self.config.both_directions
        loss = (nnclr_loss(positive1, p2, *options) + nnclr_loss(positive2, p1, *options)) * 0.5
        neighbors = None if indices is None else self.support_set.neighbors(indices)
        return Step(loss, ids, z1.numpy(), neighbors, keys=(key1.numpy(),),
                    chance_loss=math.log(self.config.batch_size))  # one of b predictions is right

    def positives(self, z: Tensor, ids: np.ndarray,
                  progress: Progress) -> tuple[np.ndarray | Tensor, np.ndarray | None]:
        """Each row's nearest neighbour, a constant, and its index; or z itself, and None.

        It is z until the queue is full of real embeddings, and before neighbors_after, while
        similar embeddings seldom mean similar images. With neighbors=False it is z, or its value.
        """
        if progress.before(self.config.neighbors_after) or not self.support_set.full:
            return z, None
        if not self.config.neighbors:
            return (z if self.config.own_view == "gradient" else z.numpy()), None
        return self.search(z.numpy(), ids, progress)

    def search(self, z: np.ndarray, ids: np.ndarray,
               progress: Progress) -> tuple[np.ndarray, np.ndarray]:
        """The positive (b, d) of each row of z (b, d), and the index (b,) of a neighbour."""
        if self.config.soft_neighbor:
            return self.support_set.soft_nearest(z, self.config.temperature)
        if self.config.top_k == 1:
            return self.support_set.nearest(z)
        return self.one_of(*self.support_set.nearest_k(z, self.config.top_k), progress)

    def one_of(self, rows: np.ndarray, indices: np.ndarray,
               progress: Progress) -> tuple[np.ndarray, np.ndarray]:
        """A random one (b, d) of rows (b, k, d) and its index (b,), or their mean and the first."""
        if self.config.top_k_mean:
            return rows.mean(axis=1), indices[:, 0]
        # drawn for the whole batch of all ranks; the seed includes the step, so it resumes exactly
        rng = np.random.default_rng((self.config.seed, progress.step))
        drawn = rng.integers(0, self.config.top_k, len(rows) * distributed.size())
        chosen = np.arange(len(rows)), drawn[distributed.local_rows(len(rows))]
        return rows[chosen], indices[chosen]

    def after_step(self, step: Step) -> None:
        """Enqueue view 1; update the momentum encoder."""
        self.support_set.enqueue(distributed.all_gather(step.keys[0]),
                                 distributed.all_gather(step.ids))
        if self.momentum_encoder:
            self.momentum_encoder.follow(self.encoder, self.projector)
