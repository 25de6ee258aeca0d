"""The support set: a first-in-first-out queue of embeddings that passed by a moment ago, and a
search in it.
"""
from dataclasses import dataclass

import numpy as np

from .. import kernels
from ..config import option
from ..kernels.engine.checks import plain_numbers
from ..kernels.l2_normalize import unit_rows
from ..nn import Module


@dataclass(frozen=True)
class QueueConfig:
    """Options of a method with a queue."""

    queue_size: int = option(4096, "rows of the queue", least=1)


class SupportSet(Module):
    """`size` rows of length 1 in arrays (so no gradient can enter), with the sample id and the age
    of each.

    A Module only so that its arrays are saved with the rest. It begins with random directions, id
    -1; `filled` counts the rows that hold real embeddings since.
    """

    @plain_numbers
    def __init__(self, size: int, dim: int, rng: np.random.Generator):
        if size < 1 or dim < 1:
            raise ValueError(f"SupportSet: expected size >= 1 and dim >= 1, got {size} and {dim}")
        self.rows = unit_rows(rng.standard_normal((size, dim), np.float32))  # (size, dim)
        self.ids = np.full(size, -1, np.int64)
        self.born = np.zeros(size, np.int64)  # the value of `clock` when the row came in
        self.counts = np.zeros(3, np.int64)  # where the next row goes, rows filled, times enqueued

    def __len__(self):
        return len(self.rows)

    @property
    def filled(self) -> int:
        return int(self.counts[1])

    def ranges(self, images: int) -> dict[str, tuple[np.ndarray, int, int]]:
        """{name: (integers, smallest, largest)} that can be where so many images are learned from.
        """
        return {"ids": (self.ids, -1, images - 1), "born": (self.born, 0, int(self.counts[2])),
                "place and rows filled": (self.counts[:2], 0, len(self)),
                "clock": (self.counts[2:], 0, 2**62)}

    def nearest(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """For each row of z (b, dim): the most similar row by cosine (b, dim), a copy, and its
        index (b,).
        """
        rows, indices = self.nearest_k(z, 1)
        return rows[:, 0], indices[:, 0]

    def nearest_k(self, z: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """The k most similar rows of each row of z (b, dim), best first (b, k, dim), and their
        indices (b, k).
        """
        indices = kernels.nearest(unit_rows(z), self.rows, k)[0]
        return self.rows[indices], indices

    def soft_nearest(self, z: np.ndarray, temperature: float) -> tuple[np.ndarray, np.ndarray]:
        """The mean of all rows, weighed by softmax(cosine / temperature) (b, dim), and the
        nearest's index (b,).
        """
        similarities = kernels.matmul(unit_rows(z), self.rows.T)  # (b, size)
        nearest = similarities.argmax(axis=1)
        weights = np.exp((similarities - similarities.max(axis=1, keepdims=True))
                         / float(temperature))
        weights /= weights.sum(axis=1, keepdims=True)
        return kernels.matmul(weights, self.rows), nearest

    def start_epoch(self) -> None:
        """Epochs mean nothing to a queue."""

    def age(self, indices: np.ndarray) -> np.ndarray:
        """How many batches came in since each of these rows did, itself included: 1 is the newest.
        """
        return self.counts[2] - self.born[indices] + 1

    def enqueue(self, z: np.ndarray, ids: np.ndarray) -> None:
        """Let the rows z (b, dim) of samples `ids` (b,) in, scaled to length 1; the oldest b rows
        go.
        """
        if z.ndim != 2 or z.shape[1] != self.rows.shape[1] or np.shape(ids) != (len(z),):
            raise ValueError(f"SupportSet.enqueue: expected z (b, {self.rows.shape[1]}) and b ids, "
                             f"got {z.shape} and {np.shape(ids)}")
        size, (pointer, filled, clock) = len(self), self.counts
        kept = min(len(z), size)  # of a batch larger than the queue, the last rows
        places = (pointer + np.arange(len(z) - kept, len(z))) % size
        rows = unit_rows(z[len(z) - kept:])
        length = np.sqrt((rows * rows).sum(axis=1))
        if not np.abs(length - 1).max(initial=0) < 1e-3:  # NaN fails too
            raise FloatingPointError("SupportSet.enqueue: a row has no direction: it is zero, NaN "
                                     "or infinite")
        self.rows[places], self.ids[places], self.born[places] = rows, ids[len(z)
                                                                           - kept:], clock + 1
        self.counts[:] = (pointer + len(z)) % size, min(filled + kept, size), clock + 1
