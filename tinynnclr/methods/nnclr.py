"""NNCLR: the positive of an image is its nearest neighbour among images seen a moment ago.

    z = projector(encoder(x)),  p = predictor(z)
    loss = 1/2 l(NN(z1), p2) + 1/2 l(NN(z2), p1),    then view 1 goes into the queue

The search is made with z scaled to length 1. The neighbour is a constant; gradients flow through p alone. The queue
gives positives and never negatives: those are the other predictions of the batch.
Source: Dwibedi et al. 2021, "With a little help from my friends" (arXiv 2104.14548), section 3.2 and its pseudo-code.
"""
import math

import numpy as np

from ..datasets.dataset import Dataset
from ..models import Encoder, predictor, projector
from ..tensor import Tensor
from .losses import nnclr_loss
from .method import Method
from .support_set import SupportSet


class NNCLR(Method):
    """Encoder, projector, predictor and support set; `config` gives their sizes, the temperature and the start."""

    def __init__(self, encoder: Encoder, config, rng: np.random.Generator, data: Dataset | None = None):
        self.encoder = encoder
        self.projector = projector(encoder.features, config.projector_hidden, config.dim, rng)
        self.predictor = predictor(config.dim, config.predictor_hidden, rng)
        self.support_set = SupportSet(config.queue_size, config.dim, rng)
        self.temperature, self.neighbors, self.neighbors_after = (
            config.temperature, config.neighbors, config.neighbors_after)
        self.batch_size = config.batch_size
        self.first_step = 0  # from which neighbours are used
        self.steps = np.zeros(1, np.int64)
        self.pending: tuple = ()  # what after_step needs of the last loss: z1, ids, rows found

    def start(self, total_steps: int) -> None:
        """Neighbours come in after the share `neighbors_after` of all steps."""
        self.first_step = round(self.neighbors_after * total_steps)

    def loss(self, x1: np.ndarray, x2: np.ndarray, ids: np.ndarray) -> Tensor:
        """The loss of two views (b, h, w, 3) of the samples `ids` (b,); looks neighbours up, enqueues nothing yet."""
        z1, z2 = self.projector(self.encoder(x1)), self.projector(self.encoder(x2))
        p1, p2 = self.predictor(z1), self.predictor(z2)
        nn1, found = self.lookup(z1)
        nn2, _ = self.lookup(z2)
        self.pending = z1.numpy(), ids, found
        return (nnclr_loss(nn1, p2, self.temperature) + nnclr_loss(nn2, p1, self.temperature)) * 0.5

    def guess(self) -> float:
        """ln(b): one of b predictions is right."""
        return math.log(self.batch_size)

    def lookup(self, z: Tensor) -> tuple[np.ndarray | Tensor, np.ndarray | None]:
        """Each row's nearest neighbour, a constant, and where it was found; or z itself while neighbours are off.

        They are off for good with neighbors=False, in the first part of the run, while an embedding says little of what
        its image shows, and until the queue holds nothing but real embeddings. (The paper uses them from the start of
        a run a thousand epochs long: neighbors_after=0.)
        """
        waiting = self.steps[0] < self.first_step or self.support_set.filled < len(self.support_set)
        if not self.neighbors or waiting:
            return z, None
        return self.support_set.nearest(z.numpy())

    def after_step(self) -> dict:
        """Enqueue view 1, once; returns the ids of view 1's neighbours (-1: never seen) and their ages in steps."""
        z1, ids, found = self.pending
        health = {"z": z1}
        if found is not None:
            health.update(anchor_ids=ids, neighbor_ids=self.support_set.ids[found], rows=found,
                          ages=self.support_set.age(found))
        self.support_set.enqueue(z1, ids)
        self.steps += 1
        self.pending = ()
        return health
