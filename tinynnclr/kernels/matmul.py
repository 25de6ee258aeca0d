"""Matrix product: cut C into blocks, pack a block of B into panels, call the micro-kernel."""
import numpy as np

from .engine.cache import SECOND, THIRD
from .engine.checks import expect_one_type
from .engine.compile import jit
from .engine.parallel import get_num_threads, parallel
from .engine.simd import KC, MR, contract, copy, pack, panel_width

# A block of C: KC x ROWS numbers of A fill half of the second-level cache, KC x COLUMNS of B a
# sixteenth of the third.
ROWS = max(120, SECOND // 2 // (4 * KC) // MR * MR)
COLUMNS = min(max(1024, THIRD // 16 // (4 * KC) // 64 * 64), 4096)
PAD = 16  # so that the rows of A do not share a few places of the first-level cache
DIRECT = 128  # columns up to which A is read in place: a copy would not be used often enough
SMALL = 1 << 21  # least multiplications of a piece: fewer are not worth waking a thread
TASKS = 4  # least blocks of C per thread, where C is large enough


def matmul_naive(a, b):
    """The definition, C[i, j] = sum_k A[i, k] B[k, j], in three loops."""
    (m, steps), n = a.shape, b.shape[1]
    c = np.zeros((m, n), a.dtype)
    for i in range(m):
        for j in range(n):
            for k in range(steps):
                c[i, j] += a[i, k] * b[k, j]
    return c


@jit
def _pack(start, stop, b, b_step, b_column, steps, n, panels):
    """Pack panels start to stop of B, KC rows at a time.

    Those of rows k0 to k0 + k begin at k0 * width + j0 * k.
    """
    nr = panel_width(b)
    width, left = -(-n // nr) * nr, start * nr
    for k0 in range(0, steps, KC):
        k = min(KC, steps - k0)
        pack(b, k0 * b_step + left * b_column, b_step, b_column, k, min(stop * nr, n) - left,
             panels[k0 * width + left * k:])


@jit
def _multiply(start, stop, a, a_row, a_step, panels, m, steps, n, height, columns, bias, floor, c):
    """Blocks start to stop of C, of `height` rows and `columns` columns, in row-major order.

    bias (n,) or empty is added to a block, which is then cut off below floor, while it is still in
    the cache.
    """
    nr = panel_width(a)
    across, width, deepest = -(-n // columns), -(-n // nr) * nr, min(KC, steps)
    direct = a_step == 1 and n <= DIRECT
    pitch = deepest + PAD
    strip = np.empty(0 if direct else height * pitch, a.dtype)  # the block's rows of A
    a_off, c_off = np.empty(height, np.intp), np.empty(height, np.intp)
    for i in range(height):
        a_off[i], c_off[i] = i * (a_row if direct else pitch), i * n
    for block in range(start, stop):
        i0, j0 = block // across * height, block % across * columns
        rows = min(height, m - i0)
        for k0 in range(0, steps, KC):
            k = min(KC, steps - k0)
            source, base = a, i0 * a_row + k0
            if not direct:
                source, base = strip, 0
                for i in range(rows):
                    copy(strip, i * pitch, 1, a, (i0 + i) * a_row + k0 * a_step, a_step, k)
            contract(source, base, a_off[:rows], 1, 0, 1, 0, k, 1, panels, k0 * width + j0 * k, nr,
                     k, c, i0 * n + j0, c_off, min(columns, n - j0), k0 > 0)
        if len(bias):
            level = bias[j0:min(j0 + columns, n)]
            for i in range(i0, i0 + rows):
                row = c[i * n + j0:]
                for j in range(len(level)):
                    value = row[j] + level[j]
                    row[j] = floor if value < floor else value


def _blocks(m, n, nr, threads):
    """Height and width of a block of C: whole tiles, similar sizes, several for each thread."""
    if threads == 1:
        return min(ROWS, -(-m // MR) * MR), min(COLUMNS, -(-n // nr) * nr)
    down = -(-m // ROWS)
    across = max(-(-n // COLUMNS), min(-(-TASKS * threads // down), n // (2 * nr)))
    down = max(down, min(-(-TASKS * threads // across), m // (2 * MR)))
    return -(-m // (down * MR)) * MR, -(-n // (across * nr)) * nr


def _flat(x):
    """(numbers, step to the next row, step to the next column); a transposed view is no copy."""
    if x.T.flags.c_contiguous and not x.flags.c_contiguous:
        return x.T.reshape(-1), 1, len(x)
    return np.ascontiguousarray(x).reshape(-1), x.shape[1], 1


def _check(a, b, bias, relu):
    """ValueError for arguments that are no product."""
    expect_one_type("matmul", a=a, b=b, **({} if bias is None else {"bias": bias}))
    if (a.ndim not in (2, 3) or a.ndim != b.ndim or a.shape[-1] != b.shape[-2]
            or a.shape[:-2] != b.shape[:-2]):
        raise ValueError("matmul: expected (m, k) and (k, n), or (items, m, k) and (items, k, n), "
                         f"got {a.shape} and {b.shape}")
    if relu and bias is None:
        raise ValueError("matmul: relu: expected a bias to add before it, got none")
    if bias is not None and (a.ndim != 2 or bias.shape != b.shape[-1:]):
        raise ValueError(f"matmul: bias: expected shape {b.shape[-1:]} for two matrices, got "
                         f"{bias.shape} for {a.shape} and {b.shape}")


def matmul(a: np.ndarray, b: np.ndarray, bias: np.ndarray | None = None,
           relu: bool = False) -> np.ndarray:
    """C = A B for A (m, k) and B (k, n), or for each pair of a batch (items, m, k), (items, k, n).

    bias (n,), with two matrices only, is added to each row of C, and with relu C is then max(C, 0).
    All float32 or all float64; transposed views are not copied. The same bytes for any number of
    threads. Raises ValueError for other dtypes, dimensions or shapes that do not fit.
    """
    _check(a, b, bias, relu)
    (m, steps), n = a.shape[-2:], b.shape[-1]
    bias = np.empty(0, a.dtype) if bias is None else bias
    c = np.empty((*a.shape[:-1], n), a.dtype)
    if a.ndim == 3:
        for i in range(len(a)):
            c[i] = matmul(a[i], b[i])
    elif a.size == 0 or b.size == 0:
        c[...] = (np.maximum(bias, 0) if relu else bias) if len(bias) else 0
    else:
        nr = panel_width(a)
        panels = np.empty(steps * (-(-n // nr) * nr), a.dtype)
        height, columns = _blocks(m, n, nr, 1 if m * n * steps < 2 * SMALL else get_num_threads())
        blocks = -(-m // height) * -(-n // columns)
        parallel(_pack, -(-n // nr), *_flat(b), steps, n, panels,
                 grain=-(-SMALL // (16 * nr * steps)))
        parallel(_multiply, blocks, *_flat(a), panels, m, steps, n, height, columns,
                 np.ascontiguousarray(bias), a.dtype.type(0 if relu else -np.inf), c.reshape(-1),
                 grain=-(-SMALL // (height * columns * steps)))
    return c
