"""The memory bank: the latest embedding of every training image."""
import numpy as np

from ..kernels.engine.checks import expect_numbers, plain_numbers
from ..kernels.l2_normalize import unit_rows
from ..nn import Module


class MemoryBank(Module):
    """Row i, of length 1, belongs to image i. Rows are arrays, so no gradient can enter.

    They are random directions at first. Source: Wu et al. 2018 (arXiv 1805.01978), section 3.1;
    their first numbers are uniform in +-sqrt(3 / dim), whose rows have length 1 only on average.
    """

    @plain_numbers
    def __init__(self, size: int, dim: int, momentum: float, rng: np.random.Generator):
        expect_numbers("MemoryBank", momentum=momentum)
        self.rows = unit_rows(rng.standard_normal((size, dim), np.float32))  # (size, dim)
        self.momentum = momentum

    def __len__(self):
        return len(self.rows)

    def update(self, z: np.ndarray, ids: np.ndarray) -> None:
        """row <- momentum * row + (1 - momentum) * z / |z|, scaled to length 1.

        For images `ids` (b,), which are different, and their embeddings z (b, dim).
        """
        m = np.float32(self.momentum)
        rows = unit_rows(m * self.rows[ids] + (1 - m) * unit_rows(z))
        if not np.isfinite(rows).all():
            raise FloatingPointError("MemoryBank.update: an embedding holds NaN or infinity")
        self.rows[ids] = rows
