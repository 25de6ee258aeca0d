"""Batch normalisation over the last axis, with ReLU: two passes over memory each way.

Before a convolution the second forward pass is not needed: the convolution normalises as it reads
(`conv2d(affine=)`). The first, the moments, is only 2 % of a training step.
"""
from collections.abc import Callable

import numpy as np

from .engine.checks import expect_eps, expect_floats, expect_like, expect_shape, plain_numbers
from .engine.compile import jit
from .engine.parallel import parallel

PARTS = 64  # partial sums for any number of threads, so their bytes do not depend on it
LANE = 256  # short rows are taken several at a time, so that the inner loop is about this long


def batch_norm_naive(x, weight, bias, eps=1e-5, relu=False):
    """(x - mean) / sqrt(var + eps) * weight + bias, statistics over all axes but the last."""
    axes = tuple(range(x.ndim - 1))
    y = (x - x.mean(axes)) / np.sqrt(x.var(axes) + eps) * weight + bias
    return np.where(y < 0, 0, y) if relu else y


def batch_norm_grad_naive(g, x, weight, bias, eps=1e-5, relu=False):
    """(dx, dweight, dbias) by the chain rule, one term for each path from x to y."""
    axes, m = tuple(range(x.ndim - 1)), x.size // x.shape[-1]
    centred, std = x - x.mean(axes), np.sqrt(x.var(axes) + eps)
    xhat = centred / std
    if relu:
        g = np.where(xhat * weight + bias <= 0, 0, g)
    dxhat = g * weight
    dvar = (dxhat * centred).sum(axes) * -0.5 / std**3
    dmean = -dxhat.sum(axes) / std
    return dxhat / std + dvar * 2 * centred / m + dmean / m, (g * xhat).sum(axes), g.sum(axes)


