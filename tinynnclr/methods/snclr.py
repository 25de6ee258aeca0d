"""SNCLR: several neighbours are positives, weighted by their similarity.

    z = projector(encoder(x)),  p = predictor(z),  y = momentum encoder of projector(encoder(.)),
    N = the K nearest to y(x2)
    w = 1 for y(x2) itself, softmax_k(z1 . N_k / a) for its neighbours
    loss = -log sum_k w_k P_k,
    P = softmax(p1 . c / t) over the keys and neighbours c of the whole batch

and the same with the views exchanged. The weights are constants. With a = 1, as in the released
code, all weights are nearly 1 / K, because cosines differ little, and `entropy` in metrics.csv is
close to ln K. --soft-weights outside is the loss of that code, -sum_k w_k log P_k. Here the weights
of an image's neighbours sum to 1, and the heads are those of NNCLR (the paper's last batch norms
have no scale and shift).
Source: Ge et al. 2023, "Soft neighbors are positive supporters in contrastive visual representation
learning" (arXiv 2303.17142), section 3.
"""
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .. import distributed
from ..config import Config as RunConfig
from ..config import option, with_default
from ..datasets.dataset import Dataset
from ..kernels.l2_normalize import unit_rows
from ..models import Encoder, predictor, projector
from ..tensor import Tensor
from .losses import soft_neighbor_loss
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


class SNCLR(Method):
    """Encoder, projector, predictor, a momentum encoder of the first two, and its queue."""

    name = "snclr"

    @dataclass(frozen=True)
    class Config(RunConfig, EmbeddingConfig, TemperatureConfig, PredictorConfig, QueueConfig,
                 EMAConfig):
        """The options of SNCLR."""

        ema: float = with_default(EMAConfig, "ema", 0.9)  # 0.99 is too slow for 624 steps
        neighbors_after: float = option(0.5, "fraction of the steps before neighbours are used; 0 "
                                        "in the paper", least=0, most=1)
        soft_k: int = option(5, "number of neighbours of each image that are positives", least=0)
        soft_temperature: float = option(0.1, "temperature of the softmax of their weights",
                                         above=0)
        soft_weights: str = option("inside", "weights inside the logarithm (the paper) or outside "
                                   "(its code)", choices=("inside", "outside"))

        def check(self) -> None:
            """As `Config.check`; a queue has at least soft_k rows."""
            super().check()
            self.expect("soft_k", self.soft_k <= self.queue_size,
                        f"at most queue_size, {self.queue_size}")

    def __init__(self, encoder: Encoder, config, rng: np.random.Generator,
                 data: Dataset | None = None):
        self.encoder, self.config = encoder, config
        self.projector = projector(encoder.features, config.projector_hidden, config.dim, rng)
        self.predictor = predictor(config.dim, config.predictor_hidden, rng)
        self.momentum_encoder = MomentumEncoder(self.encoder, self.projector, momentum=config.ema)
        self.support_set = SupportSet(config.queue_size, config.dim, rng)

    def forward(self, views: Sequence[np.ndarray], ids: np.ndarray,
                progress: Progress = START) -> Step:
        """The loss of two views, each (b, h, w, 3), of the samples `ids` (b,)."""
        z1, z2 = (self.projector(self.encoder(x)) for x in views)
        y1, y2 = (unit_rows(self.momentum_encoder(x)) for x in views)
        too_early = progress.before(self.config.neighbors_after) or not self.support_set.full
        k = 0 if too_early else self.config.soft_k
        keys2, weights2, indices = self.positives(z1.numpy(), y2, k)
        keys1, weights1, _ = self.positives(z2.numpy(), y1, k)
        loss = (self.loss(self.predictor(z1), keys2, weights2)
                + self.loss(self.predictor(z2), keys1, weights1)) * 0.5
        step = Step(loss, ids, z1.numpy(), keys=(y2,), chance_loss=self.chance_loss(k))
        if k:
            weights = weights2[:, 1:]
            entropy = -(weights * np.log(np.maximum(weights, 1e-12))).sum(axis=1).mean()
            step.metrics["entropy"] = entropy
            step.neighbors = self.support_set.neighbors(indices[:, 0])
        return step

    def loss(self, p: Tensor, keys: np.ndarray, weights: np.ndarray) -> Tensor:
        """The loss of predictions p (b, d) with keys (b, 1 + K, d) and weights (b, 1 + K)."""
        inside = self.config.soft_weights == "inside"
        return soft_neighbor_loss(p, keys, weights, self.config.temperature, inside)

    def positives(self, z: np.ndarray, y: np.ndarray,
                  k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Each image's keys (b, 1 + K, d): y (b, d) and the neighbours of y.

        Also returns their weights (b, 1 + K), and the neighbours' indices (b, K).
        """
        ones = np.ones((len(y), 1), y.dtype)
        if k == 0:
            return y[:, None], ones, np.zeros((len(y), 0), np.int64)
        rows, indices = self.support_set.nearest_k(y, k)  # (b, K, d), (b, K)
        scores = ((unit_rows(z)[:, None] * rows).sum(axis=2)
                  / z.dtype.type(self.config.soft_temperature))
        weights = np.exp(scores - scores.max(axis=1, keepdims=True))
        weights /= weights.sum(axis=1, keepdims=True)
        keys = np.concatenate([y[:, None], rows], axis=1)
        return keys, np.concatenate([ones, weights], axis=1), indices

    def chance_loss(self, k: int) -> float:
        """ln((1 + K) b) - ln(sum of the weights), or their product if the weights are outside."""
        total = math.log((1 + k) * self.config.batch_size)
        weight = 2 if k else 1
        if self.config.soft_weights == "inside":
            return total - math.log(weight)
        return weight * total

    def after_step(self, step: Step) -> None:
        """Enqueue the momentum encoder's embeddings of view 2, and update it."""
        self.support_set.enqueue(distributed.all_gather(step.keys[0]),
                                 distributed.all_gather(step.ids))
        self.momentum_encoder.follow(self.encoder, self.projector)
