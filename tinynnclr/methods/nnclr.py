"""NNCLR: the positive of an image is its nearest neighbour among images seen a moment ago.

    z = projector(encoder(x)),  p = predictor(z)
    loss = 1/2 l(NN(z1), p2) + 1/2 l(NN(z2), p1),    then view 1 goes into the queue

The search is made with z scaled to length 1. The neighbour is a constant; gradients flow through p
alone. The queue gives positives and never negatives: those are the other predictions of the batch.

Variants, each a flag: --top-k k takes a random one of the k nearest; --soft-neighbor the mean of
all rows, weighed by a softmax of their similarities; --momentum-encoder searches with, and
enqueues, what a slow copy of the network says; --prototypes n puts n cluster centres in the queue's
place; --no-predictor; --both-directions adds the loss with rows and columns exchanged. The paper
finds none of them better than the plain one by more than half a point. Source: Dwibedi et al. 2021,
"With a little help from my friends" (arXiv 2104.14548), section 3.2 and its pseudo-code.
"""
import math
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
from .method import EmbeddingConfig, Method, PredictorConfig, TemperatureConfig
from .momentum_encoder import EMAConfig, MomentumEncoder
from .prototypes import Prototypes
from .support_set import QueueConfig, SupportSet


class NNCLR(Method):
    """Encoder, projector, predictor and support set; `config` gives their sizes, the temperature
    and the start.
    """

    name = "nnclr"

    @dataclass(frozen=True)
    class Config(RunConfig, EmbeddingConfig, TemperatureConfig, PredictorConfig, QueueConfig,
                 EMAConfig):
        """The options of NNCLR."""

        neighbors: bool = option(True, "take the nearest neighbour as the positive; off: the "
                                 "embedding itself")
        neighbors_after: float = option(0.5, "share of the run before neighbours are used; 0 is "
                                        "the paper's", least=0, most=1)
        top_k: int = option(1, "the positive is a random one of so many nearest neighbours",
                            least=1)
        soft_neighbor: bool = option(False, "the positive is the mean of all rows, weighed by a "
                                     "softmax")
        prototypes: int = option(0, "so many running cluster centres take the queue's place, as in "
                                 "KMCLR; 0: a queue", least=0)
        predictor: bool = option(True, "put a predictor on top of the projector")
        both_directions: bool = option(False, "let each prediction find its neighbour as well")
        momentum_encoder: bool = option(False, "take neighbours and queue from a momentum encoder")

        def check(self) -> None:
            """As `Config.check`; a queue has at least top_k rows."""
            super().check()
            self.expect("top_k", self.top_k <= (self.prototypes or self.queue_size),
                        "no more than there are rows")

    def __init__(self, encoder: Encoder, config, rng: np.random.Generator,
                 data: Dataset | None = None):
        self.encoder, self.config = encoder, config
        self.projector = projector(encoder.features, config.projector_hidden, config.dim, rng)
        self.predictor = predictor(config.dim, config.predictor_hidden,
                                   rng) if config.predictor else Sequential()
        self.momentum_encoder = (MomentumEncoder(self.encoder, self.projector, momentum=config.ema)
                                 if config.momentum_encoder else None)
        self.support_set = (Prototypes(config.prototypes, config.dim, rng) if config.prototypes
                            else SupportSet(config.queue_size, config.dim, rng))
        self.first_step = 0  # from which neighbours are used
        self.steps = np.zeros(1, np.int64)
        # what after_step needs of the last loss: z1, what to enqueue, ids, rows found
        self.pending: tuple = ()

    def start(self, total_steps: int) -> None:
        """Neighbours come in after the share `neighbors_after` of all steps."""
        self.first_step = round(self.config.neighbors_after * total_steps)

    def start_epoch(self, size: int, rng: np.random.Generator) -> tuple[np.ndarray, list[Tensor]]:
        """A random order; prototypes begin anew now and then."""
        self.support_set.start_epoch()
        return super().start_epoch(size, rng)

    def loss(self, x1: np.ndarray, x2: np.ndarray, ids: np.ndarray) -> Tensor:
        """The loss of two views (b, h, w, 3) of the samples `ids` (b,); looks neighbours up,
        enqueues nothing yet.
        """
        z1, z2 = self.projector(self.encoder(x1)), self.projector(self.encoder(x2))
        p1, p2 = self.predictor(z1), self.predictor(z2)
        s1, s2 = z1, z2  # with what is searched
        if self.momentum_encoder:
            if self.training:
                self.momentum_encoder.follow(self.encoder, self.projector)
            s1, s2 = Tensor(self.momentum_encoder(x1)), Tensor(self.momentum_encoder(x2))
        nn1, found = self.lookup(s1)
        nn2, _ = self.lookup(s2)
        self.pending = z1.numpy(), s1.numpy(), ids, found
        t, both = self.config.temperature, self.config.both_directions
        return (nnclr_loss(nn1, p2, t, both) + nnclr_loss(nn2, p1, t, both)) * 0.5

    def guess(self) -> float:
        """ln(b): one of b predictions is right."""
        return math.log(self.config.batch_size)

    def waiting(self) -> bool:
        """Whether neighbours are off: for good, for now, or until the queue is full."""
        early = self.steps[0] < self.first_step or self.support_set.filled < len(self.support_set)
        return early or not self.config.neighbors

    def lookup(self, z: Tensor) -> tuple[np.ndarray | Tensor, np.ndarray | None]:
        """Each row's nearest neighbour, a constant, and where it was found; or z itself while
        neighbours are off.

        They are off for good with neighbors=False, in the first part of the run, while an embedding
        says little of what its image shows, and until the queue holds nothing but real embeddings.
        (The paper uses them from the start of a run a thousand epochs long: neighbors_after=0.)
        """
        if self.waiting():
            return z, None
        if self.config.soft_neighbor:
            return self.support_set.soft_nearest(z.numpy(), self.config.temperature)
        if self.config.top_k == 1:
            return self.support_set.nearest(z.numpy())
        rows, found = self.support_set.nearest_k(z.numpy(), self.config.top_k)
        # so that a resumed run draws the same
        rng = np.random.default_rng((self.config.seed, int(self.steps[0])))
        # for the whole batch
        drawn = rng.integers(0, self.config.top_k, len(z) * distributed.size())
        one = np.arange(len(z)), drawn[distributed.local_rows(len(z))]
        return rows[one], found[one]

    def after_step(self) -> dict:
        """Enqueue view 1, once; returns the ids of view 1's neighbours (-1: never seen) and their
        ages in steps.
        """
        z1, s1, ids, found = self.pending
        health = {"z": z1}
        if found is not None:
            health.update(anchor_ids=ids, neighbor_ids=self.support_set.ids[found], rows=found,
                          ages=self.support_set.age(found))
        self.support_set.enqueue(distributed.all_gather(s1), distributed.all_gather(ids))
        self.steps += 1
        self.pending = ()
        return health
