"""Layer normalisation: each row to mean 0 and variance 1, while it lies in the cache."""
import math

import numpy as np

from .engine.checks import expect_eps, expect_floats, expect_like, expect_shape, plain_numbers
from .engine.compile import jit
from .engine.parallel import parallel

PARTS = 64  # partial sums for any number of threads, so their bytes do not depend on it


def layer_norm_naive(x, weight, bias, eps=1e-5):
    """(x - mean) / sqrt(var + eps) * weight + bias, mean and (biased) variance of each row."""
    mean, var = x.mean(axis=-1, keepdims=True), x.var(axis=-1, keepdims=True)
    return (x - mean) / np.sqrt(var + eps) * weight + bias


def layer_norm_grad_naive(g, x, weight, eps=1e-5):
    """(dx, dweight, dbias): dx = (u - mean(u) - xhat mean(u xhat)) / std with u = g weight."""
    std = np.sqrt(x.var(axis=-1, keepdims=True) + eps)
    xhat, u = (x - x.mean(axis=-1, keepdims=True)) / std, g * weight
    dx = (u - u.mean(axis=-1, keepdims=True) - xhat * (u * xhat).mean(axis=-1, keepdims=True)) / std
    rows = tuple(range(x.ndim - 1))
    return dx, (g * xhat).sum(axis=rows), g.sum(axis=rows)


@jit(fastmath={"reassoc", "contract"})
def _layer_norm(start, stop, x, weight, bias, eps, y, means, scales):
    """fastmath is there only to let the sums of a row be taken in any order."""
    for i in range(start, stop):
        row, out = x[i], y[i]
        total = square = row.dtype.type(0)
        for j in range(len(row)):
            total += row[j]
        mean = total / row.dtype.type(len(row))
        for j in range(len(row)):
            square += (row[j] - mean) * (row[j] - mean)
        scale = row.dtype.type(1) / math.sqrt(square / row.dtype.type(len(row)) + eps)
        means[i], scales[i] = mean, scale
        for j in range(len(row)):
            out[j] = (row[j] - mean) * scale * weight[j] + bias[j]


@jit(fastmath={"reassoc", "contract"})
def _layer_norm_grad(start, stop, g, x, weight, means, scales, dx, sums):
    """dx, and sums (PARTS, 2, d) of g xhat and of g over the rows of each part."""
    for part in range(start, stop):
        weighted, plain = sums[part, 0], sums[part, 1]
        for i in range(part * len(x) // len(sums), (part + 1) * len(x) // len(sums)):
            cotangent, row, out, mean, scale = g[i], x[i], dx[i], means[i], scales[i]
            level = slope = row.dtype.type(0)
            for j in range(len(row)):
                xhat, u = (row[j] - mean) * scale, cotangent[j] * weight[j]
                level += u
                slope += u * xhat
                weighted[j] += cotangent[j] * xhat
                plain[j] += cotangent[j]
            level /= row.dtype.type(len(row))
            slope /= row.dtype.type(len(row))
            for j in range(len(row)):
                out[j] = (cotangent[j] * weight[j] - level - (row[j] - mean) * scale
                          * slope) * scale


def _expect_rows(name, x):
    expect_floats(name, x=x)
    if x.shape[-1:] in ((), (0,)):
        raise ValueError(f"{name}: x: expected rows of at least one number, got shape {x.shape}")


@plain_numbers
def layer_norm(x: np.ndarray, weight: np.ndarray, bias: np.ndarray,
               eps: float = 1e-5) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(y, means, scales): y = (x - mean) * scale * weight + bias with scale = 1 / sqrt(var + eps).

    x and y are (..., d); means and scales (rows,) are for the gradient. Raises ValueError unless
    weight and bias are (d,), d >= 1.
    """
    _expect_rows("layer_norm", x)
    expect_shape("layer_norm", x.shape[-1:], weight=weight, bias=bias)
    expect_eps("layer_norm", eps)
    rows = np.ascontiguousarray(x).reshape(-1, x.shape[-1])
    y = np.empty_like(rows)
    means, scales = (np.empty(len(rows), x.dtype) for _ in range(2))
    parallel(_layer_norm, len(rows), rows, *map(np.ascontiguousarray, (weight, bias)),
             x.dtype.type(eps), y, means, scales, grain=64)
    return y.reshape(x.shape), means, scales


def layer_norm_grad(g: np.ndarray, x: np.ndarray, weight: np.ndarray, means: np.ndarray,
                    scales: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(dx, dweight, dbias) of `layer_norm`, from what it returned."""
    _expect_rows("layer_norm_grad", x)
    count = (x.size // x.shape[-1],)
    for name, array, shape in (("g", g, x.shape), ("weight", weight, x.shape[-1:]),
                               ("means", means, count), ("scales", scales, count)):
        expect_like("layer_norm_grad", shape, x.dtype, **{name: array})
    weight, means, scales = map(np.ascontiguousarray, (weight, means, scales))
    rows, cotangents = (np.ascontiguousarray(a).reshape(-1, x.shape[-1]) for a in (x, g))
    dx, sums = np.empty_like(rows), np.zeros((min(PARTS, len(rows)), 2, x.shape[-1]), x.dtype)
    parallel(_layer_norm_grad, len(sums), cotangents, rows, weight, means, scales, dx, sums)
    dweight, dbias = sums.sum(axis=0)
    return dx.reshape(x.shape), dweight, dbias
