"""Attention: each token's query is compared with all keys of its image and averages their values.
"""
import math

import numpy as np

from .engine.checks import expect_arrays, expect_one_type, is_whole, plain_numbers
from .engine.compile import jit
from .engine.exp import exp
from .engine.parallel import parallel
from .engine.simd import contract, pack, panel_width

# sums along a row may be taken several numbers at a time; NaN and infinity stay what they are
REORDER = {"reassoc"}


def _split(x, heads):
    """(n, t, heads * d) -> (n, heads, t, d)."""
    n, t, width = x.shape
    return x.reshape(n, t, heads, width // heads).transpose(0, 2, 1, 3)


def _join(x):
    """(n, heads, t, d) -> (n, t, heads * d)."""
    n, heads, t, d = x.shape
    return x.transpose(0, 2, 1, 3).reshape(n, t, heads * d)


def attention_naive(q, k, v, heads):
    """(softmax(q k^T / sqrt(d)) v, the softmax (n, heads, t, t)), head by head."""
    q, k, v = (_split(x, heads) for x in (q, k, v))
    scores = np.exp(q @ k.swapaxes(-1, -2) / math.sqrt(q.shape[-1]))
    p = scores / scores.sum(-1, keepdims=True)
    return _join(p @ v), p


def attention_grad_naive(g, q, k, v, p, heads):
    """(dq, dk, dv) by the chain rule through the mean of values, the softmax and q k^T."""
    g, q, k, v = (_split(x, heads) for x in (g, q, k, v))
    dp = g @ v.swapaxes(-1, -2)
    ds = p * (dp - (p * dp).sum(-1, keepdims=True)) / math.sqrt(q.shape[-1])
    return _join(ds @ k), _join(ds.swapaxes(-1, -2) @ q), _join(p.swapaxes(-1, -2) @ g)


@jit
def _product(a, a_base, a_off, a_step, steps, b, b_base, b_row, b_column, columns, panels, c,
             c_base, c_off):
    """C = A B on flat arrays; row i of A starts at a_base + a_off[i], of C at c_base + c_off[i]."""
    pack(b, b_base, b_row, b_column, steps, columns, panels)
    contract(a, a_base, a_off, 1, 0, 1, 0, steps, a_step, panels, 0, panel_width(a), steps, c,
             c_base, c_off, columns, False)


@jit
def _scratch(array, t, d):
    """Room for the panels of the largest of the products, (t, d) @ (d, t) or (t, t) @ (t, d)."""
    nr = panel_width(array)
    return np.empty(max(d * (-(-t // nr) * nr), t * (-(-d // nr) * nr)), array.dtype)


@jit
def _exponentials(numbers):
    """Of all rows at once: the ends of short rows beside whole vectors would double the time."""
    for j in range(len(numbers)):
        numbers[j] = exp(numbers[j])


@jit(fastmath=REORDER)
def _softmax(scores, scale):
    """Each row becomes e^(scale * score) / sum, without overflow; NaN fills its whole row."""
    for i in range(len(scores)):
        row = scores[i]
        largest = row[0]
        for j in range(1, len(row)):
            largest = row[j] if row[j] > largest else largest
        for j in range(len(row)):
            row[j] = (row[j] - largest) * scale
    _exponentials(scores.reshape(-1))
    for i in range(len(scores)):
        row, total = scores[i], scores.dtype.type(0)
        for j in range(len(row)):
            total += row[j]
        share = scores.dtype.type(1) / total
        for j in range(len(row)):
            row[j] *= share


@jit(fastmath=REORDER)
def _softmax_grad(p, d, scale):
    """d, the softmax's gradient, becomes that of the scores: scale * p * (d - sum(p * d)) per row.
    """
    for i in range(len(p)):
        row, out, along = p[i], d[i], p.dtype.type(0)
        for j in range(len(row)):
            along += row[j] * out[j]
        for j in range(len(row)):
            out[j] = scale * row[j] * (out[j] - along)


@jit
def _attention(start, stop, q, k, v, heads, t, d, scale, y, p):
    """Heads start to stop, counted over all images; q, k, v, y: flat (n, t, heads, d).

    p is (n * heads, t, t).
    """
    width, panels = heads * d, _scratch(q, t, d)
    rows, across = np.arange(t) * width, np.arange(t) * t
    for item in range(start, stop):
        base = item // heads * t * width + item % heads * d
        flat = p[item].reshape(-1)
        _product(q, base, rows, 1, d, k, base, 1, width, t, panels, flat, 0, across)
        _softmax(p[item], scale)
        _product(flat, 0, across, 1, t, v, base, width, 1, d, panels, y, base, rows)


@jit
def _attention_grad(start, stop, g, q, k, v, p, heads, t, d, scale, dq, dk, dv):
    width, panels, ds = heads * d, _scratch(q, t, d), np.empty((t, t), q.dtype)
    rows, across, down = np.arange(t) * width, np.arange(t) * t, np.arange(t)
    for item in range(start, stop):
        base = item // heads * t * width + item % heads * d
        flat = p[item].reshape(-1)
        # p^T g, g v^T, then ds k and ds^T q
        _product(flat, 0, down, t, t, g, base, width, 1, d, panels, dv, base, rows)
        _product(g, base, rows, 1, d, v, base, 1, width, t, panels, ds.reshape(-1), 0, across)
        _softmax_grad(p[item], ds, scale)
        _product(ds.reshape(-1), 0, across, 1, t, k, base, width, 1, d, panels, dq, base, rows)
        _product(ds.reshape(-1), 0, down, t, t, q, base, width, 1, d, panels, dk, base, rows)


def _check(q, k, v, heads):
    expect_one_type("attention", q=q, k=k, v=v)
    if (q.ndim != 3 or not q.shape == k.shape == v.shape or not is_whole(heads, 1)
            or q.shape[2] % heads or 0 in q.shape[1:]):
        raise ValueError("attention: expected q, k, v of one shape (n, t, heads * d), got "
                         f"{q.shape}, {k.shape}, {v.shape} for {heads} heads")


def _flat(*arrays):
    return [np.ascontiguousarray(x).reshape(-1) for x in arrays]


@plain_numbers
def attention(q: np.ndarray, k: np.ndarray, v: np.ndarray,
              heads: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """(y, p): y = p v with p = softmax(q k^T / sqrt(d)), for each image and each head by itself.

    q, k, v, y (n, t, heads * d): head h has columns h * d to (h + 1) * d, without a copy. p (n,
    heads, t, t) has a row for each query. Raises ValueError where shapes do not fit. Source:
    Vaswani et al. 2017, eq. 1.
    """
    _check(q, k, v, heads)
    n, t, d = *q.shape[:2], q.shape[2] // heads
    y, p = np.empty(q.shape, q.dtype), np.empty((n * heads, t, t), q.dtype)
    parallel(_attention, n * heads, *_flat(q, k, v), heads, t, d, q.dtype.type(1 / math.sqrt(d)),
             y.reshape(-1), p)
    return y, p.reshape(n, heads, t, t)


@plain_numbers
def attention_grad(g: np.ndarray, q: np.ndarray, k: np.ndarray, v: np.ndarray, p: np.ndarray,
                   heads: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(dq, dk, dv) of `attention`, from g = dL/dy (n, t, heads * d) and the p that it returned."""
    _check(q, k, v, heads)
    expect_arrays("attention_grad", g=g, p=p)
    n, t, d = *q.shape[:2], q.shape[2] // heads
    if g.shape != q.shape or p.shape != (n, heads, t, t) or not g.dtype == p.dtype == q.dtype:
        raise ValueError(f"attention_grad: g {g.shape} {g.dtype} and p {p.shape} {p.dtype} do not "
                         f"belong to q {q.shape} {q.dtype}, {heads} heads")
    dq, dk, dv = (np.empty(q.shape, q.dtype) for _ in range(3))
    parallel(_attention_grad, n * heads, *_flat(g, q, k, v),
             np.ascontiguousarray(p).reshape(n * heads, t, t), heads, t, d,
             q.dtype.type(1 / math.sqrt(d)), *(x.reshape(-1) for x in (dq, dk, dv)))
    return dq, dk, dv
