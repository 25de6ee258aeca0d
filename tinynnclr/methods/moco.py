"""MoCo: a query must identify its image's key among keys of other images from a momentum encoder.

    q = head(encoder(x1)) / |.|,   k = momentum encoder of both (x2) / |.|,
    loss = -log( exp(q . k / t) / (exp(q . k / t) + sum_j exp(q . queue_j / t)) ),
    then k enters the queue, and the momentum encoder is updated (eq. 2)

The queue provides negatives, never positives: the opposite of NNCLR. --head v1 is one linear layer,
v2 two with a ReLU between; --symmetric is the mean over both roles of the views, whose keys enter
the queue together. The paper shuffles batches between GPUs so that batch norm does not leak the
answer; here its statistics are those of the whole batch on all ranks, so no shuffling is needed.
Source: He et al. 2020 (arXiv 1911.05722), algorithm 1, and Chen et al. 2020 (v2, arXiv 2003.04297).
"""
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .. import distributed, ops
from ..config import Config as RunConfig
from ..config import option, with_default
from ..datasets.dataset import Dataset
from ..kernels.l2_normalize import unit_rows
from ..models import Encoder, linear_head
from .losses import info_nce_loss
from .method import START, EmbeddingConfig, Method, Progress, Step, TemperatureConfig
from .momentum_encoder import EMAConfig, MomentumEncoder
from .negatives import Negatives, NegativesConfig
from .support_set import QueueConfig, SupportSet


class MoCo(Method):
    """Encoder, head, a momentum encoder of both, and a queue of keys."""

    name = "moco"

    @dataclass(frozen=True)
    class Config(RunConfig, EmbeddingConfig, TemperatureConfig, QueueConfig, EMAConfig,
                 NegativesConfig):
        """The options of MoCo."""

        temperature: float = with_default(TemperatureConfig, "temperature", 0.1)
        symmetric: bool = option(False, "use each view as query and as key")
        head: str = option("v2", "v1: one linear layer, v2: two with a ReLU between",
                           choices=("v1", "v2"))
        head_norm: bool = option(False, "end the head with batch norm; the papers do not")

    def __init__(self, encoder: Encoder, config, rng: np.random.Generator,
                 data: Dataset | None = None):
        self.encoder, self.config = encoder, config
        hidden = {"v1": 0, "v2": config.projector_hidden}[config.head]
        self.head = linear_head(encoder.features, config.dim, rng, config.head_norm, hidden)
        self.momentum_encoder = MomentumEncoder(self.encoder, self.head, momentum=config.ema)
        self.queue = SupportSet(config.queue_size, config.dim, rng)
        self.negatives = Negatives(config)

    def forward(self, views: Sequence[np.ndarray], ids: np.ndarray,
                progress: Progress = START) -> Step:
        """The loss of two views, each (b, h, w, 3), of the samples `ids` (b,)."""
        view1, view2 = views
        queries, keys, losses = [], [], []
        roles = [(view1, view2), (view2, view1)] if self.config.symmetric else [(view1, view2)]
        for query_view, key_view in roles:
            q = ops.l2_normalize(self.head(self.encoder(query_view)))
            k = unit_rows(self.momentum_encoder(key_view))
            positive = (q * k).sum(axis=1, keepdims=True)  # (b, 1)
            negatives = ops.matmul(q, self.queue.rows.T)  # (b, queue)
            allowed = self.negatives.allowed(negatives.numpy(), progress)
            losses.append(info_nce_loss(positive, negatives, self.config.temperature, allowed))
            queries.append(q.numpy())
            keys.append(k)
        count = len(self.queue) if allowed is None else allowed.sum(axis=1).mean()
        loss = (losses[0] + losses[1]) * 0.5 if self.config.symmetric else losses[0]
        return Step(loss, ids, queries[0], keys=tuple(keys), chance_loss=math.log(1 + count))

    def after_step(self, step: Step) -> None:
        """Enqueue the keys of the step; update the momentum encoder."""
        keys = np.concatenate([distributed.all_gather(k) for k in step.keys])
        self.queue.enqueue(keys, np.tile(distributed.all_gather(step.ids), len(step.keys)))
        self.momentum_encoder.follow(self.encoder, self.head)
