"""BYOL: predict a momentum encoder's embedding of the other view.

    z = projector(encoder(x)),  p = predictor(z),  t = momentum encoder of projector(encoder(.))
    loss = mean over both roles of 2 - 2 cos(p1, t(x2)),    then the momentum encoder is updated

There are no negatives. With --neighbors the target is the nearest neighbour of t(x2) among the
targets of recent steps (known as NNBYOL).
Source: Grill et al. 2020, "Bootstrap your own latent" (arXiv 2006.07733), algorithm 1.
"""
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .. import distributed
from ..config import Config as RunConfig
from ..config import option
from ..datasets.dataset import Dataset
from ..models import Encoder, predictor, projector
from .losses import cosine_loss
from .method import START, EmbeddingConfig, Method, PredictorConfig, Progress, Step
from .momentum_encoder import EMAConfig, MomentumEncoder
from .support_set import QueueConfig, SupportSet


class BYOL(Method):
    """Encoder, projector, predictor, a momentum encoder of the first two; optionally a queue."""

    name = "byol"

    @dataclass(frozen=True)
    class Config(RunConfig, EmbeddingConfig, PredictorConfig, QueueConfig, EMAConfig):
        """The options of BYOL."""

        neighbors: bool = option(False, "the target is the nearest neighbour among the targets of "
                                 "recent steps")

    def __init__(self, encoder: Encoder, config, rng: np.random.Generator,
                 data: Dataset | None = None):
        self.encoder = encoder
        self.projector = projector(encoder.features, config.projector_hidden, config.dim, rng,
                                   layers=2, last_norm=False)
        self.predictor = predictor(config.dim, config.predictor_hidden, rng)
        self.target = MomentumEncoder(self.encoder, self.projector, momentum=config.ema)
        self.support_set = (SupportSet(config.queue_size, config.dim, rng) if config.neighbors
                            else None)

    def forward(self, views: Sequence[np.ndarray], ids: np.ndarray,
                progress: Progress = START) -> Step:
        """The loss of two views, each (b, h, w, 3), of the samples `ids` (b,)."""
        z1, z2 = (self.projector(self.encoder(x)) for x in views)
        targets = [self.target(x) for x in views]
        target1, target2 = targets
        if self.support_set and self.support_set.full:
            target1, target2 = (self.support_set.nearest(target)[0] for target in targets)
        loss = (cosine_loss(self.predictor(z1), target2)
                + cosine_loss(self.predictor(z2), target1)) * 0.5
        return Step(loss, ids, z1.numpy(), keys=(targets[0],))

    def after_step(self, step: Step) -> None:
        """Update the momentum encoder; enqueue the targets of view 1 if there is a queue."""
        self.target.follow(self.encoder, self.projector)
        if self.support_set:
            self.support_set.enqueue(distributed.all_gather(step.keys[0]),
                                     distributed.all_gather(step.ids))
