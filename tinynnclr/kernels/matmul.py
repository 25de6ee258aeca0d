"""Matrix product: cut C into blocks, pack a block of B into panels, let the micro-kernel do the rest."""
import numpy as np
from numba import njit

from .parallel import get_num_threads, parallel
from .simd import KC, MR, contract, copy, pack, panel_width

ROWS, COLUMNS, PAD = 240, 2048, 16  # a block of C: KC x ROWS of A fill half of a second-level cache, KC x COLUMNS of B
# a part of the third; padded, so that the rows of A do not meet in the same few places of the first
DIRECT = 128  # columns up to which rows of A are read where they lie: a copy would not be used often enough


def matmul_naive(a, b):
    """The three loops of the definition, C[i, j] = sum_k A[i, k] B[k, j]; the oracle of `matmul`."""
    (m, steps), n = a.shape, b.shape[1]
    c = np.zeros((m, n), a.dtype)
    for i in range(m):
        for j in range(n):
            for k in range(steps):
                c[i, j] += a[i, k] * b[k, j]
    return c


@njit(nogil=True, cache=True, error_model="numpy")
def _matmul(start, stop, by_columns, a, a_row, a_step, b, b_step, b_column, m, steps, n, c):
    """Panels start to stop of C's columns, or tiles of its rows: whichever there are more of."""
    nr = panel_width(a)
    top, bottom, left, right = 0, m, 0, n
    if by_columns:
        left, right = start * nr, min(stop * nr, n)
    else:
        top, bottom = start * MR, min(stop * MR, m)
    blocks = max(1, -(-(bottom - top) // ROWS))
    height = -(-(bottom - top) // (blocks * MR)) * MR  # blocks of equal height, as far as tiles allow
    deepest, width = min(KC, steps), min(COLUMNS, right - left)
    direct = a_step == 1 and right - left <= DIRECT
    pitch = deepest + PAD
    strip = np.empty(1 if direct else height * pitch, a.dtype)  # the block's rows of A, close together
    panels = np.empty(deepest * (-(-width // nr) * nr), a.dtype)
    a_off, c_off = np.empty(height, np.intp), np.empty(height, np.intp)
    for i in range(height):
        a_off[i], c_off[i] = i * (a_row if direct else pitch), i * n
    for j0 in range(left, right, COLUMNS):
        columns = min(COLUMNS, right - j0)
        for k0 in range(0, steps, KC):
            k = min(KC, steps - k0)
            pack(b, k0 * b_step + j0 * b_column, b_step, b_column, k, columns, panels)
            for i0 in range(top, bottom, height):
                rows = min(height, bottom - i0)
                if direct:
                    contract(a, i0 * a_row + k0, a_off[:rows], 1, 0, 1, 0, k, 1, panels, 0, nr, k,
                             c, i0 * n + j0, c_off, columns, k0 > 0)
                    continue
                for i in range(rows):
                    copy(strip, i * pitch, 1, a, (i0 + i) * a_row + k0 * a_step, a_step, k)
                contract(strip, 0, a_off[:rows], 1, 0, 1, 0, k, 1, panels, 0, nr, k,
                         c, i0 * n + j0, c_off, columns, k0 > 0)


@njit(nogil=True, cache=True, error_model="numpy")
def _matmul_items(start, stop, a, a_row, a_step, b, b_step, b_column, m, steps, n, c):
    """Products start to stop of a batch, each on one thread."""
    for item in range(start, stop):
        _matmul(0, -(-m // MR), False, a[item * m * steps:], a_row, a_step, b[item * steps * n:], b_step, b_column,
                m, steps, n, c[item * m * n:])


def _flat_items(x):
    """`_flat` for a batch of matrices (items, rows, columns)."""
    if x.transpose(0, 2, 1).flags.c_contiguous and not x.flags.c_contiguous:
        return x.transpose(0, 2, 1).reshape(-1), 1, x.shape[1]
    return np.ascontiguousarray(x).reshape(-1), x.shape[2], 1


def _flat(x):
    """(numbers in memory order, step to the next row, step to the next column); a transposed view is not copied."""
    if x.flags.c_contiguous:
        return x.reshape(-1), x.shape[1], 1
    if x.flags.f_contiguous:
        return x.T.reshape(-1), 1, x.shape[0]
    return np.ascontiguousarray(x).reshape(-1), x.shape[1], 1


def matmul(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """C = A B for A (m, k) and B (k, n), or for each of a batch, A (items, m, k) and B (items, k, n).

    Both float32 or both float64; either may be a transposed view, which is read as it lies. Raises ValueError for other
    dtypes, dimensions or shapes that do not fit. The same bytes for any number of threads.
    """
    if a.ndim not in (2, 3) or a.ndim != b.ndim or a.shape[-1] != b.shape[-2] or a.shape[:-2] != b.shape[:-2]:
        raise ValueError("matmul: expected (m, k) and (k, n), or (items, m, k) and (items, k, n), "
                         f"got {a.shape} and {b.shape}")
    if a.dtype != b.dtype or a.dtype not in (np.float32, np.float64):
        raise ValueError(f"matmul: expected two float32 or two float64 arrays, got {a.dtype} and {b.dtype}")
    (m, steps), n = a.shape[-2:], b.shape[-1]
    c = np.empty((*a.shape[:-1], n), a.dtype)
    if a.size == 0 or b.size == 0:
        c[...] = 0
    elif a.ndim == 2:
        nr = panel_width(a)
        by_columns = n > m
        count = -(-n // nr) if by_columns else -(-m // MR)
        parallel(_matmul, count, by_columns, *_flat(a), *_flat(b), m, steps, n, c.reshape(-1),
                 grain=max(-(-count // get_num_threads()), 1))
    elif len(a) < get_num_threads():
        for i in range(len(a)):
            c[i] = matmul(a[i], b[i])
    else:
        parallel(_matmul_items, len(a), *_flat_items(a), *_flat_items(b), m, steps, n, c.reshape(-1))
    return c
