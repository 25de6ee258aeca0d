"""Initial weights, drawn so that signals keep their size through ReLU layers."""
import math

import numpy as np

from ..kernels.engine.checks import plain_numbers


@plain_numbers
def kaiming_normal(shape: tuple[int, ...], rng: np.random.Generator,
                   gain: float = 2.0) -> np.ndarray:
    """float32 normal numbers of variance gain / fan-in, where fan-in is all axes but the last.

    2 makes up for the half that a ReLU removes (He et al. 2015, eq. 10); 1 where none follows.
    """
    deviation = math.sqrt(gain / math.prod(shape[:-1]))
    return rng.standard_normal(shape, np.float32) * np.float32(deviation)
