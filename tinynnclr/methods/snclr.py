"""SNCLR: not one neighbour but several, each a positive as far as it deserves.

    z = projector(encoder(x)),  p = predictor(z),  y = slow copy of projector(encoder(.)),
    N = the K nearest to y(x2)
    w = 1 for y(x2) itself, softmax_k(z1 . N_k / a) for its neighbours
    loss = -log sum_k w_k P_k,
    P = softmax(p1 . c / t) over the keys and neighbours c of the whole batch

and the same with the views exchanged. The weights are constants: they say how much, and are not
learned. With a = 1, as in the released code, cosines differ too little and all weights are nearly 1
/ K: `entropy` in metrics.csv is then close to ln K. --soft-weights outside is that code's other
form, -sum_k w_k log P_k. Source: Ge et al. 2023, "Soft neighbors are positive supporters in
contrastive visual representation learning" (arXiv 2303.17142), section 3. Here the weights of an
image's neighbours sum to 1, and the heads are NNCLR's (the paper's last batch norms have no scale
and shift).
"""
import math
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
from .method import EmbeddingConfig, Method, PredictorConfig, TemperatureConfig
from .momentum_encoder import EMAConfig, MomentumEncoder
from .support_set import QueueConfig, SupportSet


class SNCLR(Method):
    """Encoder, projector, predictor, slow copies of the first two and a support set of what the
    copies say.
    """

    name = "snclr"

    @dataclass(frozen=True)
    class Config(RunConfig, EmbeddingConfig, TemperatureConfig, PredictorConfig, QueueConfig,
                 EMAConfig):
        """The options of SNCLR."""

        ema: float = with_default(EMAConfig, "ema", 0.9)  # in a run of 624 steps 0.99 lags behind
        neighbors_after: float = option(0.5, "share of the run before neighbours are used; 0 is "
                                        "the paper's", least=0, most=1)
        soft_k: int = option(5, "neighbours of each image that are positives as well", least=0)
        soft_temperature: float = option(0.1, "of the softmax that says how much each of them "
                                         "counts", above=0)
        soft_weights: str = option("inside", "weights inside the logarithm (the paper) or outside "
                                   "(its code)", choices=("inside", "outside"))

    def __init__(self, encoder: Encoder, config, rng: np.random.Generator,
                 data: Dataset | None = None):
        self.encoder = encoder
        self.projector = projector(encoder.features, config.projector_hidden, config.dim, rng)
        self.predictor = predictor(config.dim, config.predictor_hidden, rng)
        self.momentum_encoder = MomentumEncoder(self.encoder, self.projector, momentum=config.ema)
        self.support_set = SupportSet(config.queue_size, config.dim, rng)
        self.temperature, self.attention, self.inside = (
            config.temperature, config.soft_temperature, config.soft_weights == "inside")
        self.k, self.neighbors_after, self.batch_size = config.soft_k, config.neighbors_after, config.batch_size
        if self.k > config.queue_size:
            raise ValueError(f"soft_k: expected at most queue_size, {config.queue_size}, got "
                             f"{self.k}")
        self.first_step, self.steps = 0, np.zeros(1, np.int64)
        self.pending: tuple = ()  # what after_step needs of the last loss: z1, y2, ids, diagnostics

    def start(self, total_steps: int) -> None:
        """Neighbours come in after the share `neighbors_after` of all steps."""
        self.first_step = round(self.neighbors_after * total_steps)

    def used(self) -> int:
        """How many neighbours are positives now: none before their step, or before the set holds
        real embeddings.
        """
        waiting = self.steps[0] < self.first_step or self.support_set.filled < len(self.support_set)
        return 0 if waiting else self.k

    def loss(self, x1: np.ndarray, x2: np.ndarray, ids: np.ndarray) -> Tensor:
        """The loss of two views (b, h, w, 3) of the samples `ids` (b,); looks neighbours up,
        enqueues nothing yet.
        """
        if self.training:
            self.momentum_encoder.follow(self.encoder, self.projector)
        z1, z2 = self.projector(self.encoder(x1)), self.projector(self.encoder(x2))
        y1, y2 = unit_rows(self.momentum_encoder(x1)), unit_rows(self.momentum_encoder(x2))
        keys2, weights2, health = self.positives(z1.numpy(), y2, ids)
        keys1, weights1, _ = self.positives(z2.numpy(), y1, ids)
        self.pending = z1.numpy(), y2, ids, health
        return (soft_neighbor_loss(self.predictor(z1), keys2, weights2, self.temperature,
                                   self.inside) + soft_neighbor_loss(self.predictor(z2), keys1,
                                                                     weights1, self.temperature,
                                                                     self.inside)) * 0.5

    def positives(self, z: np.ndarray, y: np.ndarray, ids: np.ndarray) -> tuple[np.ndarray,
                                                                                np.ndarray, dict]:
        """Keys (b, 1 + K, d) and weights (b, 1 + K) of each image: its own key y (b, d), then y's
        neighbours.
        """
        k, own = self.used(), np.ones((len(y), 1), y.dtype)
        if k == 0:
            return y[:, None], own, {}
        rows, found = self.support_set.nearest_k(y, k)  # (b, K, d), (b, K)
        scores = (unit_rows(z)[:, None] * rows).sum(axis=2) / z.dtype.type(self.attention)
        weights = np.exp(scores - scores.max(axis=1, keepdims=True))
        weights /= weights.sum(axis=1, keepdims=True)
        entropy = -(weights * np.log(np.maximum(weights, 1e-12))).sum(axis=1).mean()
        first = found[:, 0]
        return np.concatenate([y[:, None], rows], axis=1), np.concatenate([own, weights],
                                                                          axis=1), {
                "entropy": entropy, "anchor_ids": ids, "neighbor_ids": self.support_set.ids[first],
                "rows": first, "ages": self.support_set.age(first)}

    def guess(self) -> float:
        """ln((1 + K) b) less the logarithm of the weights' sum, or times that sum with weights
        outside.
        """
        k = self.used()
        total, weight = math.log((1 + k) * self.batch_size), 1 + (k > 0)
        return total - math.log(weight) if self.inside else weight * total

    def after_step(self) -> dict:
        """Enqueue the slow copy's embeddings of view 2, once."""
        z1, y2, ids, health = self.pending
        self.support_set.enqueue(distributed.all_gather(y2), distributed.all_gather(ids))
        self.steps += 1
        self.pending = ()
        return {"z": z1, **health}
