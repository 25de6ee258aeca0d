"""Convolution and its two gradients: products by `simd.contract` with patches of the image.

Output pixel (i, j) is a patch of the padded image, kh stretches of kw*c numbers, times the weight
seen as a matrix (kh*kw*c, f). A table says where each patch starts, so none is copied. The gradient
for the weight is the transposed product, a sum over pixels. The gradient for the input is a
convolution of the output's gradient with the flipped weight; with stride s the input pixels fall
into s*s phases, each with its own taps. With few channels, all gradients of a patch are computed at
once and added where the patch lies. Layout: images (n, h, w, c), weights (kh, kw, c, f).
"""
import numpy as np

from .engine import winograd
from .engine.checks import (
    expect_axes,
    expect_like,
    expect_one_type,
    expect_shape,
    expect_sizes,
    is_whole,
    plain_numbers,
)
from .engine.compile import jit
from .engine.load_row import load_row
from .engine.parallel import parallel
from .engine.simd import KC, contract, copy, pack, panel_width

LARGEST = 1 << 15  # stride and padding: the padded image's size must not overflow
# grad_weight adds up this many parts for any number of threads, so its bytes do not depend on it
PARTIAL_SUMS = 8


def conv2d_naive(x, weight, stride=1, padding=0):
    """y[n, i, j, f] = sum x[n, i*stride + r - padding, j*stride + s - padding, c] w[r, s, c, f]."""
    (n, h, w, _), (kh, kw, _, f) = x.shape, weight.shape
    ho, wo = (h + 2 * padding - kh) // stride + 1, (w + 2 * padding - kw) // stride + 1
    y = np.zeros((n, ho, wo, f), x.dtype)
    for output, tap, pixel in _products(y.shape, x.shape, weight.shape, stride, padding):
        y[output] += x[pixel] * weight[tap]
    return y


def _products(y_shape, x_shape, weight_shape, stride, padding):
    """The indices (into y, into the weight, into x) of each product of a convolution."""
    (n, ho, wo, f), (_, h, w, c), (kh, kw, _, _) = y_shape, x_shape, weight_shape
    for i, j, r, s in np.ndindex(ho, wo, kh, kw):
        row, column = i * stride + r - padding, j * stride + s - padding
        if 0 <= row < h and 0 <= column < w:
            for image, channel, out in np.ndindex(n, c, f):
                yield (image, i, j, out), (r, s, channel, out), (image, row, column, channel)


def conv2d_grad_input_naive(g, weight, input_shape, stride=1, padding=0):
    """Each product of the forward pass, added to its pixel."""
    dx = np.zeros(input_shape, g.dtype)
    for output, tap, pixel in _products(g.shape, input_shape, weight.shape, stride, padding):
        dx[pixel] += g[output] * weight[tap]
    return dx


def conv2d_grad_weight_naive(g, x, weight_shape, stride=1, padding=0):
    """Each product of the forward pass, added to its weight."""
    dw = np.zeros(weight_shape, g.dtype)
    for output, tap, pixel in _products(g.shape, x.shape, weight_shape, stride, padding):
        dw[tap] += g[output] * x[pixel]
    return dw


@jit
def _pad(x, image, h, row, top, left_numbers, padded_row, scale, shift, out):
    """Load an image, rows of `row` numbers, into the middle of a larger one with a zero border."""
    for i in range(h):
        load_row(x, (image * h + i) * row, row, scale, shift, out,
                 (top + i) * padded_row + left_numbers)


@jit
def _convolve(start, stop, x, scale, shift, h, w, c, top, left, hp, wp, panels, phases, a_off, y,
              y_image, c_off, columns):
    """Images start to stop: pad, then one product for each phase.

    A phase is (first row, last row, kh, kw, where its panels start).
    """
    padded = np.zeros(hp * wp * c, x.dtype)
    nr = panel_width(x)
    for image in range(start, stop):
        _pad(x, image, h, w * c, top, left * c, wp * c, scale, shift, padded)
        for phase in range(len(phases)):
            first, last, kh, kw, panel = phases[phase]
            contract(padded, 0, a_off[first:last], 1, 0, kh, wp * c, kw * c, 1, panels, panel, nr,
                     kh * kw * c, y, image * y_image, c_off[first:last], columns, False)


