"""GELU: each number times the part of a normal distribution that lies below it."""
import math

import numpy as np
from numba import types
from numba.extending import overload

from .engine.checks import expect_floats
from .engine.compile import jit
from .engine.exp import exp
from .engine.parallel import parallel

ROOT_HALF, DENSITY = math.sqrt(1 / 2), 1 / math.sqrt(2 * math.pi)
ERF = tuple(map(np.float32, (0.3275911, 0.254829592, -0.284496736, 1.421413741, -1.453152027,
                             1.061405429)))


def gelu_naive(a):
    """(y, slope): y = a Phi(a), slope = Phi(a) + a phi(a), Phi(a) = (1 + erf(a / sqrt 2)) / 2."""
    below = np.array([(1 + math.erf(v / math.sqrt(2))) / 2 for v in a.ravel()],
                     a.dtype).reshape(a.shape)
    return a * below, below + a * np.exp(-a * a / 2) / math.sqrt(2 * math.pi)


def _normal(a):
    """(Phi(a), phi(a)) in a kernel. Of float32 to 1e-7.

    The library's erf takes ten times as long as the rest together, so float32 has erf by five
    powers of t = 1 / (1 + 0.3275911 |z|) and e^(-z^2), which phi needs anyway: Abramowitz & Stegun
    1964, 7.1.26.
    """


@overload(_normal)
def _choose(a):
    return _single if a == types.float32 else _double


def _single(a):
    p, c1, c2, c3, c4, c5 = ERF
    one, half = np.float32(1), np.float32(1 / 2)
    bell = exp(-half * a * a)
    t = one / (one + p * np.float32(ROOT_HALF) * abs(a))
    tail = half * bell * t * (c1 + t * (c2 + t * (c3 + t * (c4 + t * c5))))
    return tail if a < 0 else one - tail, bell * np.float32(DENSITY)


def _double(a):
    return math.erfc(-a * ROOT_HALF) / 2, math.exp(-a * a / 2) * DENSITY


@jit
def _gelu(start, stop, a, y, slope):
    # from 0 on, for the compiler to use vectors
    values, out, slopes = a[start:stop], y[start:stop], slope[start:stop]
    for i in range(len(values)):
        below, density = _normal(values[i])
        out[i] = values[i] * below
        slopes[i] = below + values[i] * density


def gelu(a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(a Phi(a), its slope Phi(a) + a phi(a)) for numbers of any shape, float32 or float64.

    Raises ValueError for another type. Source: Hendrycks & Gimpel 2016 (arXiv 1606.08415), the
    exact form.
    """
    expect_floats("gelu", a=a)
    numbers = np.ascontiguousarray(a).reshape(-1)
    y, slope = np.empty_like(numbers), np.empty_like(numbers)
    parallel(_gelu, a.size, numbers, y, slope, grain=4096)
    return y.reshape(a.shape), slope.reshape(a.shape)
