"""The order in which a data set is seen."""
from collections.abc import Iterator

import numpy as np

from tinynnclr.kernels.boundary import plain_numbers


@plain_numbers
def batches(order: np.ndarray, batch_size: int, first: int = 0) -> Iterator[np.ndarray]:
    """The whole batches of an order of samples, from batch number `first` on; a short rest is left out."""
    for start in range(first * batch_size, len(order) - batch_size + 1, batch_size):
        yield order[start:start + batch_size]
