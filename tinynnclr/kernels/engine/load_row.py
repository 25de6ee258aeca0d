"""A row of an image on its way into a convolution: as it is, or normalised with ReLU."""

from .compile import jit
from .simd import copy


@jit
def load_row(x, start, length, scale, shift, out, at):
    """out[at + k] = max(x[start + k] * scale[k] + shift[k], 0) for k < length; without scale, x."""
    if len(scale) == 0:
        copy(out, at, 1, x, start, 1, length)
        return
    zero, source, target = x.dtype.type(0), x[start:start + length], out[at:at + length]
    for k in range(length):
        value = source[k] * scale[k] + shift[k]
        target[k] = zero if value < zero else value
