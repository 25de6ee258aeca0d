"""Ops that add numbers up along axes."""
import math

import numpy as np

from ..tensor import op


def _spread(g, shape, axis, keepdims):
    """Copy g back along the axes that were summed away."""
    if axis is not None and not keepdims:
        g = np.expand_dims(g, axis)
    return np.broadcast_to(g, shape)


@op
def sum(a, *, axis=None, keepdims=False):  # noqa: A001 (torch's and NumPy's name)
    shape = a.shape
    return np.asarray(a.sum(axis=axis, keepdims=keepdims)), (lambda g: _spread(g, shape, axis, keepdims),)


@op
def mean(a, *, axis=None, keepdims=False):
    shape = a.shape
    out = np.asarray(a.mean(axis=axis, keepdims=keepdims))
    share = out.size / math.prod(shape) if shape else 1.0
    return out, (lambda g: _spread(g * g.dtype.type(share), shape, axis, keepdims),)
