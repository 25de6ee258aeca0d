"""How the learning rate moves over a run."""
import math

from ..kernels.engine.checks import plain_numbers


@plain_numbers
def warmup_cosine(step: int, total: int, warmup: int, base: float) -> float:
    """The rate for step 0..total-1: a straight line up to `base` over `warmup` steps, then half a
    cosine down to 0.

    Source: Loshchilov & Hutter 2017, eq. 5, without restarts.
    """
    if step < warmup:
        return base * (step + 1) / warmup
    return base * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, total - warmup)))
