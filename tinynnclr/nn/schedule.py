"""How the learning rate changes during a run."""
import math

from ..kernels.engine.checks import plain_numbers


@plain_numbers
def warmup_cosine(step: int, total: int, warmup: int, base: float) -> float:
    """The rate for step 0..total-1: linear up to `base` over `warmup` steps, half a cosine to 0.

    Source: Loshchilov & Hutter 2017, eq. 5, without restarts.
    """
    if step < warmup:
        return base * (step + 1) / warmup
    return base * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, total - warmup)))
