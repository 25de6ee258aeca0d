"""Lesson 04: tiles that cover a matrix, sums kept in the tile, a tile that fits the cache."""
from collections.abc import Sequence
from typing import Any

import numpy as np
from numba import njit
from numba.core.errors import NumbaError

from ..check import Trial, exercise


class Counted:
    """A matrix that returns one number at a time and counts `loads` and `stores`.

    m[i, j] and m[i, j] = x are counted; m[i, j0:j1] and m[i] are views that share these counts.
    Whole-array arithmetic is missing, as it would hide what is loaded.
    """

    def __init__(self, array: np.ndarray, counts: dict[str, int] | None = None):
        self._array, self._counts = array, {"loads": 0, "stores": 0} if counts is None else counts
        self.shape, self.dtype = array.shape, array.dtype

    @property
    def loads(self) -> int:
        return self._counts["loads"]

    @property
    def stores(self) -> int:
        return self._counts["stores"]

    def __len__(self):
        return self.shape[0]

    def __repr__(self):
        return f"matrix {self.shape}"

    def __getitem__(self, key):
        found = self._array[key]
        if np.ndim(found):
            return Counted(found, self._counts)
        self._counts["loads"] += 1
        return found

    def __setitem__(self, key, value):
        if np.ndim(self._array[key]) or not np.isscalar(value):
            raise TypeError("one number at a time: c[i, j] = a number")
        self._counts["stores"] += 1
        self._array[key] = value

    def __array__(self, *args, **kwargs):
        raise TypeError("one number at a time: no arithmetic on whole matrices or rows")

    __matmul__ = __rmatmul__ = __mul__ = __rmul__ = __add__ = __radd__ = __iadd__ = __array__


def tiles(n: int, size: int) -> list[tuple[int, int]]:
    """(start, stop) of adjacent tiles that cover range(n), each of `size`, but for the last one."""
    return [(start, min(start + size, n)) for start in range(0, n, size)]


def tile_product(a: Any, b: Any, c: Any, i0: int, i1: int, j0: int, j1: int, k0: int,
                 k1: int) -> None:
    """Add A[i0:i1, k0:k1] B[k0:k1, j0:j1] to C[i0:i1, j0:j1], by loops, with a buffer of sums."""
    sums, row = np.zeros((i1 - i0, j1 - j0), a.dtype), np.zeros(j1 - j0, a.dtype)
    for k in range(k0, k1):
        fetched = b[k, j0:j1]
        for j in range(len(row)):
            row[j] = fetched[j]
        for i in range(i1 - i0):
            one, total = a[i0 + i, k], sums[i]
            for j in range(len(row)):
                total[j] += one * row[j]
    for i in range(i1 - i0):
        out, total = c[i0 + i, j0:j1], sums[i]
        for j in range(len(total)):
            out[j] += total[j]


