"""The order in which a data set is seen."""
from collections.abc import Iterator

import numpy as np


def batches(n: int, batch_size: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Index arrays of `batch_size` samples that cover a fresh shuffle of range(n); a short rest is left out."""
    order = rng.permutation(n)
    for start in range(0, n - batch_size + 1, batch_size):
        yield order[start:start + batch_size]
