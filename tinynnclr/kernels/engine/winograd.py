"""3 x 3 convolutions with fewer multiplications: Winograd's trick, for stride 1 and 2, padding 1.

In one dimension, two outputs of a filter (w0, w1, w2) take six multiplications. With stride 2 five
do, because the outputs y0 = w0 d0 + w1 d1 + w2 d2 and y1 = w0 d2 + w1 d3 + w2 d4 share d2:

    P0 = w0 (d0 - d2) + w1 d1,    P1 = (w0 + w2) d2,    P2 = w2 (d4 - d2) + w1 d3
    y0 = P0 + P1,    y1 = P1 + P2

With stride 1 four do. In two dimensions, rows and columns one after the other, a tile of 2 x 2
outputs takes 25 or 16 multiplications instead of 36. In matrices: t = T d, v = G w, P = the
products of t and v, y = A P. For many channels every product of P is a matrix product, over all
tiles, of `simd.contract`. The gradients are the same steps backwards, each matrix transposed.

Sources: Winograd 1980; Lavin & Gray 2016, "Fast algorithms for convolutional neural networks"
(stride 1); the same splitting for stride 2 is F(2, 2) on the odd pixels, and plain products on the
even ones.
"""
from collections.abc import Sequence

import numpy as np

from .cache import SECOND
from .compile import jit
from .parallel import parallel
from .simd import KC, contract, pack, panel_width
from .winograd_tiles import (
    G1,
    G2,
    PIECES,
    PLANS,
    join,
    join_gradients,
    place,
    planes,
    split_gradients,
    split_images,
)

BYTES = SECOND // 2  # of a block of tiles and its products
LONG = 128  # tiles that a visit to the weight's gradient sums over
# channels, in and out, from which the sums and differences cost less than they save (measured)
LEAST = {1: 32, 2: 64}


