"""The support set: a first-in-first-out queue of recent embeddings that is searched."""
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .. import kernels
from ..config import option
from ..kernels.engine.checks import plain_numbers
from ..kernels.l2_normalize import unit_rows
from ..nn import Module


@dataclass(frozen=True)
class QueueConfig:
    """Options of a method with a queue."""

    queue_size: int = option(2048, "number of embeddings in the queue", least=1)


class Neighbors(NamedTuple):
    """The neighbours of a batch in a queue, for the diagnostics: each array is (b,)."""

    indices: np.ndarray  # rows of the queue
    ids: np.ndarray  # samples; -1: a random direction, no sample
    ages: np.ndarray  # steps since they were enqueued


class SupportSet(Module):
    """A queue of `size` rows of length 1, each with its sample and age.

    Its rows are arrays, so no gradient can enter; it is a Module so that they are saved. The rows
    are random directions with id -1 at first; `filled` counts the rows that are real embeddings.
    """

    @plain_numbers
    def __init__(self, size: int, dim: int, rng: np.random.Generator):
        if size < 1 or dim < 1:
            raise ValueError(f"SupportSet: expected size >= 1 and dim >= 1, got {size} and {dim}")
        self.rows = unit_rows(rng.standard_normal((size, dim), np.float32))  # (size, dim)
        self.ids = np.full(size, -1, np.int64)
        self.born = np.zeros(size, np.int64)  # the number of the batch that a row is from
        self.counts = np.zeros(3, np.int64)  # index of the next row, rows filled, batches

    def __len__(self):
        return len(self.rows)

    @property
    def filled(self) -> int:
        """The number of rows that are real embeddings."""
        return int(self.counts[1])

    @property
    def full(self) -> bool:
        """Whether all rows are real embeddings."""
        return self.filled == len(self)

    def ranges(self, images: int) -> dict[str, tuple[np.ndarray, int, int]]:
        """{name: (integers, smallest, largest)}: the valid ranges for a number of images."""
        return {"ids": (self.ids, -1, images - 1), "born": (self.born, 0, int(self.counts[2])),
                "place and rows filled": (self.counts[:2], 0, len(self)),
                "batches": (self.counts[2:], 0, 2**62)}

    def nearest(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The row most similar to each of z (b, dim) by cosine (b, dim), and its index (b,)."""
        rows, indices = self.nearest_k(z, 1)
        return rows[:, 0], indices[:, 0]

    def nearest_k(self, z: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """The k rows most similar to each of z (b, dim), best first (b, k, dim); indices (b, k)."""
        indices = kernels.nearest(unit_rows(z), self.rows, k)[0]
        return self.rows[indices], indices

    def soft_nearest(self, z: np.ndarray, temperature: float) -> tuple[np.ndarray, np.ndarray]:
        """The mean of all rows, weighted by softmax(cosine / temperature), for each z (b, dim).

        Returns the means (b, dim), and the index of the nearest row (b,).
        """
        similarities = kernels.matmul(unit_rows(z), self.rows.T)  # (b, size)
        nearest = similarities.argmax(axis=1)
        weights = np.exp((similarities - similarities.max(axis=1, keepdims=True))
                         / float(temperature))
        weights /= weights.sum(axis=1, keepdims=True)
        return kernels.matmul(weights, self.rows), nearest

    def age(self, indices: np.ndarray) -> np.ndarray:
        """The number of batches enqueued since each of these rows; 1 for the newest batch."""
        return self.counts[2] - self.born[indices] + 1

    def neighbors(self, indices: np.ndarray) -> Neighbors:
        """The rows at these indices (b,), with their samples and ages."""
        return Neighbors(indices, self.ids[indices], self.age(indices))

    def enqueue(self, z: np.ndarray, ids: np.ndarray) -> None:
        """Put z (b, dim) of samples `ids` (b,), scaled to length 1, in place of the oldest b rows.

        Raises ValueError for other shapes, FloatingPointError for a row that is zero or not finite.
        """
        if z.ndim != 2 or z.shape[1] != self.rows.shape[1] or np.shape(ids) != (len(z),):
            raise ValueError(f"SupportSet.enqueue: expected z (b, {self.rows.shape[1]}) and b ids, "
                             f"got {z.shape} and {np.shape(ids)}")
        size = len(self)
        next_place, filled, batches = self.counts
        kept = min(len(z), size)  # the last rows of a batch that is larger than the queue
        places = (next_place + np.arange(len(z) - kept, len(z))) % size
        rows = unit_rows(z[len(z) - kept:])
        lengths = np.sqrt((rows * rows).sum(axis=1))
        if not np.abs(lengths - 1).max(initial=0) < 1e-3:  # NaN is refused, too
            raise FloatingPointError("SupportSet.enqueue: a row has no direction: it is zero, NaN "
                                     "or infinite")
        self.rows[places] = rows
        self.ids[places] = ids[len(z) - kept:]
        self.born[places] = batches + 1
        self.counts[:] = (next_place + len(z)) % size, min(filled + kept, size), batches + 1
