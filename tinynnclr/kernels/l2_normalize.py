"""Each row divided by its length, and the gradient."""
import math

import numpy as np

from .engine.checks import expect_axes, expect_eps, expect_like, plain_numbers
from .engine.compile import jit
from .engine.parallel import parallel


def l2_normalize_naive(x, eps=1e-12):
    """x / max(|x|, eps), row by row."""
    return np.stack([row / max(np.linalg.norm(row), eps) for row in x]) if len(x) else x.copy()


@jit
def _l2_normalize(start, stop, x, eps, y, lengths):
    for i in range(start, stop):
        row, out = x[i], y[i]
        total = row.dtype.type(0)
        for j in range(len(row)):
            total += row[j] * row[j]
        lengths[i] = math.sqrt(total)
        scale = row.dtype.type(1) / (eps if lengths[i] < eps else lengths[i])
        for j in range(len(row)):
            out[j] = row[j] * scale


@jit
def _l2_normalize_grad(start, stop, g, y, lengths, eps, dx):
    for i in range(start, stop):
        cotangent, row, out = g[i], y[i], dx[i]
        along = row.dtype.type(0)
        for j in range(len(row)):
            along += cotangent[j] * row[j]
        short = lengths[i] <= eps
        scale = row.dtype.type(1) / (eps if lengths[i] < eps else lengths[i])
        for j in range(len(row)):
            out[j] = cotangent[j] * scale if short else (cotangent[j] - row[j] * along) * scale


@plain_numbers
def l2_normalize(x: np.ndarray, eps: float = 1e-12) -> tuple[np.ndarray, np.ndarray]:
    """(y, lengths): rows of x (n, d) divided by their lengths (n,), or by eps if that is larger.

    Raises ValueError for other arrays than float32 or float64 with two axes.
    """
    expect_axes("l2_normalize", 2, x=x)
    expect_eps("l2_normalize", eps)
    x = np.ascontiguousarray(x)
    y, lengths = np.empty_like(x), np.empty(len(x), x.dtype)
    parallel(_l2_normalize, len(x), x, x.dtype.type(eps), y, lengths, grain=64)
    return y, lengths


@plain_numbers
def l2_normalize_grad(g: np.ndarray, y: np.ndarray, lengths: np.ndarray,
                      eps: float = 1e-12) -> np.ndarray:
    """dx = (g - y <g, y>) / length; below eps, a row is only scaled."""
    expect_axes("l2_normalize_grad", 2, y=y)
    expect_eps("l2_normalize_grad", eps)
    expect_like("l2_normalize_grad", y.shape, y.dtype, g=g)
    expect_like("l2_normalize_grad", y.shape[:1], y.dtype, lengths=lengths)
    dx = np.empty(y.shape, y.dtype)
    parallel(_l2_normalize_grad, len(y), *map(np.ascontiguousarray, (g, y, lengths)),
             y.dtype.type(eps), dx, grain=64)
    return dx


def unit_rows(rows: np.ndarray) -> np.ndarray:
    """Each row divided by its length."""
    length = np.sqrt((rows * rows).sum(axis=1, keepdims=True))
    return rows / np.maximum(length, rows.dtype.type(1e-12))
