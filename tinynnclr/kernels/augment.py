"""Views of images: crop, flip, colour jitter, gray, blur and solarise, one image at a time.

The random draws happen in datasets/views.py: a row of `params` says what to do to one image. It is
cut and stretched onto three planes (red, green, blue), then every step is a loop over the planes
without branches, so it runs in vectors.
"""
import colorsys
import itertools
import math

import numpy as np
from numba import njit

from .engine.checks import as_array, expect_indices, expect_like, expect_whole, plain_numbers
from .engine.compile import jit
from .engine.parallel import parallel

COLUMNS = ("crop_y", "crop_x", "crop_h", "crop_w",  # pixels, real numbers: the box is not rounded
           "flip", "order",                         # 1 mirrors left and right; row of ORDERS
           "brightness", "contrast", "saturation",  # factors, 1 changes nothing
           "hue", "gray",                           # turns of the colour circle; 1 drops the colour
           "sigma",                                 # of the Gaussian blur in pixels, 0 for none
           "solarize")                              # pixels >= this are inverted; 2 reaches none
(CROP_Y, CROP_X, CROP_H, CROP_W, FLIP, ORDER, BRIGHTNESS, CONTRAST, SATURATION, HUE, GRAY, SIGMA,
 SOLARIZE) = range(len(COLUMNS))
ORDERS = np.array([(*four, GRAY) for four in itertools.permutations(range(BRIGHTNESS, GRAY))],
                  np.int64)  # (24, 5)

# float32 by name: with a bare 1 or 0.5, Numba would compute a whole loop in float64
ZERO, TINY, ONE, TWO, FOUR, SIX, WHITE = (np.float32(v) for v in (0, 1e-20, 1, 2, 4, 6, 255))
LUMA_R, LUMA_G, LUMA_B = (np.float32(v) for v in (0.299, 0.587, 0.114))  # ITU-R BT.601
_piece = njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)


@plain_numbers
def identity_params(n: int, height: int, width: int) -> np.ndarray:
    """(n, 13) float32 rows that change nothing: if sizes agree, views are images / 255."""
    params = np.zeros((n, len(COLUMNS)), np.float32)
    params[:, [CROP_H, CROP_W]] = height, width
    params[:, [BRIGHTNESS, CONTRAST, SATURATION]] = 1
    params[:, SOLARIZE] = 2
    return params


@plain_numbers
def augment(images: np.ndarray, indices: np.ndarray, params: np.ndarray,
            size: int) -> np.ndarray:
    """Views (b, size, size, 3) float32 in [0, 1] of images[indices], row i made as params[i] says.

    images (n, h, w, 3) uint8, indices (b,) integers in [0, n), params (b, 13) float32 with the
    columns COLUMNS, also the order of the steps. Same bytes for any number of threads. Bilinear
    without antialiasing: a view smaller than its crop may alias. Jitter as in torchvision (clipped
    after each step). Raises ValueError for a wrong shape, dtype or range.
    """
    indices, params, size = _checked(images, indices, params, size)
    n, h, w, _ = images.shape
    rows = images.reshape(n, h, 3 * w)
    rows.flags.writeable = False  # read-only and writable images share one compiled kernel
    out = np.empty((len(indices), size, size, 3), np.float32)
    parallel(_augment, len(out), rows, indices, params, out)
    return out


def augment_naive(images: np.ndarray, indices: np.ndarray, params: np.ndarray,
                  size: int) -> np.ndarray:
    """What `augment` computes, in float64, step by step."""
    views = np.empty((len(indices), size, size, 3))
    for i, p in enumerate(params.astype(np.float64)):
        view = _crop_naive(images[indices[i]] / 255, p, size)
        if p[FLIP]:
            view = view[:, ::-1]
        for op in ORDERS[int(p[ORDER])]:
            gray = view @ (0.299, 0.587, 0.114)
            if op == BRIGHTNESS:
                view = p[op] * view
            elif op == CONTRAST:
                view = p[op] * view + (1 - p[op]) * gray.mean()
            elif op == SATURATION:
                view = p[op] * view + (1 - p[op]) * gray[:, :, None]
            elif op == GRAY:
                view = (1 - p[op]) * view + p[op] * gray[:, :, None]
            elif op == HUE:
                hsv = [colorsys.rgb_to_hsv(*pixel) for pixel in view.reshape(-1, 3)]
                view = np.reshape([colorsys.hsv_to_rgb((h + p[HUE]) % 1, s, v) for h, s, v in hsv],
                                  view.shape)
            view = view.clip(0, 1)
        if p[SIGMA]:
            view = _blur_naive(_blur_naive(view, p[SIGMA]).swapaxes(0, 1), p[SIGMA]).swapaxes(0, 1)
        views[i] = np.where(view >= p[SOLARIZE], 1 - view, view)
    return views


