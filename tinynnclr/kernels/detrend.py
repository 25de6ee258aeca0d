"""Subtract the best-fitting plane of each colour channel and divide by what remains, per image."""
import numpy as np

from .engine.checks import expect_eps, expect_floats, expect_like, plain_numbers
from .engine.compile import jit
from .engine.parallel import parallel


def detrend_naive(x, eps=1e-4):
    """Least squares for each channel of images x (n, h, w, c), rest over root mean square."""
    n, h, w, c = x.shape
    rows, columns = np.mgrid[:h, :w]
    planes = np.stack([np.ones(h * w), rows.ravel(), columns.ravel()], 1)  # (h*w, 3)
    y = np.empty(x.shape)
    for i, k in np.ndindex(n, c):
        channel = x[i, :, :, k].ravel().astype(np.float64)
        left = channel - planes @ np.linalg.lstsq(planes, channel, rcond=None)[0]
        y[i, :, :, k] = (left / np.sqrt((left**2).mean() + eps)).reshape(h, w)
    return y.astype(x.dtype)


@jit
def _remove_planes(image, channels, out, level, slope):
    """out = image (h, w * channels) minus its planes; level, slope (w * channels,): scratch.

    About the middle of the image the constant and the two slopes are orthogonal: three sums give
    all three.
    """
    h, w = len(image), len(level) // channels
    number = image.dtype.type
    down, across = number((h - 1) / 2), number((w - 1) / 2)
    level[:], slope[:] = number(0), number(0)
    for i in range(h):
        at, row = number(i) - down, image[i]
        for j in range(len(level)):
            level[j] += row[j]
            slope[j] += at * row[j]
    size = number(h * w)
    spread_y, spread_x = number(w * h * (h * h - 1) / 12), number(h * w * (w * w - 1) / 12)
    for c in range(channels):
        total, along_y, along_x = number(0), number(0), number(0)
        for j in range(c, len(level), channels):
            total += level[j]
            along_y += slope[j]
            along_x += (number(j // channels) - across) * level[j]
        mean = total / size
        fall_y = along_y / spread_y if h > 1 else number(0)
        fall_x = along_x / spread_x if w > 1 else number(0)
        for j in range(c, len(level), channels):
            level[j], slope[j] = mean + fall_x * (number(j // channels) - across), fall_y
    for i in range(h):
        at, row, left = number(i) - down, image[i], out[i]
        for j in range(len(level)):
            left[j] = row[j] - level[j] - at * slope[j]


@jit
def _mean_product(a, b, channels, columns, means):
    """columns (w * channels,) = means of a * b over their channels; a, b (h, w * channels)."""
    columns[:] = 0
    for i in range(len(a)):
        one, other = a[i], b[i]
        for j in range(len(columns)):
            columns[j] += one[j] * other[j]
    means[:] = 0
    for j in range(len(columns)):
        means[j % channels] += columns[j]
    for j in range(len(columns)):
        columns[j] = means[j % channels] / means.dtype.type(len(a) * (len(columns) // channels))


@jit
def _detrend(start, stop, x, eps, y, scale):
    """x, y (n, h, w * channels); scale (n, channels): the factor of each channel."""
    channels, columns = scale.shape[1], x.shape[2]
    level, slope = np.empty(columns, x.dtype), np.empty(columns, x.dtype)
    means = np.empty(channels, x.dtype)
    for n in range(start, stop):
        _remove_planes(x[n], channels, y[n], level, slope)
        _mean_product(y[n], y[n], channels, level, means)
        for j in range(columns):
            level[j] = x.dtype.type(1) / np.sqrt(level[j] + eps)
        scale[n] = level[:channels]
        for i in range(x.shape[1]):
            for j in range(columns):
                y[n, i, j] *= level[j]


@jit
def _detrend_grad(start, stop, g, y, scale, dx):
    """dx = scale * (g minus its planes - y * mean(g * y)), all (n, h, w * channels) but scale."""
    channels, columns = scale.shape[1], g.shape[2]
    level, slope = np.empty(columns, g.dtype), np.empty(columns, g.dtype)
    means = np.empty(channels, g.dtype)
    for n in range(start, stop):
        _remove_planes(g[n], channels, dx[n], level, slope)
        _mean_product(g[n], y[n], channels, level, means)
        for j in range(columns):
            slope[j] = scale[n, j % channels]
        for i in range(g.shape[1]):
            for j in range(columns):
                dx[n, i, j] = slope[j] * (dx[n, i, j] - y[n, i, j] * level[j])


def _rows(x):
    """x (n, h, w, c) seen as (n, h, w * c)."""
    n, h, w, c = x.shape
    return np.ascontiguousarray(x).reshape(n, h, w * c)


@plain_numbers
def detrend(x: np.ndarray, eps: float = 1e-4) -> tuple[np.ndarray, np.ndarray]:
    """(y, scale): each channel of x (n, h, w, c) minus its best-fitting plane, times scale (n, c).

    scale = 1 / sqrt(mean square of the rest + eps), so a channel with no rest stays near 0. Raises
    ValueError unless x has four axes, with at least one pixel and one channel.
    """
    expect_floats("detrend", x=x)
    expect_eps("detrend", eps)
    if x.ndim != 4 or 0 in x.shape[1:]:
        raise ValueError("detrend: expected images (n, h, w, c) with pixels and channels, got "
                         f"shape {x.shape}")
    y, scale = np.empty_like(_rows(x)), np.empty((len(x), x.shape[3]), x.dtype)
    parallel(_detrend, len(x), _rows(x), x.dtype.type(eps), y, scale, grain=8)
    return y.reshape(x.shape), scale


def detrend_grad(g: np.ndarray, y: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """dL/dx of `detrend`, from g = dL/dy and what it returned.

    Removing planes is a projection P, its own transpose, and P y = y: dx = scale * (P g - y *
    mean(g * y)).
    """
    expect_floats("detrend_grad", g=g)
    if g.ndim != 4 or 0 in g.shape[1:]:
        raise ValueError("detrend_grad: g: expected (n, h, w, c) with pixels and channels, got "
                         f"shape {g.shape}")
    expect_like("detrend_grad", g.shape, g.dtype, y=y)
    expect_like("detrend_grad", (len(g), g.shape[3]), g.dtype, scale=scale)
    dx = np.empty_like(_rows(g))
    parallel(_detrend_grad, len(g), _rows(g), _rows(y), np.ascontiguousarray(scale), dx, grain=8)
    return dx.reshape(g.shape)
