"""Ops that move numbers without changing them; backward moves them back."""
import numpy as np

from .. import distributed
from ..tensor import op


@op
def reshape(a, *, shape):
    """The same numbers, row after row, in another shape."""
    before = a.shape
    return a.reshape(shape), (lambda g: g.reshape(before),)


@op
def transpose(a, *, axes=None):
    """Axes in another order, reversed unless given: axis i of the result is axis axes[i] of a."""
    inverse = None
    if axes is not None:
        inverse = tuple(np.argsort(np.arange(a.ndim)[list(axes)]))  # axes may count from the end
    return a.transpose(axes), (lambda g: g.transpose(inverse),)


@op
def getitem(a, *, index):
    """a[index] for slices, integers, masks, arrays; numbers picked twice get both gradients."""
    parts = index if isinstance(index, tuple) else (index,)
    if any(isinstance(part, np.ma.MaskedArray) for part in parts):
        raise TypeError("getitem: index: expected integers, slices or arrays, got MaskedArray")
    shape = a.shape

    def vjp(g):
        da = np.zeros(shape, g.dtype)
        np.add.at(da, index, g)
        return da

    return np.asarray(a[index]), (vjp,)


@op
def concatenate(*arrays, axis=0):
    """Arrays one behind the other along an axis; backward cuts g up again."""
    out = np.concatenate(arrays, axis)
    cuts = np.cumsum([a.shape[axis] for a in arrays])[:-1]
    pieces = [lambda g, i=i: np.split(g, cuts, axis)[i] for i in range(len(arrays))]
    return out, tuple(pieces)


@op
def all_gather(a):
    """The rows of all ranks, rank after rank; alone, a itself. Source: SimCLR, section 2.2.

    Backward, a row's gradient is the sum over all ranks' losses: each rank has it as a negative.
    """
    return distributed.all_gather(a), (distributed.reduce_scatter,)
