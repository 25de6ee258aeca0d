"""Max pooling over windows of an image, the mean over all its pixels, and their gradients."""
import numpy as np

from .engine.checks import (
    expect_axes,
    expect_floats,
    expect_indices,
    expect_sizes,
    is_whole,
    plain_numbers,
)
from .engine.compile import jit
from .engine.parallel import parallel


def max_pool2d_naive(x, size, stride=None, padding=0):
    """The largest number of each window of the image, padded with -inf."""
    border, stride = (padding, padding), stride or size
    x = np.pad(x, ((0, 0), border, border, (0, 0)), constant_values=-np.inf)
    n, h, w, c = x.shape
    y = np.empty((n, (h - size) // stride + 1, (w - size) // stride + 1, c), x.dtype)
    for i, j in np.ndindex(y.shape[1], y.shape[2]):
        window = x[:, i * stride:i * stride + size, j * stride:j * stride + size]
        y[:, i, j] = window.max(axis=(1, 2))
    return y


@jit
def _max_pool(start, stop, x, size, stride, padding, y, where):
    """where (n, ho, wo, c): the pixel row*w + column of each maximum, first of equals; NaN wins."""
    _, h, w, channels = x.shape
    for n in range(start, stop):
        for i in range(y.shape[1]):
            for j in range(y.shape[2]):
                y[n, i, j] = -np.inf
                for row in range(max(i * stride - padding, 0), min(i * stride - padding + size, h)):
                    for column in range(max(j * stride - padding, 0),
                                        min(j * stride - padding + size, w)):
                        for c in range(channels):
                            value = x[n, row, column, c]
                            if value > y[n, i, j, c] or where[n, i, j, c] < 0 or value != value:
                                y[n, i, j, c], where[n, i, j, c] = value, row * w + column


@jit
def _max_pool_grad(start, stop, g, where, dx):
    w = dx.shape[2]
    for n in range(start, stop):
        for i in range(g.shape[1]):
            for j in range(g.shape[2]):
                for c in range(g.shape[3]):
                    pixel = where[n, i, j, c]
                    dx[n, pixel // w, pixel % w, c] += g[n, i, j, c]


def global_avg_pool_naive(x):
    """The mean over all pixels."""
    return x.mean(axis=(1, 2))


@jit
def _global_avg_pool(start, stop, x, y):
    """x (n, pixels, channels), y (n, channels)."""
    share = y.dtype.type(1.0 / x.shape[1])
    for n in range(start, stop):
        out = y[n]
        out[:] = 0
        for pixel in range(x.shape[1]):
            values = x[n, pixel]
            for c in range(len(out)):
                out[c] += values[c]
        for c in range(len(out)):
            out[c] *= share


@jit
def _global_avg_pool_grad(start, stop, g, dx):
    share = g.dtype.type(1.0 / dx.shape[1])
    for n in range(start, stop):
        for pixel in range(dx.shape[1]):
            for c in range(g.shape[1]):
                dx[n, pixel, c] = g[n, c] * share


@plain_numbers
def max_pool2d(x: np.ndarray, size: int, stride: int | None = None,
               padding: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Windows of x (n, h, w, c): (largest (n, ho, wo, c), its pixel row*w + column in int64).

    ho = (h + 2 padding - size)//stride + 1, stride = size unless given. Raises ValueError where
    windows do not fit.
    """
    expect_axes("max_pool2d", 4, x=x)
    stride = size if stride is None else stride
    n, h, w, c = x.shape
    limits = ((size, 1), (stride, 1), (padding, 0))
    if (not all(is_whole(value, least, 1 << 15) for value, least in limits)
            or 2 * padding > size or not 1 <= min(h, w) >= size - 2 * padding):
        raise ValueError(f"max_pool2d: windows of {size}, stride {stride}, padding {padding} do "
                         f"not fit a {h} x {w} image (padding at most half a window)")
    ho, wo = ((side + 2 * padding - size) // stride + 1 for side in (h, w))
    y, where = np.empty((n, ho, wo, c), x.dtype), np.full((n, ho, wo, c), -1, np.int64)
    parallel(_max_pool, n, np.ascontiguousarray(x), size, stride, padding, y, where)
    return y, where


@plain_numbers
def max_pool2d_grad(g: np.ndarray, where: np.ndarray, input_shape: tuple[int, ...]) -> np.ndarray:
    """dL/dx: each window's gradient (n, ho, wo, c) goes to the pixel that won it."""
    expect_floats("max_pool2d_grad", g=g)
    expect_sizes("max_pool2d_grad", "input_shape", input_shape)
    n, h, w, c = input_shape
    if g.ndim != 4 or (g.shape[0], g.shape[3]) != (n, c):
        raise ValueError(f"max_pool2d_grad: g {g.shape} does not belong to images {input_shape}")
    where = expect_indices("max_pool2d_grad", "where", where, g.shape, h * w)
    dx = np.zeros(input_shape, g.dtype)
    parallel(_max_pool_grad, len(g), np.ascontiguousarray(g), where, dx)
    return dx


def global_avg_pool(x: np.ndarray) -> np.ndarray:
    """(n, h, w, c) -> (n, c), the mean over all pixels. Raises ValueError where there are none."""
    expect_floats("global_avg_pool", x=x)
    if x.ndim != 4 or 0 in x.shape[1:3]:
        raise ValueError("global_avg_pool: expected images (n, h, w, c) with pixels, got shape "
                         f"{x.shape}")
    n, h, w, c = x.shape
    y = np.empty((n, c), x.dtype)
    parallel(_global_avg_pool, n, np.ascontiguousarray(x).reshape(n, h * w, c), y, grain=8)
    return y


@plain_numbers
def global_avg_pool_grad(g: np.ndarray, input_shape: tuple[int, ...]) -> np.ndarray:
    """dL/dx (n, h, w, c): every pixel gets an equal part of g (n, c)."""
    expect_floats("global_avg_pool_grad", g=g)
    expect_sizes("global_avg_pool_grad", "input_shape", input_shape)
    n, h, w, c = input_shape
    if g.shape != (n, c) or 0 in (h, w):
        raise ValueError(f"global_avg_pool_grad: g {g.shape} does not belong to images "
                         f"{input_shape}")
    dx = np.empty((n, h * w, c), g.dtype)
    parallel(_global_avg_pool_grad, n, np.ascontiguousarray(g), dx, grain=8)
    return dx.reshape(input_shape)