def _crop_naive(image, p, size):
    """Bilinear samples at the centres of a size x size grid, clamped to the box and the image."""
    h, w, _ = image.shape
    view = np.empty((size, size, 3))
    for y, x in itertools.product(range(size), repeat=2):
        v = min(p[CROP_Y] + max(0, min((y + 0.5) * p[CROP_H] / size - 0.5, p[CROP_H] - 1)), h - 1)
        u = min(p[CROP_X] + max(0, min((x + 0.5) * p[CROP_W] / size - 0.5, p[CROP_W] - 1)), w - 1)
        top, left = int(v), int(u)
        bottom, right = min(top + 1, h - 1), min(left + 1, w - 1)
        upper = image[top, left] * (1 - u + left) + image[top, right] * (u - left)
        lower = image[bottom, left] * (1 - u + left) + image[bottom, right] * (u - left)
        view[y, x] = upper * (1 - v + top) + lower * (v - top)
    return view


def _blur_naive(view, sigma):
    size = len(view)
    radius = max(1, min(math.ceil(2 * sigma), size // 20))
    offsets = range(-radius, radius + 1)
    taps = [math.exp(-0.5 * (k / sigma) ** 2) for k in offsets]
    rows = [view[np.clip(np.arange(size) + k, 0, size - 1)] for k in offsets]
    return sum(tap * row for tap, row in zip(taps, rows, strict=True)) / sum(taps)


@jit
def _augment(start, stop, rows, indices, params, out):
    """Views start..stop. Scratch arrays are made here: in the pieces they compile slowly."""
    size = out.shape[1]
    planes = np.empty((6, size, size), np.float32)  # red, green and blue; three for the blur
    lines = np.empty((3, max(size, rows.shape[2])), np.float32)  # weights and sums along a side
    taps = np.empty((4, size), np.uint32)  # a pixel's source rows, above and below, and columns
    for i in range(start, stop):
        _view(rows[indices[i]], params[i], planes, lines, taps, out[i])


@_piece
def _view(image, p, planes, lines, taps, out):
    """One image (h, 3 w) uint8 to one view, out (size, size, 3) float32."""
    _crop(image, p, planes, lines, taps)
    for k in range(5):
        op = ORDERS[np.int64(p[ORDER]), k]
        factor = ONE - p[GRAY] if op == GRAY else p[op]
        if op == HUE:
            if factor != ZERO:
                _hue(planes, SIX * (factor + ONE if factor < ZERO else factor))
        elif factor != ONE:
            luma = ONE - factor if op == SATURATION or op == GRAY else ZERO
            offset = (ONE - factor) * _mean_luma(planes, lines) if op == CONTRAST else ZERO
            _blend(planes, factor, luma, offset)
    if p[SIGMA] > ZERO:
        _blur(planes, lines, p[SIGMA])
    invert = p[SOLARIZE]
    for y in range(len(out)):
        for x in range(len(out)):
            for c in range(3):
                v = planes[c, y, x]
                out[y, x, c] = ONE - v if v >= invert else v


@_piece
def _crop(image, p, planes, lines, taps):
    """Cut the box of p out of image (h, 3 w) and stretch it onto the planes, first along y."""
    size, width = taps.shape[1], image.shape[1] // 3
    for axis in range(2):
        side = width if axis else len(image)
        start, length = np.float64(p[CROP_Y + axis]), np.float64(p[CROP_H + axis])
        last = np.float64(side - 1)
        for i in range(size):
            centre = size - i - 0.5 if axis == 1 and p[FLIP] != ZERO else i + 0.5
            inside = centre * length / size - 0.5  # float64: a position must not lose its fraction
            inside = inside if inside < length - 1 else length - 1
            position = start + (inside if inside > 0 else 0.0)
            position = position if position < last else last
            low = np.uint32(position)
            taps[2 * axis, i] = low
            taps[2 * axis + 1, i] = low + (position < last)
            lines[axis, i] = position - low
    for y in range(size):
        upper, lower, t = taps[0, y], taps[1, y], lines[0, y]
        for j in range(3 * width):
            a = np.float32(image[upper, j])
            lines[2, j] = (a + (np.float32(image[lower, j]) - a) * t) / WHITE
        for x in range(size):
            j, k, t = 3 * taps[2, x], 3 * taps[3, x], lines[1, x]
            for c in range(3):
                planes[c, y, x] = lines[2, j + c] + (lines[2, k + c] - lines[2, j + c]) * t


@_piece
def _clip(v):
    v = v if v > ZERO else ZERO
    return v if v < ONE else ONE


@_piece
def _blend(planes, factor, luma, offset):
    """x -> clip(factor x + luma * luma(pixel) + offset): brightness, contrast, saturation, gray."""
    size = planes.shape[1]
    for y in range(size):
        for x in range(size):
            r, g, b = planes[0, y, x], planes[1, y, x], planes[2, y, x]
            add = luma * (LUMA_R * r + LUMA_G * g + LUMA_B * b) + offset
            planes[0, y, x] = _clip(factor * r + add)
            planes[1, y, x] = _clip(factor * g + add)
            planes[2, y, x] = _clip(factor * b + add)


@_piece
def _mean_luma(planes, lines):
    """Mean of the gray image, with one sum per column: vectors add them in a fixed order."""
    size = planes.shape[1]
    for x in range(size):
        lines[0, x] = ZERO
    for y in range(size):
        for x in range(size):
            r, g, b = planes[0, y, x], planes[1, y, x], planes[2, y, x]
            lines[0, x] += LUMA_R * r + LUMA_G * g + LUMA_B * b
    total = ZERO
    for x in range(size):
        total += lines[0, x]
    return total / np.float32(size * size)


@_piece
def _hue(planes, shift):
    """Turn the hue by shift sixths of a circle, 0 <= shift <= 6; V = maximum, C = V - minimum.

    Red, green and blue are at hue 0, 2 and 4 on a circle of 6. A channel is V - C clip(d - 1, 0,
    1), d the distance on that circle from the hue to the channel's own place.
    """
    size = planes.shape[1]
    for y in range(size):
        for x in range(size):
            red, green, blue = planes[0, y, x], planes[1, y, x], planes[2, y, x]
            high = red if red > green else green
            high = high if high > blue else blue
            low = red if red < green else green
            low = low if low < blue else blue
            chroma = high - low
            per = ONE / (chroma if chroma > TINY else ONE)
            hue = FOUR + (red - green) * per
            hue = TWO + (blue - red) * per if green == high else hue
            hue = (green - blue) * per if red == high else hue
            hue += shift
            hue = hue + SIX if hue < ZERO else hue
            hue = hue - SIX if hue >= SIX else hue
            planes[0, y, x] = _channel(high, chroma, hue)
            planes[1, y, x] = _channel(high, chroma, abs(hue - TWO))
            planes[2, y, x] = _channel(high, chroma, abs(hue - FOUR))


@_piece
def _channel(value, chroma, distance):
    distance = distance if distance < SIX - distance else SIX - distance
    return _clip(value - chroma * _clip(distance - ONE))


@_piece
def _blur(planes, lines, sigma):
    """Gaussian blur along y, written transposed: from planes 0-2 to 3-5 and back, along both axes.

    The radius is ceil(2 sigma), at most 5 % of the side (SimCLR) but at least 1; borders are
    clamped.
    """
    size, radius = planes.shape[1], 1
    while radius < 2 * sigma and radius < size // 20:
        radius += 1
    total = ZERO
    for k in range(2 * radius + 1):
        lines[1, k] = math.exp(-0.5 * ((k - radius) / sigma) ** 2)
        total += lines[1, k]
    for step in range(6):
        for y in range(size):
            for x in range(size):
                lines[0, x] = ZERO
            for k in range(2 * radius + 1):
                tap = lines[1, k] / total
                row = y + k - radius
                row = 0 if row < 0 else size - 1 if row >= size else row
                for x in range(size):
                    lines[0, x] += tap * planes[step, row, x]
            for x in range(size):
                planes[(step + 3) % 6, x, y] = _clip(lines[0, x])


def _checked(images, indices, params, size):
    """The arguments as the kernel wants them: the kernel itself checks no index."""
    is_array = isinstance(images, np.ndarray)
    if (not is_array or images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != 3
            or 0 in images.shape[1:] or not images.flags.c_contiguous):
        got = f"{images.dtype} {images.shape}" if is_array else type(images).__name__
        raise ValueError("augment: images: expected C-contiguous uint8 (n, h, w, 3) with h, w >= "
                         f"1, got {got}")
    n, h, w, _ = images.shape
    indices = as_array("augment", "indices", indices)
    indices = expect_indices("augment", "indices", indices, (indices.size,), n)
    expect_like("augment", (len(indices), len(COLUMNS)), np.dtype(np.float32), params=params)
    low = np.array([0, 0, 1e-3, 1e-3, 0, 0, 0, 0, 0, -1, 0, 0, 0])
    high = np.array([h, w, h, w, 1, len(ORDERS) - 1, 1e6, 1e6, 1e6, 1, 1, 1e6, 1e6])
    bad = np.argwhere(~((params >= low) & (params <= high)))  # `not inside`, so NaN is bad too
    if len(bad):
        i, c = bad[0]
        raise ValueError(f"augment: params: expected {COLUMNS[c]} in [{low[c]:g}, {high[c]:g}], "
                         f"got {params[i, c]:g} in row {i}")
    ends = params[:, [CROP_Y, CROP_X]] + params[:, [CROP_H, CROP_W]]
    over = (ends > np.array([h, w], float) * (1 + 1e-5)).any(1)
    if over.any():
        raise ValueError(f"augment: params: expected crops inside the {h} x {w} image, got "
                         f"(y, x, h, w) = {params[over][0, :4]}")
    expect_whole("augment", 1, size=size)
    return indices, np.ascontiguousarray(params), int(size)