def worth(weight_shape: tuple[int, ...], stride: int, padding: int,
          outputs: tuple[int, int]) -> bool:
    """Whether Winograd's way saves at least a fifth of the multiplications; outputs = (ho, wo)."""
    kh, kw, c, f = weight_shape
    if (kh, kw) != (3, 3) or padding != 1 or min(c, f) < LEAST.get(stride, np.inf):
        return False
    tiles = -(-outputs[0] // 2) * -(-outputs[1] // 2)
    return (16, 25)[stride - 1] * tiles <= 0.8 * 9 * outputs[0] * outputs[1]


@jit
def _multiply(a, a_pieces, v, starts, products, tiles, steps, columns, out):
    """Every product of planes: out_p (tiles, columns) = a_p (tiles, steps) v_p.

    Where a_pieces, a is t and `steps` is per piece; else out is, and `columns` is.
    """
    nr = panel_width(a)
    a_off, c_off = np.empty(tiles, np.int64), np.empty(tiles, np.int64)
    for p in range(len(products)):
        first, pieces = products[p]
        depth, width = (steps * pieces, columns) if a_pieces else (steps, columns * pieces)
        if a_pieces:
            a_base, a_pitch = place(tiles, first, p, pieces, steps)
            c_base, c_pitch = place(tiles, p, p, 1, columns)
        else:
            a_base, a_pitch = place(tiles, p, p, 1, steps)
            c_base, c_pitch = place(tiles, first, p, pieces, columns)
        for i in range(tiles):
            a_off[i], c_off[i] = i * a_pitch, i * c_pitch
        for k in range(0, depth, KC):
            contract(a, a_base + k, a_off, 1, 0, 1, 0, min(KC, depth - k), 1, v, starts[p] + k * nr,
                     nr, depth, out, c_base, c_off, width, k > 0)


@jit
def _forward(start, stop, x, scale, shift, h, w, c, tall, wide, stride, slots, products, v, starts,
             strips, y, ho, wo, f):
    """Strips (image, row of tiles) start to stop, a block of them at a time."""
    patch, number = len(slots), x.dtype
    width = max(2 * stride * wide + 2, w + 2)
    rows, columns = np.empty(patch * w * c, number), np.zeros(patch * width * c, number)
    t, p = planes(strips * wide, slots, products, c, f, x)
    edge = np.empty(2 * f, number)
    for strip in range(start, stop, strips):
        count = min(strips, stop - strip)
        split_images(x, scale, shift, strip, count, h, w, c, tall, wide, stride, slots, rows,
                     columns, t)
        _multiply(t, True, v, starts, products, count * wide, c, f, p)
        join(p, strip, count, ho, wo, f, tall, wide, stride, edge, y)


@jit
def _backward(start, stop, g, ho, wo, f, tall, wide, slots, products, v, starts, strips, dx, h, w,
              c):
    """Images start to stop, stride 2: dx = T' (A' g A x V') T."""
    width = max(4 * wide + 2, w + 2)
    rows = np.empty(max(2 * wo * f, 5 * w * c), g.dtype)
    columns = np.zeros(5 * max(width * c, 2 * wide * f), g.dtype)
    t, p = planes(strips * wide, slots, products, c, f, g)
    for strip in range(start * tall, stop * tall, strips):
        count = min(strips, stop * tall - strip)
        tiles = count * wide
        columns[:] = 0
        split_gradients(g, strip, count, ho, wo, f, tall, wide, 2, rows, columns, p)
        _multiply(p, False, v, starts, products, tiles, f, c, t)
        join_gradients(t, strip, count, h, w, c, tall, wide, slots, columns, rows, dx)


@jit
def _grad_weight(start, stop, parts, total, x, scale, shift, h, w, c, tall, wide, stride, slots,
                 products, strips, g, ho, wo, f, dv):
    """Part i of dv (parts, pieces * c, f) sums over strips i*total//parts to (i+1)*total//parts."""
    patch, number = len(slots), x.dtype
    width = max(2 * stride * wide + 2, w + 2)
    rows = np.empty(max(patch * w * c, 2 * wo * f), number)
    columns = np.zeros(patch * width * c, number)
    g_columns = np.zeros(patch * 2 * wide * f, number)
    t, p = planes(strips * wide, slots, products, c, f, x)
    row_off = np.arange(4 * c)
    for part in range(start, stop):
        begin, end = part * total // parts, (part + 1) * total // parts
        for strip in range(begin, end, strips):
            count = min(strips, end - strip)
            tiles = count * wide
            split_images(x, scale, shift, strip, count, h, w, c, tall, wide, stride, slots, rows,
                         columns, t)
            split_gradients(g, strip, count, ho, wo, f, tall, wide, stride, rows, g_columns, p)
            for i in range(len(products)):
                first, pieces = products[i]
                t_base, t_pitch = place(tiles, first, i, pieces, c)
                p_base, p_pitch = place(tiles, i, i, 1, f)
                contract(t, t_base, row_off[:pieces * c], 1, 0, 1, 0, tiles, t_pitch, p, p_base,
                         p_pitch, 1, dv, (part * patch * patch + first) * c * f,
                         row_off[:pieces * c] * f, f, strip > begin)


@jit
def _transform_weight(start, stop, weight, matrix, slots, products, size, c, f, starts, back,
                      panels):
    """Products start to stop of V = G w G' (back: transposed), packed; weight (3, 3, size = c*f).
    """
    v = np.empty(4 * size, weight.dtype)
    for p in range(start, stop):
        first, pieces = products[p]
        for a in range(len(slots)):
            for b in range(len(slots)):
                if slots[a, b, 0] != first:
                    continue
                piece = v[slots[a, b, 2] * size:(slots[a, b, 2] + 1) * size]
                piece[:] = 0
                for r in range(3):
                    for s in range(3):
                        factor = matrix[a, r] * matrix[b, s]
                        if factor != 0:
                            plane = weight[r, s]
                            for k in range(size):
                                piece[k] += factor * plane[k]
        if back:
            pack(v, 0, 1, f, f, pieces * c, panels[starts[p]:])
        else:
            pack(v, 0, f, 1, pieces * c, f, panels[starts[p]:])


@jit
def _untransform_weight(start, stop, dv, matrix, slots, size, dw):
    """Numbers start to stop of each of the nine c x f planes of dw = G' (sum of the parts of dv) G.
    """
    total = np.empty(stop - start, dw.dtype)
    for a in range(len(slots)):
        for b in range(len(slots)):
            at = (slots[a, b, 0] + slots[a, b, 2]) * size
            total[:] = 0
            for part in range(len(dv)):
                piece = dv[part, at + start:at + stop]
                for k in range(len(total)):
                    total[k] += piece[k]
            for r in range(3):
                for s in range(3):
                    factor = matrix[a, r] * matrix[b, s]
                    if factor != 0:
                        plane = dw[r, s, start:stop]
                        for k in range(len(total)):
                            plane[k] += factor * total[k]


def _weights(weight, stride, back):
    """V (or its transpose) in panels, and where each product's begin."""
    c, f = weight.shape[2:]
    slots, products = PLANS[stride]
    nr = panel_width(weight)
    sizes = [f * (-(-n * c // nr) * nr) if back else n * c * (-(-f // nr) * nr)
             for _, n in products]
    starts = np.cumsum([0, *sizes], dtype=np.int64)
    panels = np.empty(starts[-1], weight.dtype)
    matrix = np.array((G1, G2)[stride - 1], weight.dtype)
    parallel(_transform_weight, len(products), np.ascontiguousarray(weight).reshape(3, 3, c * f),
             matrix, slots, products, c * f, c, f, starts, back, panels)
    return panels, starts


def _strips(total, stride, wide, c, f, itemsize):
    """How many strips of tiles make a block."""
    a_tile = itemsize * (c * sum(PIECES[stride]) ** 2 + f * len(PIECES[stride]) ** 2)
    return int(np.clip(-(-max(BYTES // a_tile, 24) // wide), 1, total))


def conv2d(x: np.ndarray, weight: np.ndarray, stride: int,
           affine: Sequence[np.ndarray]) -> np.ndarray:
    """`kernels.conv2d` with padding 1, unchecked, of shapes that are `worth` it.

    affine: scale and shift of each number of a row, or both empty.
    """
    (n, h, w, c), f = x.shape, weight.shape[3]
    ho, wo = -(-h // stride), -(-w // stride)
    tall, wide = -(-ho // 2), -(-wo // 2)
    y = np.empty((n, ho, wo, f), x.dtype)
    parallel(_forward, n * tall, np.ascontiguousarray(x).reshape(-1), *affine, h, w, c, tall, wide,
             stride, *PLANS[stride], *_weights(weight, stride, False),
             _strips(n * tall, stride, wide, c, f, x.itemsize), y.reshape(-1), ho, wo, f)
    return y


def conv2d_grad_input(g: np.ndarray, weight: np.ndarray, input_shape: tuple[int, ...],
                      stride: int) -> np.ndarray:
    """`kernels.conv2d_grad_input` likewise; for stride 1 a convolution with the flipped weight."""
    if stride == 1:
        return conv2d(g, weight[::-1, ::-1].transpose(0, 1, 3, 2), 1, (np.empty(0, g.dtype),) * 2)
    (n, h, w, c), (_, ho, wo, f) = input_shape, g.shape
    tall, wide = -(-ho // 2), -(-wo // 2)
    dx = np.empty(input_shape, g.dtype)
    parallel(_backward, n, np.ascontiguousarray(g).reshape(-1), ho, wo, f, tall, wide, *PLANS[2],
             *_weights(weight, 2, True), _strips(n * tall, 2, wide, c, f, g.itemsize),
             dx.reshape(-1), h, w, c)
    return dx


def conv2d_grad_weight(g: np.ndarray, x: np.ndarray, stride: int,
                       affine: Sequence[np.ndarray]) -> np.ndarray:
    """`kernels.conv2d_grad_weight` likewise."""
    (n, h, w, c), (_, ho, wo, f) = x.shape, g.shape
    tall, wide = -(-ho // 2), -(-wo // 2)
    slots, products = PLANS[stride]
    pieces, total = len(slots) ** 2, n * tall
    parts = min(8 if pieces * c * f < 1 << 18 else 4, total)
    dv = np.empty((parts, pieces * c * f), x.dtype)
    parallel(_grad_weight, parts, parts, total, np.ascontiguousarray(x).reshape(-1), *affine, h, w,
             c, tall, wide, stride, slots, products, min(max(1, LONG // wide), total),
             np.ascontiguousarray(g).reshape(-1), ho, wo, f, dv.reshape(-1))
    dw = np.zeros((3, 3, c, f), x.dtype)
    parallel(_untransform_weight, c * f, dv, np.array((G1, G2)[stride - 1], x.dtype), slots, c * f,
             dw.reshape(3, 3, c * f), grain=1024)
    return dw