def tile_depth(cache: int, rows: int, width: int, itemsize: int) -> int:
    """The largest multiple of 8, at least 8, for which three pieces fit in a cache of that size.

    The pieces: depth x width numbers of B, rows x depth of A, rows x width sums. `cache` and
    `itemsize` count bytes.
    """
    room = cache // itemsize - rows * width
    return max(8, room // (rows + width) // 8 * 8)


@exercise("04.a", reference=tiles)
def _(trial):
    for n, size in (
            (1, 1), (4, 4), (8, 4), (5, 4), (3, 4), (2, 1), (64, 32), (33, 32), (97, 32), (97, 64),
            (33, 1)):
        _covers(trial, trial(n, size), n, size)


def _covers(trial: Trial, got: Any, n: int, size: int) -> None:
    given: dict[str, Any] = {"n": n, "size": size, "expected": tiles(n, size), "got": got}
    try:
        found = [(int(start), int(stop)) for start, stop in got]
    except (TypeError, ValueError):
        trial.fail("expected a list of pairs (start, stop)", **given)
    times = [sum(start <= place < stop for start, stop in found) for place in range(n)]
    trial.true(all(0 <= start < stop <= n for start, stop in found),
               f"a tile is empty, or reaches beyond place {n - 1}, the last", **given)
    for place in range(n):
        trial.true(times[place] == 1, f"place {place} is in {times[place]} tiles: where sums are "
                   "added up, each must be in one", **given)
    trial.true(found == tiles(n, size), f"every place is covered once, but tiles of {size} were "
               "asked for, from left to right, with the rest in a last and shorter one", **given)


# name, (m, n, steps), the bounds
BLOCKS = (
    ("one number", (1, 1, 1), (0, 1, 0, 1, 0, 1)),
    ("two steps of the sum", (1, 1, 2), (0, 1, 0, 1, 0, 2)),
    ("two columns", (1, 2, 1), (0, 1, 0, 2, 0, 1)),
    ("two rows", (2, 1, 1), (0, 2, 0, 1, 0, 1)),
    ("a tile of 2 x 3, and 4 steps", (2, 3, 4), (0, 2, 0, 3, 0, 4)),
    ("the lower right tile", (3, 3, 2), (2, 3, 1, 3, 0, 2)),
    ("steps 2 to 4", (2, 2, 5), (0, 2, 0, 2, 2, 4)),
    ("a whole tile of 33 x 33 numbers", (33, 33, 8), (0, 8, 0, 32, 0, 8)),
    ("the short last tile of 33 x 33 numbers", (33, 33, 9), (32, 33, 32, 33, 8, 9)),
    ("a tile in the middle", (20, 40, 12), (8, 16, 16, 40, 3, 11)))


@exercise("04.b", reference=tile_product)
def _(trial):
    rng = np.random.default_rng(4)
    for name, (m, n, steps), bounds in BLOCKS:
        _one_tile(trial, name, whole(rng, m, steps), whole(rng, steps, n), whole(rng, m, n), bounds)
    a, b, c = (whole(rng, *shape).astype(np.float32) for shape in ((9, 7), (7, 11), (9, 11)))
    expected = after(a, b, c, (1, 9, 2, 11, 3, 7))
    trial.true(_compiles(trial.answer, a, b, c, (1, 9, 2, 11, 3, 7)),
               "right, but Numba cannot compile it: keep to loops, slices of a row, and "
               "np.zeros(shape, a.dtype)")
    trial.equal(c, expected, hint="right in Python, but different when compiled by Numba")


def whole(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """Whole numbers: their sums are exact in every order."""
    return rng.integers(1, 10, (rows, columns)).astype(float)


def after(a: np.ndarray, b: np.ndarray, c: np.ndarray, bounds: Sequence[int]) -> np.ndarray:
    """C after the product of the tile was added."""
    i0, i1, j0, j1, k0, k1 = bounds
    expected = c.copy()
    expected[i0:i1, j0:j1] += a[i0:i1, k0:k1] @ b[k0:k1, j0:j1]
    return expected


def _one_tile(trial, name, a, b, c, bounds):
    """Values first, then what was fetched and stored for them."""
    i0, i1, j0, j1, k0, k1 = bounds
    rows, width, steps = i1 - i0, j1 - j0, k1 - k0
    given = {"a": a, "b": b, "c_before": c.copy(), "bounds": f"i {i0}:{i1}, j {j0}:{j1}, k "
             f"{k0}:{k1}"}
    expected, seen = after(a, b, c, bounds), [Counted(x) for x in (a, b, c)]
    trial(*seen, *bounds)
    trial.equal(c, expected, hint=f"{name}: C is not what it should be", **given)
    stores, loads = seen[2].stores, seen[0].loads + seen[1].loads
    trial.true(stores <= rows * width, f"{name}: right numbers, but {stores} stores to C for a "
               f"tile of {rows} x {width}, and {rows * width} are enough: add up all {steps} steps "
               "in an array of your own, then go to C once", **given)
    trial.true(seen[2].loads <= rows * width, f"{name}: right numbers, but {seen[2].loads} numbers "
               f"of C were fetched, and {rows * width} are enough", **given)
    trial.true(loads <= steps * (rows + width), f"{name}: right numbers, but {loads} numbers of A "
               f"and B were fetched; {rows} of A and {width} of B for each of {steps} steps are "
               f"{steps * (rows + width)}: keep what was fetched until the whole tile has used it",
               **given)


def _compiles(function, a, b, c, bounds):
    try:
        njit(function)(a, b, c, *bounds)
    except NumbaError:
        return False
    return True


@exercise("04.c", reference=tile_depth)
def _(trial):
    for cache, rows, width, itemsize, hint in (
            (256, 1, 8, 1, "one byte a number: 8 d + d + 8 bytes in 256: 27 would fit, 24 is the "
             "multiple of 8 below"),
            (136, 8, 1, 1,
             "one column: d + 8 d + 8 bytes in 136: 14 would fit, 8 is the multiple of 8 below"),
            (512, 1, 8, 4, "numbers of 4 bytes: the cache is counted in bytes"),
            (256, 8, 8, 1,
             "8 rows: rows x depth numbers of A and rows x width sums need space, too"),
            (128, 8, 8, 8, "not even a depth of 8 fits: then it is 8"),
            (4 * (16 * 9 + 8), 1, 8, 4, "16 fits exactly"),
            (4 * (16 * 9 + 8) - 1, 1, 8, 4, "one byte too few for 16"),
            (1 << 15, 16, 128, 4, "a first-level cache of 32 KB"),
            (48 << 10, 16, 128, 4, "one of 48 KB"),
            (1 << 19, 6, 16, 4, "a second-level cache"),
            (1 << 15, 16, 128, 8, "float64")):
        trial.equal(trial(cache, rows, width, itemsize), tile_depth(cache, rows, width, itemsize),
                    hint=hint, cache=cache, rows=rows, width=width, itemsize=itemsize)
