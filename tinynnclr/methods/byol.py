"""BYOL: predict what a slow copy of the network says of the other view. No negatives at all.

    z = projector(encoder(x)),  p = predictor(z),  t = slow copy of projector(encoder(.))
    loss = mean over both roles of 2 - 2 cos(p1, t(x2)),    then the slow copy follows the weights

With --neighbors the target is the nearest neighbour of t(x2) among the targets of recent steps
(known as NNBYOL). Source: Grill et al. 2020, "Bootstrap your own latent" (arXiv 2006.07733),
algorithm 1.
"""

from dataclasses import dataclass

import numpy as np

from .. import distributed
from ..config import Config as RunConfig
from ..config import option
from ..datasets.dataset import Dataset
from ..models import Encoder, predictor, projector
from ..tensor import Tensor
from .losses import cosine_loss
from .method import EmbeddingConfig, Method, PredictorConfig
from .momentum_encoder import EMAConfig, MomentumEncoder
from .support_set import QueueConfig, SupportSet


class BYOL(Method):
    """Encoder, projector, predictor, slow copies of the first two; a support set where neighbours
    are wanted.
    """

    name = "byol"

    @dataclass(frozen=True)
    class Config(RunConfig, EmbeddingConfig, PredictorConfig, QueueConfig, EMAConfig):
        """The options of BYOL."""

        neighbors: bool = option(False, "the target is its nearest neighbour among the targets of "
                                 "recent steps")

    def __init__(self, encoder: Encoder, config, rng: np.random.Generator,
                 data: Dataset | None = None):
        self.encoder = encoder
        self.projector = projector(encoder.features, config.projector_hidden, config.dim, rng,
                                   layers=2, last_norm=False)
        self.predictor = predictor(config.dim, config.predictor_hidden, rng)
        self.target = MomentumEncoder(self.encoder, self.projector, momentum=config.ema)
        self.support_set = SupportSet(config.queue_size, config.dim,
                                      rng) if config.neighbors else None
        self.pending: tuple = ()  # what after_step needs of the last loss: z1, t1, ids

    def loss(self, x1: np.ndarray, x2: np.ndarray, ids: np.ndarray) -> Tensor:
        """The loss of two views (b, h, w, 3) of the samples `ids` (b,)."""
        z1, z2 = self.projector(self.encoder(x1)), self.projector(self.encoder(x2))
        t1, t2 = self.target(x1), self.target(x2)
        self.pending = z1.numpy(), t1, ids
        if self.support_set and self.support_set.filled == len(self.support_set):
            t1, t2 = self.support_set.nearest(t1)[0], self.support_set.nearest(t2)[0]
        return (cosine_loss(self.predictor(z1), t2) + cosine_loss(self.predictor(z2), t1)) * 0.5

    def after_step(self) -> dict:
        """The slow copy follows; the targets of view 1 are let in, where neighbours are wanted."""
        z1, t1, ids = self.pending
        self.target.follow(self.encoder, self.projector)
        if self.support_set:
            self.support_set.enqueue(distributed.all_gather(t1), distributed.all_gather(ids))
        self.pending = ()
        return {"z": z1}
