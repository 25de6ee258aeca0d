"""Sums and means along axes."""
import numpy as np

from ..tensor import op


def _spread(g, shape, axis, keepdims):
    """Copy g back along the axes that were summed."""
    if axis is not None and not keepdims:
        g = np.expand_dims(g, axis)
    return np.broadcast_to(g, shape)


@op
def sum(a, *, axis=None, keepdims=False):  # noqa: A001 (torch's and NumPy's name)
    """Sum over the axes (all unless given); every number that was added gets all of g."""
    shape = a.shape
    out = np.asarray(a.sum(axis=axis, keepdims=keepdims))
    return out, (lambda g: _spread(g, shape, axis, keepdims),)


@op
def mean(a, *, axis=None, keepdims=False):
    """Mean over the axes (all unless given); m numbers get g / m each."""
    shape = a.shape
    out = np.asarray(a.mean(axis=axis, keepdims=keepdims))
    scale = out.size / max(a.size, 1)
    return out, (lambda g: _spread(g * g.dtype.type(scale), shape, axis, keepdims),)
