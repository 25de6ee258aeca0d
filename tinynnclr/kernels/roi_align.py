"""RoIAlign: a box of a feature map as a small grid, read between pixels instead of rounded to them.
"""
import numpy as np
from numba import njit

from .engine.checks import (
    expect_arrays,
    expect_floats,
    expect_indices,
    expect_sizes,
    expect_whole,
    plain_numbers,
)
from .engine.compile import jit
from .engine.parallel import parallel


def roi_align_naive(x, boxes, image, size, samples):
    """Each sample of each bin is a weighted sum over all pixels: a tent of width 2 around it."""
    n, h, w, c = x.shape
    out = np.zeros((len(boxes), size, size, c), x.dtype)
    for r, (x0, y0, x1, y1) in enumerate(boxes):
        for i, j, a, b in np.ndindex(size, size, samples, samples):
            down = y0 + (i + (a + 0.5) / samples) * (y1 - y0) / size
            across = x0 + (j + (b + 0.5) / samples) * (x1 - x0) / size
            if -1 <= down <= h and -1 <= across <= w:
                rows = np.maximum(0, 1 - abs(np.arange(h) - np.clip(down, 0, h - 1)))
                columns = np.maximum(0, 1 - abs(np.arange(w) - np.clip(across, 0, w - 1)))
                out[r, i, j] += np.einsum("h,w,hwc->c", rows, columns, x[image[r]]) / samples**2
    return out


@njit(nogil=True, inline="always")
def _between(at, length):
    """(first pixel, second pixel, weight of the second) for a place; too far outside: first is -1.
    """
    if not -1.0 <= at <= length:  # NaN is nowhere
        return -1, -1, 0.0
    at = min(max(at, 0.0), length - 1.0)
    low = min(int(at), max(length - 2, 0))
    return low, min(low + 1, length - 1), at - low


@jit
def _roi_align(start, stop, x, boxes, image, samples, out):
    _, h, w, channels = x.shape
    size, one = out.shape[1], x.dtype.type(1)
    for r in range(start, stop):
        step_x, step_y = (boxes[r, 2] - boxes[r, 0]) / size, (boxes[r, 3] - boxes[r, 1]) / size
        pixels = x[image[r]]
        for i in range(size):
            for j in range(size):
                out[r, i, j] = 0
                for a in range(samples):
                    y0, y1, down = _between(boxes[r, 1] + (i + (a + 0.5) / samples) * step_y, h)
                    for b in range(samples):
                        x0, x1, across = _between(boxes[r, 0] + (j + (b + 0.5) / samples) * step_x,
                                                  w)
                        if y0 < 0 or x0 < 0:
                            continue
                        v, u = x.dtype.type(down), x.dtype.type(across)
                        share = one / x.dtype.type(samples * samples)
                        for c in range(channels):
                            top = pixels[y0, x0, c] * (one - u) + pixels[y0, x1, c] * u
                            bottom = pixels[y1, x0, c] * (one - u) + pixels[y1, x1, c] * u
                            out[r, i, j, c] += share * (top * (one - v) + bottom * v)


@jit
def _roi_align_grad(start, stop, g, boxes, order, first, samples, dx):
    """One map at a time; the boxes of map n are order[first[n]:first[n + 1]]."""
    _, h, w, channels = dx.shape
    size, one = g.shape[1], g.dtype.type(1)
    for n in range(start, stop):
        for k in range(first[n], first[n + 1]):
            r = order[k]
            step_x, step_y = (boxes[r, 2] - boxes[r, 0]) / size, (boxes[r, 3] - boxes[r, 1]) / size
            for i in range(size):
                for j in range(size):
                    for a in range(samples):
                        y0, y1, down = _between(boxes[r, 1] + (i + (a + 0.5) / samples) * step_y, h)
                        for b in range(samples):
                            x0, x1, across = _between(boxes[r, 0] + (j + (b + 0.5) / samples)
                                                      * step_x, w)
                            if y0 < 0 or x0 < 0:
                                continue
                            v, u = g.dtype.type(down), g.dtype.type(across)
                            share = one / g.dtype.type(samples * samples)
                            for c in range(channels):
                                top = g[r, i, j, c] * share * (one - v)
                                bottom = g[r, i, j, c] * share * v
                                dx[n, y0, x0, c] += top * (one - u)
                                dx[n, y0, x1, c] += top * u
                                dx[n, y1, x0, c] += bottom * (one - u)
                                dx[n, y1, x1, c] += bottom * u


def _checked(kernel, shape, boxes, image, size, samples):
    """boxes as float64, image as int64, both C-contiguous."""
    expect_sizes(kernel, "input_shape", shape)
    expect_arrays(kernel, boxes=boxes)
    expect_whole(kernel, 1, size=size, samples=samples)
    if 0 in shape[1:3]:
        raise ValueError(f"{kernel}: expected maps (n, h, w, c) with pixels, got shape "
                         f"{tuple(shape)}")
    if boxes.ndim != 2 or boxes.shape[1] != 4 or boxes.dtype.kind not in "fiu":
        raise ValueError(f"{kernel}: boxes: expected numbers of shape (r, 4), got {boxes.dtype} "
                         f"{boxes.shape}")
    image = expect_indices(kernel, "image", image, (len(boxes),), shape[0])
    return np.ascontiguousarray(boxes, np.float64), image


@plain_numbers
def roi_align(x: np.ndarray, boxes: np.ndarray, image: np.ndarray, size: int,
              samples: int = 2) -> np.ndarray:
    """Boxes (r, 4) of maps x (n, h, w, c) -> (r, size, size, c), samples x samples places per bin.

    Box r is x0, y0, x1, y1 in map `image[r]`, whose pixel (x, y) lies at (x, y) itself; a bin is
    the mean of its places. A place up to one pixel outside the outermost ones reads the nearest,
    one further out reads 0. Raises ValueError where shapes do not fit. Source: He et al. 2017 (Mask
    R-CNN, arXiv 1703.06870), section 3.
    """
    expect_floats("roi_align", x=x)
    boxes, image = _checked("roi_align", x.shape, boxes, image, size, samples)
    out = np.empty((len(boxes), size, size, x.shape[3]), x.dtype)
    parallel(_roi_align, len(boxes), np.ascontiguousarray(x), boxes, image, samples, out, grain=8)
    return out


@plain_numbers
def roi_align_grad(g: np.ndarray, boxes: np.ndarray, image: np.ndarray,
                   input_shape: tuple[int, ...], samples: int = 2) -> np.ndarray:
    """dL/dx: every place adds its part of g (r, size, size, c) to the four pixels it was read from.
    """
    expect_floats("roi_align_grad", g=g)
    boxes, image = _checked("roi_align_grad", input_shape, boxes, image,
                            g.shape[1] if g.ndim == 4 else 0, samples)
    if g.shape != (len(boxes), g.shape[1], g.shape[1], input_shape[3]):
        raise ValueError(f"roi_align_grad: g {g.shape} does not belong to {len(boxes)} boxes of "
                         f"maps {input_shape}")
    dx, order = np.zeros(input_shape, g.dtype), np.argsort(image, kind="stable")
    first = np.searchsorted(image[order], np.arange(input_shape[0] + 1, dtype=np.int64))
    parallel(_roi_align_grad, input_shape[0], np.ascontiguousarray(g), boxes, order, first, samples,
             dx)
    return dx
