"""Prototypes: running cluster centres of the embeddings, a support set of a few hundred rows
instead of thousands.

The positive of an image is then the centre of its cluster, as in KMCLR (Bozdag 2021, a report that
repeats NNCLR on CIFAR-100 and finds it level with a queue 250 times as long). The centres follow by
mini-batch k-means on the sphere (Sculley 2010): a centre that k embeddings have moved gives way to
the next by 1 / (k + 1). Embeddings drift, so every `RESET` epochs the centres begin again, from the
embeddings that come next.
"""
import numpy as np

from ..kernels.l2_normalize import unit_rows
from .support_set import SupportSet

RESET = 3  # epochs


class Prototypes(SupportSet):
    """A support set whose rows are centres; the id of a row is that of the last image that moved
    it.
    """

    def __init__(self, size: int, dim: int, rng: np.random.Generator):
        super().__init__(size, dim, rng)
        self.members = np.zeros(size, np.int64)  # embeddings that moved each centre
        self.epochs = np.zeros(1, np.int64)  # begun so far

    def enqueue(self, z: np.ndarray, ids: np.ndarray) -> None:
        """Until there are enough, each row of z (b, dim) is a new centre; then it moves the centre
        nearest to it.
        """
        new = min(len(z), len(self) - self.filled)
        if new:
            self.members[self.counts[0]:self.counts[0] + new] = 1
            super().enqueue(z[:new], ids[:new])
            self.counts[0] = self.filled
        if new == len(z):
            return
        z, ids = unit_rows(z[new:]), ids[new:]
        if not np.isfinite(z).all():
            raise FloatingPointError("Prototypes.enqueue: an embedding holds NaN or infinity")
        _, found = self.nearest(z)
        sums = self.rows * self.members[:, None].astype(self.rows.dtype)
        np.add.at(sums, found, z)
        moved = np.unique(found)
        self.members += np.bincount(found, minlength=len(self))
        self.rows[moved] = unit_rows(sums[moved])
        self.counts[2] += new == 0  # a batch is counted once
        self.ids[found], self.born[found] = ids, self.counts[2]

    def start_epoch(self) -> None:
        """Every third epoch, the centres begin again."""
        if self.epochs[0] and self.epochs[0] % RESET == 0:
            self.counts[:2] = 0
        self.epochs += 1
