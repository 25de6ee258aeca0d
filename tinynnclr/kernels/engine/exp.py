"""e^x without a call to a library, so that the compiler computes a whole vector at a time."""
import math

import numpy as np
from numba import types
from numba.extending import overload

LOG2_E = np.float32(1 / math.log(2))
LN2_HIGH = np.float32(355 / 512)  # few bits: a whole number times it is exact (Cody & Waite 1980)
LN2_LOW = np.float32(math.log(2) - 355 / 512)
LOWEST = np.float32(-87)  # e^x is taken for 0 below
HALF, ONE = np.float32(1 / 2), np.float32(1)
C3, C4, C5, C6, C7 = (np.float32(1 / math.factorial(i)) for i in (3, 4, 5, 6, 7))


def exp_naive(x):
    """e^x from the library, number by number."""
    return np.array([math.exp(value) for value in x.ravel()], x.dtype).reshape(x.shape)


def exp(x: float) -> float:
    """e^x for x <= 0 or NaN, inside kernels; of float32 to 1e-7 of its size, and 0 below e^-87.

    e^x = 2^n e^r with a whole number n and |r| <= ln(2) / 2, where eight terms of the series of e^r
    are enough. 2^n is made of its bits: a float32's exponent, plus 127, stands in front of its 23
    bits of fraction.
    """
    return math.exp(x)


@overload(exp)
def _exp(x):
    return _single if x == types.float32 else _double


def _single(x):
    n = np.floor(x * LOG2_E + HALF)
    n = n if n > np.float32(-126) else np.float32(-126)  # also for NaN, which r keeps
    r = (x - n * LN2_HIGH) - n * LN2_LOW
    series = ONE + r * (ONE + r * (HALF + r * (C3 + r * (C4 + r * (C5 + r * (C6 + r * C7))))))
    power = np.int32((np.int32(n) + 127) << 23).view(np.float32)
    return np.float32(0) if x < LOWEST else series * power


def _double(x):
    return math.exp(x)
