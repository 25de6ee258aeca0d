"""Winograd's sums and differences: images into tiles, products into images, and both backwards.

See winograd.py for the idea. A *strip* is one row of tiles of one image, `wide` tiles of 2 x 2
outputs each. For each product of two rows or columns of A there is a *plane*: a matrix with a row
for each tile of some strips.
"""
import numpy as np

from .compile import jit
from .load_row import load_row
from .simd import copy, panel_width
from .small_matrix import linear

T1 = ((1, 0, -1, 0), (0, 1, 1, 0), (0, -1, 1, 0), (0, -1, 0, 1))
G1 = ((1, 0, 0), (.5, .5, .5), (.5, -.5, .5), (0, 0, 1))
A1 = ((1, 1, 1, 0), (0, 1, -1, 1))
T2 = ((1, 0, -1, 0, 0), (0, 1, 0, 0, 0), (0, 0, 1, 0, 0), (0, 0, -1, 0, 1), (0, 0, 0, 1, 0))
G2 = ((1, 0, 0), (0, 1, 0), (1, 0, 1), (0, 0, 1), (0, 1, 0))
A2 = ((1, 1, 0), (0, 1, 1))
PIECES = {1: (1, 1, 1, 1), 2: (2, 1, 2)}  # how many numbers of t each product sums over

_t1, _t2, _a1, _a2 = linear(T1), linear(T2), linear(A1), linear(A2)
_a1_back, _a2_back = linear(tuple(zip(*A1, strict=True))), linear(tuple(zip(*A2, strict=True)))
# a tile's last row or column is the next one's first
_t2_back = linear(tuple(zip(*T2, strict=True)), add=(0,))
_t2_back_rows = linear(tuple(zip(*T2, strict=True)))


def _plan(stride):
    """(slots (s, s, 4), products (p, 2)): how the numbers (a, b) of t are grouped into products.

    A slot is (its product's first number, how many that has, which of them it is, which product),
    a product (first number, how many).
    """
    pieces = PIECES[stride]
    owner = np.repeat(np.arange(len(pieces), dtype=np.int64), pieces)
    nth = np.concatenate([np.arange(n, dtype=np.int64) for n in pieces])
    slots, products, first = np.zeros((len(owner), len(owner), 4), np.int64), [], 0
    for p, height in enumerate(pieces):
        for q, width in enumerate(pieces):
            for a in np.flatnonzero(owner == p):
                for b in np.flatnonzero(owner == q):
                    slots[a, b] = first, height * width, nth[a] * width + nth[b], len(products)
            products.append((first, height * width))
            first += height * width
    return slots, np.array(products, np.int64)


PLANS = {stride: _plan(stride) for stride in PIECES}


@jit
def _pad(length):
    """Numbers left free after a row: rows a power of two apart would share a few places of a cache.
    """
    return 16 if length % 64 == 0 else 0


@jit
def place(tiles, first, product, pieces, c):
    """Where a product's plane begins in t, and how far apart its tiles (pieces * c numbers) are."""
    pad = _pad(c)
    return tiles * (first * c + product * pad), pieces * c + pad


@jit
def planes(tiles, slots, products, c, f, like):
    """Room for t and for the products of so many tiles, a panel's width more than needed."""
    t = place(tiles, slots.shape[0] * slots.shape[1], len(products), 0, c)[0]
    p = place(tiles, len(products), len(products), 0, f)[0] + panel_width(like)
    return np.empty(t, like.dtype), np.empty(p, like.dtype)


@jit
def _fill_rows(x, scale, shift, image, row, h, length, count, rows):
    """rows (count, length): rows `row` to `row` + count of an image, zero where it has none."""
    for i in range(count):
        if 0 <= row + i < h:
            load_row(x, (image * h + row + i) * length, length, scale, shift, rows, i * length)
        else:
            rows[i * length:(i + 1) * length] = 0


@jit
def split_images(x, scale, shift, strip, strips, h, w, c, tall, wide, stride, slots, rows, columns,
                 t):
    """t = T d T' for strips of tiles: one plane per product, with a row (pieces, c) for each tile.

    rows (patch, w*c) and columns (patch, width, c), zero at its borders: scratch.
    """
    patch, length, tiles = len(slots), w * c, strips * wide
    width = len(columns) // (patch * c)
    ins, outs, steps, step = np.empty((4, patch), np.int64)
    step[:] = 2 * stride * c
    for s in range(strips):
        image, i = divmod(strip + s, tall)
        row, source, at = 2 * stride * i - 1, x, (image * h + 2 * stride * i - 1) * length
        if row < 0 or row + patch > h or len(scale):
            _fill_rows(x, scale, shift, image, row, h, length, patch, rows)
            source, at = rows, 0
        for a in range(patch):
            ins[a], outs[a] = at + a * length, (a * width + 1) * c
        if stride == 1:
            _t1(columns, outs, source, ins, length, 1, steps, steps)
        else:
            _t2(columns, outs, source, ins, length, 1, steps, steps)
        for a in range(patch):
            for b in range(patch):
                first, pieces, piece, product = slots[a, b]
                start, steps[b] = place(tiles, first, product, pieces, c)
                ins[b], outs[b] = (a * width + b) * c, start + s * wide * steps[b] + piece * c
            if stride == 1:
                _t1(t, outs, columns, ins, c, wide, steps, step)
            else:
                _t2(t, outs, columns, ins, c, wide, steps, step)


