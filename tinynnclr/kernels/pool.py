"""Max and average pooling over windows of an image, and their gradients."""
import numpy as np

from .engine.checks import expect_arrays, expect_floats, expect_indices, expect_sizes, is_whole, plain_numbers
from .engine.compile import jit
from .engine.parallel import parallel


def max_pool2d_naive(x, size, stride=None, padding=0):
    """The largest number of each window of the image, padded with -inf."""
    return _pool_naive(x, size, stride or size, padding, -np.inf, np.max)


def avg_pool2d_naive(x, size, stride=None, padding=0):
    """The mean of each window of the image, padded with zeros that count."""
    return _pool_naive(x, size, stride or size, padding, 0, np.mean)


def _pool_naive(x, size, stride, padding, border, reduce):
    x = np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)), constant_values=border)
    n, h, w, c = x.shape
    y = np.empty((n, (h - size) // stride + 1, (w - size) // stride + 1, c), x.dtype)
    for i, j in np.ndindex(y.shape[1], y.shape[2]):
        y[:, i, j] = reduce(x[:, i * stride:i * stride + size, j * stride:j * stride + size],
                            axis=(1, 2))
    return y


@jit
def _max_pool(start, stop, x, size, stride, padding, y, where):
    """where (n, ho, wo, c): the pixel row*w + column that won each window, the first of equals; NaN
    wins.
    """
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


@jit
def _avg_pool(start, stop, x, size, stride, padding, y):
    _, h, w, channels = x.shape
    share = y.dtype.type(1.0 / (size * size))
    for n in range(start, stop):
        for i in range(y.shape[1]):
            for j in range(y.shape[2]):
                for row in range(max(i * stride - padding, 0), min(i * stride - padding + size, h)):
                    for column in range(max(j * stride - padding, 0),
                                        min(j * stride - padding + size, w)):
                        for c in range(channels):
                            y[n, i, j, c] += x[n, row, column, c] * share


@jit
def _avg_pool_grad(start, stop, g, size, stride, padding, dx):
    _, h, w, channels = dx.shape
    share = dx.dtype.type(1.0 / (size * size))
    for n in range(start, stop):
        for i in range(g.shape[1]):
            for j in range(g.shape[2]):
                for row in range(max(i * stride - padding, 0), min(i * stride - padding + size, h)):
                    for column in range(max(j * stride - padding, 0),
                                        min(j * stride - padding + size, w)):
                        for c in range(channels):
                            dx[n, row, column, c] += g[n, i, j, c] * share


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


def _output_shape(name, shape, dtype, size, stride, padding):
    stride = size if stride is None else stride
    if len(shape) != 4 or dtype not in (np.float32, np.float64):
        raise ValueError(f"{name}: x: expected 4 axes of float32 or float64, got {shape} {dtype}")
    n, h, w, c = shape
    if not all(is_whole(v, least, 1 << 15) for v, least in ((size, 1), (stride, 1), (padding, 0))) \
            or 2 * padding > size or not 1 <= min(h, w) >= size - 2 * padding:
        raise ValueError(f"{name}: windows of {size}, stride {stride}, padding {padding} do not "
                         f"fit a {h} x {w} image (padding at most half a window)")
    return n, (h + 2 * padding - size) // stride + 1, (w + 2 * padding - size) // stride + 1, c


@plain_numbers
def max_pool2d(x: np.ndarray, size: int, stride: int | None = None,
               padding: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Windows of x (n, h, w, c): (largest (n, ho, wo, c), the pixel row*w + column it came from,
    int64).

    ho = (h + 2 padding - size)//stride + 1, stride = size unless given. Raises ValueError where
    windows do not fit.
    """
    expect_arrays("max_pool2d", x=x)
    shape = _output_shape("max_pool2d", x.shape, x.dtype, size, stride, padding)
    y, where = np.empty(shape, x.dtype), np.full(shape, -1, np.int64)
    parallel(_max_pool, len(x), np.ascontiguousarray(x), size, stride or size, padding, y, where)
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


@plain_numbers
def avg_pool2d(x: np.ndarray, size: int, stride: int | None = None, padding: int = 0) -> np.ndarray:
    """Mean of each window of x (n, h, w, c), zeros of the padding included: (n, ho, wo, c)."""
    expect_arrays("avg_pool2d", x=x)
    y = np.zeros(_output_shape("avg_pool2d", x.shape, x.dtype, size, stride, padding), x.dtype)
    parallel(_avg_pool, len(x), np.ascontiguousarray(x), size, stride or size, padding, y)
    return y


@plain_numbers
def avg_pool2d_grad(g: np.ndarray, input_shape: tuple[int, ...], size: int,
                    stride: int | None = None, padding: int = 0) -> np.ndarray:
    """dL/dx: each window's gradient (n, ho, wo, c) is shared out evenly over its pixels."""
    expect_arrays("avg_pool2d_grad", g=g)
    expect_sizes("avg_pool2d_grad", "input_shape", input_shape)
    shape = _output_shape("avg_pool2d_grad", tuple(input_shape), g.dtype, size, stride, padding)
    if g.shape != shape:
        raise ValueError(f"avg_pool2d_grad: g: expected shape {shape}, got {g.shape}")
    dx = np.zeros(input_shape, g.dtype)
    parallel(_avg_pool_grad, len(g), np.ascontiguousarray(g), size, stride or size, padding, dx)
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
    """dL/dx (n, h, w, c): every pixel gets its share of g (n, c)."""
    expect_floats("global_avg_pool_grad", g=g)
    expect_sizes("global_avg_pool_grad", "input_shape", input_shape)
    n, h, w, c = input_shape
    if g.shape != (n, c) or 0 in (h, w):
        raise ValueError(f"global_avg_pool_grad: g {g.shape} does not belong to images "
                         f"{input_shape}")
    dx = np.empty((n, h * w, c), g.dtype)
    parallel(_global_avg_pool_grad, n, np.ascontiguousarray(g), dx, grain=8)
    return dx.reshape(input_shape)
