"""The same matrix product in steps, from three loops to the machine's limit.

Each rung changes one thing and keeps the result. `RUNGS` lists them in order; the last is
`kernels.matmul` itself.
"""
import functools
from collections.abc import Callable

import numpy as np

from tinynnclr.kernels.engine.checks import expect_floats
from tinynnclr.kernels.engine.compile import jit
from tinynnclr.kernels.engine.parallel import get_num_threads, set_num_threads
from tinynnclr.kernels.matmul import matmul, matmul_naive

TILE, DEPTH = 128, 64  # columns and rows of the piece of B that is reused


def _checked(rung):
    """A rung that checks the shapes before its loops, which do not."""
    @functools.wraps(rung.py_func)
    def checked(a, b):
        expect_floats(rung.__name__, a=a, b=b)
        if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[0] or a.dtype != b.dtype:
            raise ValueError(f"{rung.__name__}: expected (m, k) and (k, n) of one type, "
                             f"got {a.shape} {a.dtype} and {b.shape} {b.dtype}")
        return rung(a, b)
    return checked


@_checked
@jit
def compiled(a, b):
    """Three compiled loops: row i of A times column j of B, which strides over whole rows of B."""
    c = np.zeros((a.shape[0], b.shape[1]), a.dtype)
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            for k in range(a.shape[1]):
                c[i, j] += a[i, k] * b[k, j]
    return c


@_checked
@jit
def loop_order(a, b):
    """The inner loops swapped: B and C are read along their rows, and the compiler uses vectors."""
    c = np.zeros((a.shape[0], b.shape[1]), a.dtype)
    for i in range(a.shape[0]):
        for k in range(a.shape[1]):
            for j in range(b.shape[1]):
                c[i, j] += a[i, k] * b[k, j]
    return c


@_checked
@jit
def tiled(a, b):
    """In tiles: a DEPTH x TILE piece of B stays in the L1 cache while all rows of A use it."""
    (m, steps), n = a.shape, b.shape[1]
    c = np.zeros((m, n), a.dtype)
    for k0 in range(0, steps, DEPTH):
        for j0 in range(0, n, TILE):
            for i in range(m):
                sums = c[i, j0:j0 + TILE]
                for k in range(k0, min(k0 + DEPTH, steps)):
                    one, row = a[i, k], b[k, j0:j0 + TILE]
                    for j in range(len(sums)):
                        sums[j] += one * row[j]
    return c


@_checked
@jit
def packed(a, b):
    """Each piece of B is copied to contiguous memory and serves four steps of the sum at a time.

    A row of C is then loaded and stored a quarter as often.
    """
    (m, steps), n = a.shape, b.shape[1]
    c = np.zeros((m, n), a.dtype)
    panel = np.zeros((DEPTH, TILE), a.dtype)
    for k0 in range(0, steps, DEPTH):
        depth = min(DEPTH, steps - k0)
        for j0 in range(0, n, TILE):
            width = min(TILE, n - j0)
            panel[:] = 0
            panel[:depth, :width] = b[k0:k0 + depth, j0:j0 + width]
            for i in range(m):
                sums, factors = c[i, j0:j0 + width], np.zeros(DEPTH, a.dtype)
                factors[:depth] = a[i, k0:k0 + depth]
                for k in range(0, depth, 4):
                    x0, x1, x2, x3 = factors[k], factors[k + 1], factors[k + 2], factors[k + 3]
                    row0, row1, row2, row3 = panel[k], panel[k + 1], panel[k + 2], panel[k + 3]
                    for j in range(len(sums)):
                        sums[j] += x0 * row0[j] + x1 * row1[j] + x2 * row2[j] + x3 * row3[j]
    return c


def simd(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The micro-kernel of simd.py under the loop nest of matmul.py, on one thread."""
    threads = get_num_threads()
    set_num_threads(1)
    try:
        return matmul(a, b)
    finally:
        set_num_threads(threads)


RUNGS: dict[str, Callable] = {"naive": matmul_naive, "compiled": compiled, "loop order": loop_order,
                              "tiled": tiled, "packed": packed, "SIMD": simd, "parallel": matmul}
