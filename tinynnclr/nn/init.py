"""Starting weights: drawn so that signals keep their size on the way through ReLU layers."""
import math

import numpy as np


def kaiming_normal(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """float32 normal numbers of variance 2 / fan-in, where fan-in is all axes but the last (He et al. 2015, eq. 10)."""
    return rng.standard_normal(shape, np.float32) * np.float32(math.sqrt(2 / math.prod(shape[:-1])))
