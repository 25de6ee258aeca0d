"""Matrix product: cut C into blocks, pack a block of B into panels, let the micro-kernel do the rest."""
import numpy as np
from numba import njit

from .parallel import parallel
from .simd import KC, contract, copy, pack, panel_width

ROWS, COLUMNS, PAD = 256, 512, 16  # a block of C; beside it, KC x COLUMNS of B fill half of a second-level cache


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
def _matmul(start, stop, a, a_row, a_step, b, b_step, b_column, m, steps, n, block_rows, c):
    """Blocks start to stop of C, counted down the columns of blocks."""
    nr, row_blocks = panel_width(a), -(-m // block_rows)
    deepest = min(KC, steps)
    pitch = deepest + PAD
    strip = np.empty(block_rows * pitch, a.dtype)  # the block's rows of A, close together
    panels = np.empty(deepest * (-(-min(COLUMNS, n) // nr) * nr), a.dtype)
    a_off, c_off = np.empty(block_rows, np.intp), np.empty(block_rows, np.intp)
    for i in range(block_rows):
        a_off[i], c_off[i] = i * pitch, i * n
    for block in range(start, stop):
        i0, j0 = (block % row_blocks) * block_rows, (block // row_blocks) * COLUMNS
        rows, columns = min(block_rows, m - i0), min(COLUMNS, n - j0)
        for k0 in range(0, steps, KC):
            k = min(KC, steps - k0)
            for i in range(rows):
                copy(strip, i * pitch, 1, a, (i0 + i) * a_row + k0 * a_step, a_step, k)
            pack(b, k0 * b_step + j0 * b_column, b_step, b_column, k, columns, panels)
            contract(strip, 0, a_off[:rows], 1, k, 0, 1, panels, 0, nr, k, c, i0 * n + j0, c_off, columns, k0 > 0)


def _flat(x):
    """(numbers in memory order, step to the next row, step to the next column); a transposed view is not copied."""
    if x.flags.c_contiguous:
        return x.reshape(-1), x.shape[1], 1
    if x.flags.f_contiguous:
        return x.T.reshape(-1), 1, x.shape[0]
    return np.ascontiguousarray(x).reshape(-1), x.shape[1], 1


def matmul(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """C = A B for A (m, k) and B (k, n), both float32 or both float64; either may be a transposed view.

    Raises ValueError for other dtypes, dimensions or shapes that do not fit. The same bytes for any number of threads.
    """
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[0]:
        raise ValueError(f"matmul: expected (m, k) and (k, n), got {a.shape} and {b.shape}")
    if a.dtype != b.dtype or a.dtype not in (np.float32, np.float64):
        raise ValueError(f"matmul: expected two float32 or two float64 arrays, got {a.dtype} and {b.dtype}")
    m, steps, n = a.shape[0], a.shape[1], b.shape[1]
    if m * steps * n == 0:
        return np.zeros((m, n), a.dtype)
    blocks = -(-m // ROWS) * -(-n // COLUMNS)
    block_rows = ROWS if blocks >= 8 else 64  # small products: smaller blocks, so that every thread has some
    c = np.empty((m, n), a.dtype)
    parallel(_matmul, -(-m // block_rows) * -(-n // COLUMNS), *_flat(a), *_flat(b), m, steps, n, block_rows,
             c.reshape(-1))
    return c