@jit
def _scatter(start, stop, g, ho, wo, f, panels, kh, kw, c, stride, padding, hp, wp, dx, h, w):
    """Images start to stop, few channels: each patch's gradients as a row, then added in place."""
    taps, row = kh * kw * c, kw * c
    patches, padded = np.empty(ho * wo * taps, g.dtype), np.empty(hp * wp * c, g.dtype)
    g_off, patch_off = np.arange(ho * wo) * f, np.arange(ho * wo) * taps
    for image in range(start, stop):
        contract(g, image * ho * wo * f, g_off, 1, 0, 1, 0, f, 1, panels, 0, panel_width(g), f,
                 patches, 0, patch_off, taps, False)
        padded[:] = 0
        for i in range(ho):
            for j in range(wo):
                for r in range(kh):
                    at = ((i * stride + r) * wp + j * stride) * c
                    target, source = padded[at:at + row], patches[(i * wo + j) * taps + r * row:]
                    for k in range(row):
                        target[k] += source[k]
        for i in range(h):
            copy(dx, (image * h + i) * w * c, 1, padded, ((i + padding) * wp + padding) * c, 1,
                 w * c)


@jit
def _grad_weight(start, stop, parts, n, x, scale, shift, h, w, c, padding, hp, wp, stride, g, ho,
                 wo, f, a_off, dw, c_off):
    """Part p of dw sums over images p*n//parts to (p+1)*n//parts: one row per number of a patch.

    Small images are taken several at a time and large ones in stripes, so that a visit to dw sums
    KC to 4 KC pixels.
    """
    nr, pixels, size = panel_width(x), ho * wo, hp * wp * c
    group, stripe = -(-KC // pixels), min(ho, -(-4 * KC // wo))
    padded = np.zeros(group * size, x.dtype)
    in_place = f == nr or 2 * f == nr  # g is a panel already
    panels = np.empty(0 if in_place else group * stripe * wo * (-(-f // nr) * nr), x.dtype)
    for part in range(start, stop):
        first, last = part * n // parts, (part + 1) * n // parts
        for image in range(first, last, group):
            together = min(group, last - image)
            for i in range(together):
                _pad(x, image + i, h, w * c, padding, padding * c, wp * c, scale, shift,
                     padded[i * size:])
            for row in range(0, ho, stripe):
                rows = min(stripe, ho - row)
                steps = together * rows * wo
                source, base, pitch = panels, 0, nr
                if in_place:
                    source, base, pitch = g, (image * ho + row) * wo * f, f
                else:
                    pack(g, (image * ho + row) * wo * f, f, 1, steps, f, panels)
                contract(padded, row * stride * wp * c, a_off, together, size, rows,
                         stride * wp * c, wo, stride * c, source, base, pitch, steps, dw,
                         part * len(a_off) * f, c_off, f, image > first or row > 0)


def _check(name, stride, padding, **arrays):
    expect_axes(name, 4, **arrays)
    expect_one_type(name, **arrays)
    if not is_whole(stride, 1, LARGEST) or not is_whole(padding, 0, LARGEST):
        raise ValueError(f"{name}: expected whole stride >= 1 and padding >= 0, both at most "
                         f"{LARGEST}, got {stride} and {padding}")


def _output_size(name, x_shape, weight_shape, stride, padding):
    (_, h, w, c), (kh, kw, c_weight, _) = x_shape, weight_shape
    if c != c_weight:
        raise ValueError(f"{name}: the weight expects {c_weight} channels, the image has {c}")
    if min(kh, kw) < 1 or h + 2 * padding < kh or w + 2 * padding < kw:
        raise ValueError(f"{name}: a {kh} x {kw} kernel does not fit a {h} x {w} image with "
                         f"padding {padding}")
    return (h + 2 * padding - kh) // stride + 1, (w + 2 * padding - kw) // stride + 1


def _flat(x):
    return np.ascontiguousarray(x).reshape(-1)


def _panels(matrices):
    """Pack matrices (k, f) one after the other; returns the panels and where each matrix begins."""
    nr = panel_width(matrices[0])
    sizes = [len(m) * (-(-m.shape[1] // nr) * nr) for m in matrices]
    starts = np.cumsum([0, *sizes], dtype=np.int64)
    packed = np.empty(starts[-1], matrices[0].dtype)
    for matrix, start, stop in zip(matrices, starts, starts[1:], strict=False):
        pack(_flat(matrix), 0, matrix.shape[1], 1, *matrix.shape, packed[start:stop])
    return packed, starts[:-1]


def _grid(rows, columns, row_step, column_step):
    """The offsets i*row_step + j*column_step of a grid of pixels, as one row."""
    rows, columns = np.arange(rows, dtype=np.int64), np.arange(columns, dtype=np.int64)
    return (rows[:, None] * row_step + columns * column_step).ravel()


def _per_row(name, x, affine):
    """scale and shift of every number of a row of x, or both empty."""
    if affine is None:
        return (np.empty(0, x.dtype),) * 2
    scale, shift = affine
    expect_shape(name, x.shape[3:], scale=scale, shift=shift)
    return [np.tile(vector.astype(x.dtype), x.shape[2]) for vector in affine]


@plain_numbers
def conv2d(x: np.ndarray, weight: np.ndarray, stride: int = 1, padding: int = 0,
           affine: tuple[np.ndarray, np.ndarray] | None = None) -> np.ndarray:
    """Cross-correlate x (n, h, w, c) with weight (kh, kw, c, f): y (n, ho, wo, f).

    ho = (h + 2 padding - kh)//stride + 1, and so wo. float32 or float64; zeros are padded on all
    four sides. affine = (scale, shift), each (c,): convolve max(x * scale + shift, 0) instead of x,
    computed as x is read. Raises ValueError for shapes and types that do not fit.
    """
    _check("conv2d", stride, padding, x=x, weight=weight)
    ho, wo = _output_size("conv2d", x.shape, weight.shape, stride, padding)
    (n, h, w, c), (kh, kw, _, f) = x.shape, weight.shape
    if n * c * f == 0:
        return np.zeros((n, ho, wo, f), x.dtype)
    if winograd.worth(weight.shape, stride, padding, (ho, wo)):
        return winograd.conv2d(x, weight, stride, _per_row("conv2d", x, affine))
    y = np.empty((n, ho, wo, f), x.dtype)
    hp, wp = h + 2 * padding, w + 2 * padding
    panels, _ = _panels([weight.reshape(kh * kw * c, f)])
    phases = np.array([[0, ho * wo, kh, kw, 0]], np.int64)
    parallel(_convolve, n, _flat(x), *_per_row("conv2d", x, affine), h, w, c, padding, padding, hp,
             wp, panels, phases, _grid(ho, wo, stride * wp * c, stride * c), y.reshape(-1),
             ho * wo * f, _grid(1, ho * wo, 0, f), f)
    return y


def _phases(weight, ho, wo, input_shape, stride, padding):
    """The convolution of each phase of input pixels with the padded gradient of the output.

    Returns the phases' taps as matrices, their (first row, last row, kh, kw), the offsets of their
    rows in the gradient and in dx, and (top, left, height, width) of padding.
    """
    (_, h, w, c), (kh, kw, _, f) = input_shape, weight.shape
    top, left, slack = kh - 1, kw - 1, (padding + stride - 1) // stride
    hp, wp = top + max(ho, slack - (-h // stride)), left + max(wo, slack - (-w // stride))
    matrices, phases, a_off, c_off, rows = [], [], [], [], 0
    for y0, x0 in np.ndindex(min(stride, h), min(stride, w)):
        r0, s0 = (y0 + padding) % stride, (x0 + padding) % stride
        taps = weight[r0::stride, s0::stride][::-1, ::-1]  # that meet a pixel of the phase, flipped
        th, tw = taps.shape[:2]
        if th * tw == 0:
            continue
        first_row = top + (y0 + padding - r0) // stride - (th - 1)
        first_column = left + (x0 + padding - s0) // stride - (tw - 1)
        pixels = len(range(y0, h, stride)), len(range(x0, w, stride))
        matrices.append(taps.transpose(0, 1, 3, 2).reshape(th * tw * f, c))
        a_off.append(_grid(*pixels, wp * f, f) + (first_row * wp + first_column) * f)
        c_off.append(_grid(*pixels, stride * w * c, stride * c) + (y0 * w + x0) * c)
        phases.append([rows, rows + len(a_off[-1]), th, tw])
        rows += len(a_off[-1])
    return matrices, phases, a_off, c_off, (top, left, hp, wp)


@plain_numbers
def conv2d_grad_input(g: np.ndarray, weight: np.ndarray, input_shape: tuple[int, ...],
                      stride: int = 1, padding: int = 0) -> np.ndarray:
    """dL/dx, of shape input_shape (n, h, w, c), from g = dL/dy and weight (kh, kw, c, f)."""
    _check("conv2d_grad_input", stride, padding, g=g, weight=weight)
    expect_sizes("conv2d_grad_input", "input_shape", input_shape)
    ho, wo = _output_size("conv2d_grad_input", input_shape, weight.shape, stride, padding)
    (n, h, w, c), (kh, kw, _, f) = input_shape, weight.shape
    expect_like("conv2d_grad_input", (n, ho, wo, f), g.dtype, g=g)
    if n * c * f == 0:
        return np.zeros(input_shape, g.dtype)
    if winograd.worth(weight.shape, stride, padding, (ho, wo)):
        return winograd.conv2d_grad_input(g, weight, input_shape, stride)
    lanes, taps = panel_width(g) // 2, kh * kw * c
    # few channels would leave most of a vector empty
    if 2 * -(-taps // lanes) <= kh * kw * -(-c // lanes):
        dx = np.empty(input_shape, g.dtype)
        panels, _ = _panels([weight.reshape(taps, f).T])
        parallel(_scatter, n, _flat(g), ho, wo, f, panels, kh, kw, c, stride, padding,
                 h + 2 * padding, w + 2 * padding, dx.reshape(-1), h, w)
        return dx
    matrices, phases, a_off, c_off, place = _phases(weight, ho, wo, input_shape, stride, padding)
    rows = phases[-1][1] if phases else 0
    dx = np.empty(input_shape, g.dtype) if rows == h * w else np.zeros(input_shape, g.dtype)
    if rows:
        panels, starts = _panels(matrices)
        parallel(_convolve, n, _flat(g), *_per_row("", g, None), ho, wo, f, *place, panels,
                 np.column_stack([np.array(phases, np.int64), starts]), np.concatenate(a_off),
                 dx.reshape(-1), h * w * c, np.concatenate(c_off), c)
    return dx


@plain_numbers
def conv2d_grad_weight(g: np.ndarray, x: np.ndarray, weight_shape: tuple[int, ...], stride: int = 1,
                       padding: int = 0,
                       affine: tuple[np.ndarray, np.ndarray] | None = None) -> np.ndarray:
    """dL/dweight, of shape weight_shape (kh, kw, c, f), from g = dL/dy and x; affine as forward."""
    _check("conv2d_grad_weight", stride, padding, g=g, x=x)
    expect_sizes("conv2d_grad_weight", "weight_shape", weight_shape)
    ho, wo = _output_size("conv2d_grad_weight", x.shape, weight_shape, stride, padding)
    (n, h, w, c), (kh, kw, _, f) = x.shape, weight_shape
    expect_like("conv2d_grad_weight", (n, ho, wo, f), g.dtype, g=g)
    if n * c * f == 0:
        return np.zeros(weight_shape, g.dtype)
    if winograd.worth(weight_shape, stride, padding, (ho, wo)):
        return winograd.conv2d_grad_weight(g, x, stride, _per_row("conv2d_grad_weight", x, affine))
    hp, wp = h + 2 * padding, w + 2 * padding
    parts = min(PARTIAL_SUMS, n)
    dw = np.empty((parts, kh * kw * c, f), g.dtype)
    parallel(_grad_weight, parts, parts, n, _flat(x), *_per_row("conv2d_grad_weight", x, affine),
             h, w, c, padding, hp, wp, stride, _flat(g), ho, wo, f, _grid(kh, kw * c, wp * c, 1),
             dw.reshape(-1), _grid(1, kh * kw * c, 0, f))
    return dw.sum(axis=0).reshape(weight_shape)