@jit
def split_gradients(g, strip, strips, ho, wo, f, tall, wide, stride, rows, columns, p):
    """p = A' g A for strips of tiles: for each product a plane with a row (f,) for each tile."""
    products, tiles, length, pitch = 4 if stride == 1 else 3, strips * wide, wo * f, f + _pad(f)
    ins, outs = np.empty(2, np.int64), np.empty(products, np.int64)
    in_steps, out_steps = np.full(2, 2 * f), np.full(products, pitch)
    for s in range(strips):
        image, i = divmod(strip + s, tall)
        _fill_rows(g, g[:0], g[:0], image, 2 * i, ho, length, 2, rows)
        ins[0], ins[1] = 0, length
        for a in range(products):
            outs[a] = a * 2 * wide * f
        if stride == 1:
            _a1_back(columns, outs, rows, ins, length, 1, out_steps, in_steps)
        else:
            _a2_back(columns, outs, rows, ins, length, 1, out_steps, in_steps)
        for a in range(products):
            ins[0], ins[1] = a * wide * 2 * f, (a * wide * 2 + 1) * f
            for b in range(products):
                outs[b] = ((a * products + b) * tiles + s * wide) * pitch
            if stride == 1:
                _a1_back(p, outs, columns, ins, f, wide, out_steps, in_steps)
            else:
                _a2_back(p, outs, columns, ins, f, wide, out_steps, in_steps)


@jit
def join(p, strip, strips, ho, wo, f, tall, wide, stride, edge, y):
    """y = A P A' for strips of tiles; overwrites p. edge (2, f): scratch for a column beyond y."""
    pitch = f + _pad(f)
    products, plane = 4 if stride == 1 else 3, strips * wide * pitch
    ins, outs = np.arange(products) * products * plane, np.arange(2) * products * plane
    in_steps, out_steps = np.full(products, pitch), np.full(2, 2 * f)
    if stride == 1:
        _a1(p, outs, p, ins, products * plane, 1, out_steps, in_steps)
    else:
        _a2(p, outs, p, ins, products * plane, 1, out_steps, in_steps)
    for s in range(strips):
        image, i = divmod(strip + s, tall)
        for r in range(min(2, ho - 2 * i)):
            for b in range(products):
                ins[b] = (r * products + b) * plane + s * wide * pitch
            at = (image * ho + 2 * i + r) * wo * f
            outs[0], outs[1] = at, at + f
            if stride == 1:
                _a1(y, outs, p, ins, f, wo // 2, out_steps, in_steps)
            else:
                _a2(y, outs, p, ins, f, wo // 2, out_steps, in_steps)
            if wo % 2:  # the last tile is half outside
                outs[0], outs[1], ins = 0, f, ins + (wide - 1) * pitch
                if stride == 1:
                    _a1(edge, outs, p, ins, f, 1, out_steps, in_steps)
                else:
                    _a2(edge, outs, p, ins, f, 1, out_steps, in_steps)
                copy(y, at + (wo - 1) * f, 1, edge, 0, 1, f)


@jit
def join_gradients(t, strip, strips, h, w, c, tall, wide, slots, columns, rows, dx):
    """dx = T' t T for strips of stride-2 tiles, whole images; columns, rows as in `split_images`.
    """
    tiles, width = strips * wide, max(4 * wide + 2, w + 2)
    ins, outs, steps, step = np.empty((4, 5), np.int64)
    step[:] = 4 * c
    columns[:] = 0
    for s in range(strips):
        image, i = divmod(strip + s, tall)
        for a in range(5):
            columns[a * width * c:(a * width + 1) * c] = 0
            for b in range(5):
                first, pieces, piece, product = slots[a, b]
                start, steps[b] = place(tiles, first, product, pieces, c)
                ins[b], outs[b] = start + s * wide * steps[b] + piece * c, (a * width + b) * c
            _t2_back(columns, outs, t, ins, c, wide, step, steps)
        for a in range(5):
            ins[a], outs[a] = (a * width + 1) * c, a * w * c
        _t2_back_rows(rows, outs, columns, ins, w * c, 1, step, step)
        for r in range(5):
            row = 4 * i - 1 + r
            if 0 <= row < h:
                target = dx[(image * h + row) * w * c:(image * h + row + 1) * w * c]
                source = rows[r * w * c:(r + 1) * w * c]
                if r == 0:
                    for k in range(len(target)):
                        target[k] += source[k]
                else:
                    target[:] = source
