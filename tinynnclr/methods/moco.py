"""MoCo: the key of an image must be found among keys of other images, which a slow copy of the
network makes.

    q = head(encoder(x1)) / |.|,   k = slow copy of both (x2) / |.|,
    loss = -log( exp(q . k / t) / (exp(q . k / t) + sum_j exp(q . queue_j / t)) ),
    then k goes into the queue

In a step: the copy follows the weights (eq. 2), then makes the keys, then the queue as it was gives
the negatives, then the keys are let in, once. The queue gives negatives and never positives, the
opposite of NNCLR. --head v1 is one linear layer, v2 two with ReLU between; --symmetric is the mean
over both roles of the views, whose keys go in together. The paper shuffles batches between GPUs so
that batch norm betrays nothing; here its statistics are those of the whole batch on however many
ranks, so that there is nothing to shuffle. Source: He et al. 2020 (arXiv 1911.05722), algorithm 1,
and Chen et al. 2020 (v2, arXiv 2003.04297).
"""
import math
from dataclasses import dataclass

import numpy as np

from .. import distributed, ops
from ..config import Config as RunConfig
from ..config import option, with_default
from ..datasets.dataset import Dataset
from ..kernels.l2_normalize import unit_rows
from ..models import Encoder, linear_head
from ..tensor import Tensor
from .losses import info_nce_loss
from .method import EmbeddingConfig, Method, TemperatureConfig
from .momentum_encoder import EMAConfig, MomentumEncoder
from .negatives import Negatives, NegativesConfig
from .support_set import QueueConfig, SupportSet


class MoCo(Method):
    """Encoder, head, slow copies of both and a queue of keys."""

    name = "moco"

    @dataclass(frozen=True)
    class Config(RunConfig, EmbeddingConfig, TemperatureConfig, QueueConfig, EMAConfig,
                 NegativesConfig):
        """The options of MoCo."""

        temperature: float = with_default(TemperatureConfig, "temperature", 0.1)
        symmetric: bool = option(False, "let each view be query and key in turn")
        head: str = option("v2", "v1: one linear layer, v2: two with ReLU between",
                           choices=("v1", "v2"))
        head_norm: bool = option(False, "end the head with a batch norm, which the papers have not")

    def __init__(self, encoder: Encoder, config, rng: np.random.Generator,
                 data: Dataset | None = None):
        self.encoder = encoder
        hidden = {"v1": 0, "v2": config.projector_hidden}[config.head]
        self.head = linear_head(encoder.features, config.dim, rng, config.head_norm, hidden)
        self.momentum_encoder = MomentumEncoder(self.encoder, self.head, momentum=config.ema)
        self.queue = SupportSet(config.queue_size, config.dim, rng)
        self.negatives = Negatives(config)
        self.temperature, self.symmetric = config.temperature, config.symmetric
        # found: negatives in the last step, on average
        self.steps, self.found = np.zeros(1, np.int64), 0.0
        self.pending: tuple = ()  # what after_step needs of the last loss: q, keys, ids

    def start(self, total_steps: int) -> None:
        """The negatives may become nearer over the run."""
        self.negatives.start(total_steps)

    def loss(self, x1: np.ndarray, x2: np.ndarray, ids: np.ndarray) -> Tensor:
        """The loss of two views (b, h, w, 3) of the samples `ids` (b,); enqueues nothing yet."""
        if self.training:
            self.momentum_encoder.follow(self.encoder, self.head)  # before the keys are made
        roles = ((x1, x2), (x2, x1)) if self.symmetric else ((x1, x2),)
        losses, keys = [], []
        for x_query, x_key in roles:
            q = ops.l2_normalize(self.head(self.encoder(x_query)))
            keys.append(unit_rows(self.momentum_encoder(x_key)))
            others = ops.matmul(q, self.queue.rows.T)  # (b, queue)
            allowed = self.negatives.allowed(others.numpy(), int(self.steps[0]))
            positive = (q * keys[-1]).sum(axis=1, keepdims=True)
            losses.append(info_nce_loss(positive, others, self.temperature, allowed))
            self.found = len(self.queue) if allowed is None else allowed.sum(axis=1).mean()
        self.pending = q.numpy(), keys, ids
        return losses[0] if len(losses) == 1 else (losses[0] + losses[1]) * 0.5

    def guess(self) -> float:
        """ln(1 + queue): the key or one of the queue is right."""
        return math.log(1 + self.found)

    def after_step(self) -> dict:
        """Enqueue the keys of the step, once."""
        z, keys, ids = self.pending
        self.queue.enqueue(np.concatenate([distributed.all_gather(k) for k in keys]),
                           np.tile(distributed.all_gather(ids), len(keys)))
        self.steps += 1
        self.pending = ()
        return {"z": z}
