"""Elementwise ops, with NumPy's broadcasting, which is undone backward."""
import numpy as np

from ..kernels.engine.checks import as_array
from ..tensor import op, unbroadcast


def _number(name, value):
    if not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"{name}: expected one real number, got {type(value).__name__}")
    return float(value)


@op
def add(a, b):
    """a + b; da = db = g."""
    sa, sb = a.shape, b.shape
    return a + b, (lambda g: unbroadcast(g, sa), lambda g: unbroadcast(g, sb))


@op
def sub(a, b):
    """a - b; da = g, db = -g."""
    sa, sb = a.shape, b.shape
    return a - b, (lambda g: unbroadcast(g, sa), lambda g: unbroadcast(-g, sb))


@op
def mul(a, b):
    """a * b; da = g * b, db = g * a."""
    sa, sb = a.shape, b.shape
    return a * b, (lambda g: unbroadcast(g * b, sa), lambda g: unbroadcast(g * a, sb))


@op
def div(a, b):
    """a / b; da = g / b, db = -g * a / b^2."""
    sa, sb = a.shape, b.shape
    out = a / b
    return out, (lambda g: unbroadcast(g / b, sa), lambda g: unbroadcast(-g * out / b, sb))


@op
def neg(a):
    """-a; da = -g."""
    return -a, (lambda g: -g,)


@op
def power(a, *, exponent):
    """a ** exponent for a fixed number; da = g * exponent * a ** (exponent - 1), 0 for a ** 0."""
    exponent = _number("power: exponent", exponent)
    if exponent == 0:
        return np.ones_like(a), (lambda g: np.zeros_like(a),)
    return a ** exponent, (lambda g: g * (exponent * a ** (exponent - 1)),)


@op
def exp(a):
    """e^a; da = g * e^a."""
    out = np.exp(a)
    return out, (lambda g: g * out,)


@op
def log(a):
    """The natural logarithm; da = g / a."""
    return np.log(a), (lambda g: g / a,)


@op
def log_sigmoid(a):
    """log(1 / (1 + e^-a)), without overflow; da = g / (1 + e^a). At -a: log(1 - sigmoid(a))."""
    out = np.minimum(a, 0) - np.log1p(np.exp(-np.abs(a)))
    return out, (lambda g: g * (1 - np.exp(out)),)


@op
def tanh(a):
    """(e^a - e^-a) / (e^a + e^-a); da = g * (1 - tanh(a)^2)."""
    out = np.tanh(a)
    return out, (lambda g: g * (1 - out * out),)


@op
def relu(a):
    """max(a, 0); the gradient at 0 is 0, and NaN stays NaN."""
    return np.maximum(a, a.dtype.type(0)), (lambda g: g * (a > 0),)


@op
def masked_fill(a, *, mask, value):
    """`value` where the boolean mask is true, a elsewhere (they broadcast); filled: no gradient."""
    mask, shape = as_array("masked_fill", "mask", mask), a.shape
    value = a.dtype.type(_number("masked_fill: value", value))
    if mask.dtype != bool:
        raise TypeError(f"masked_fill: mask: expected a boolean array, got {mask.dtype} "
                        f"{mask.shape}")
    return np.where(mask, value, a), (
        lambda g: unbroadcast(np.where(mask, g.dtype.type(0), g), shape),)