@jit
def _moments(start, stop, x, origin, sums):
    """sums (PARTS, 2, width): of x - origin and of its square, over the rows of each part."""
    for part in range(start, stop):
        first, second = sums[part, 0], sums[part, 1]
        for row in range(part * len(x) // len(sums), (part + 1) * len(x) // len(sums)):
            values = x[row]
            for j in range(len(origin)):
                centred = values[j] - origin[j]
                first[j] += centred
                second[j] += centred * centred


@jit
def _scale_shift(start, stop, x, scale, shift, floor, y):
    """y = x * scale + shift, and no less than floor (NaN stays NaN)."""
    for row in range(start, stop):
        values, out = x[row], y[row]
        for j in range(len(scale)):
            value = values[j] * scale[j] + shift[j]
            out[j] = floor if value < floor else value


@jit
def _gradient_sums(start, stop, g, x, scale, shift, floor, mean, sums):
    """sums (PARTS, 2, width): of g and of g * (x - mean), where the output was above the floor."""
    for part in range(start, stop):
        first, second = sums[part, 0], sums[part, 1]
        for row in range(part * len(x) // len(sums), (part + 1) * len(x) // len(sums)):
            values, cotangent = x[row], g[row]
            for j in range(len(scale)):
                value = values[j] * scale[j] + shift[j]
                passed = cotangent[j] * (0 if value <= floor else 1)
                first[j] += passed
                second[j] += passed * (values[j] - mean[j])


@jit
def _grad_input(start, stop, g, x, scale, shift, floor, slope, level, dx, in_place):
    """dx = scale * g - slope * x - level, with g = 0 where the output was not above the floor.

    in_place: dx is g, which saves a pass over memory.
    """
    for row in range(start, stop):
        values, out = x[row], dx[row]
        if not in_place:
            out[:] = g[row]
        for j in range(len(scale)):
            value = values[j] * scale[j] + shift[j]
            passed = out[j] * (0 if value <= floor else scale[j])
            out[j] = passed - slope[j] * values[j] - level[j]


def _wide_rows(x):
    """x seen as (rows, width), and how many rows of channels lie in one such row."""
    channels = x.shape[-1]
    rows, repeat = x.size // max(channels, 1), 1
    while repeat * channels < LANE and rows % (2 * repeat) == 0 and rows > PARTS * repeat:
        repeat *= 2
    return np.ascontiguousarray(x).reshape(-1, repeat * channels), repeat


def _add_parts(kernel, rows, repeat, arrays):
    """Run a summing kernel over its parts and add up parts and repeats: (2, channels), float64."""
    width = rows.shape[1]
    sums = np.zeros((min(PARTS, len(rows)), 2, width), rows.dtype)
    parallel(kernel, len(sums), *arrays, sums)
    return sums.sum(axis=0, dtype=np.float64).reshape(2, repeat, -1).sum(axis=1)


def moments(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and (biased) variance over all axes but the last, each (c,) in x's type; x is not empty.

    The sums are of x minus its first row, so a large common offset does not cancel the variance.
    """
    expect_floats("moments", x=x)
    if x.ndim == 0 or x.size == 0:
        raise ValueError(f"moments: x: expected at least one row of numbers, got shape {x.shape}")
    rows, repeat = _wide_rows(x)
    origin = np.tile(rows[0, :x.shape[-1]], repeat)
    first, second = _add_parts(_moments, rows, repeat, (rows, origin)) * (x.shape[-1] / x.size)
    mean = first + origin[:x.shape[-1]]
    return mean.astype(x.dtype), np.maximum(second - first * first, 0).astype(x.dtype)


@plain_numbers
def coefficients(x: np.ndarray, weight: np.ndarray, bias: np.ndarray, mean: np.ndarray,
                 var: np.ndarray, eps: float = 1e-5) -> tuple[np.ndarray, np.ndarray]:
    """(scale, shift), each (c,) float64: normalising x (..., c) is x * scale + shift."""
    expect_floats("normalize", x=x)
    expect_eps("normalize", eps)
    if x.shape[-1:] in ((), (0,)):
        raise ValueError(f"normalize: x: expected rows of at least one number, got shape {x.shape}")
    expect_shape("normalize", x.shape[-1:], weight=weight, bias=bias, mean=mean, var=var)
    scale = weight / np.sqrt(var.astype(np.float64) + eps)
    return scale, bias - mean * scale


def _floor(x, relu):
    return x.dtype.type(0 if relu else -np.inf)


@plain_numbers
def normalize(x: np.ndarray, weight: np.ndarray, bias: np.ndarray, mean: np.ndarray,
              var: np.ndarray, eps: float = 1e-5, relu: bool = False) -> np.ndarray:
    """y = (x - mean) / sqrt(var + eps) * weight + bias over the last axis, then max(y, 0) if relu.

    weight, bias, mean and var are (c,), where x is (..., c). Raises ValueError where one is not.
    """
    affine = coefficients(x, weight, bias, mean, var, eps)
    rows, repeat = _wide_rows(x)
    scale, shift = (np.tile(v, repeat).astype(x.dtype) for v in affine)
    y = np.empty_like(rows)
    parallel(_scale_shift, len(rows), rows, scale, shift, _floor(x, relu), y, grain=64)
    return y.reshape(x.shape)


@plain_numbers
def normalize_grad(g: np.ndarray, x: np.ndarray, weight: np.ndarray, bias: np.ndarray,
                   mean: np.ndarray, var: np.ndarray, eps: float = 1e-5, relu: bool = False,
                   constant_stats: bool = False, overwrite: bool = False,
                   average: Callable = lambda sums: sums,
                   ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(dx, dweight, dbias) of `normalize`; mean and var are x's, or constants if constant_stats.

    dx = weight/std * (g - mean(g) - xhat * mean(g * xhat)), the two means being 0 for constant
    statistics. With overwrite, dx takes the place of g where g is in C order and may be written.
    Where x is one of several shards of a batch, mean and var are those of the batch, and `average`
    replaces a shard's two sums by their mean over all shards.
    """
    scale, shift = coefficients(x, weight, bias, mean, var, eps)
    expect_like("normalize_grad", x.shape, x.dtype, g=g)
    rows, repeat = _wide_rows(x)
    cotangents = np.ascontiguousarray(g).reshape(rows.shape)

    def tiled(*vectors):
        return [np.tile(v, repeat).astype(x.dtype) for v in vectors]

    arguments = (cotangents, rows, *tiled(scale, shift), _floor(x, relu))
    # the parameters' gradients are this shard's
    local = _add_parts(_gradient_sums, rows, repeat, (*arguments, *tiled(mean)))
    g_sum, gx_sum = local if constant_stats else average(local)
    inverse_variance = 1 / (var.astype(np.float64) + eps)
    count = np.inf if constant_stats else x.size / x.shape[-1]
    slope = scale * gx_sum * inverse_variance / count
    level = scale * g_sum / count - slope * mean
    overwrite = overwrite and cotangents.flags.writeable
    dx = cotangents if overwrite else np.empty_like(rows)
    parallel(_grad_input, len(rows), *arguments, *tiled(slope, level), dx, overwrite, grain=64)
    dweight = (local[1] * np.sqrt(inverse_variance)).astype(x.dtype)
    return dx.reshape(x.shape), dweight, local[0].astype(x.dtype)
