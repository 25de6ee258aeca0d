"""Checks that every kernel must pass: nothing outside, any layout, any number of threads."""
import contextlib
import math
import sys

import numpy as np

read_only = False  # whether `views` has read-only arrays: conftest.py says so with --all
BORDER = 256  # numbers on either side: more than any vector or panel is wide


def surround(array):
    """(a C-contiguous copy of array, the larger array in which it lies between NaN)."""
    whole = np.full(array.size + 2 * BORDER, np.nan, array.dtype)
    inside = whole[BORDER:BORDER + array.size].reshape(array.shape)
    inside[...] = array
    return inside, whole


class _GuardedNumpy:
    """NumPy, except that new arrays lie in the middle of larger ones whose border must stay."""

    def __init__(self):
        self.made = []

    def __getattr__(self, name):
        return getattr(np, name)

    def full(self, shape, value, dtype):
        size = math.prod(shape) if isinstance(shape, tuple) else shape
        whole = np.full(size + 2 * BORDER, np.nan if np.dtype(dtype).kind == "f" else 99, dtype)
        self.made.append((whole, size, whole.copy()))
        inside = whole[BORDER:BORDER + size]
        inside[...] = value
        return inside.reshape(shape)

    def empty(self, shape, dtype):
        return self.full(shape, 55, dtype)

    def zeros(self, shape, dtype):
        return self.full(shape, 0, dtype)

    def empty_like(self, array):
        return self.full(array.shape, 55, array.dtype)


@contextlib.contextmanager
def guarded(monkeypatch, kernel):
    """Inside, arrays that the kernel's module makes are guarded; checked at the end.

    Call the kernels once before: what Numba compiles in here would see the guard.
    """
    guard = _GuardedNumpy()
    with monkeypatch.context() as patch:
        patch.setattr(sys.modules[kernel.__module__], "np", guard)
        yield
    assert guard.made, "the module made no array"
    for whole, size, before in guard.made:
        for border in (slice(0, BORDER), slice(BORDER + size, None)):
            np.testing.assert_array_equal(whole[border], before[border])


def _tuple(result):
    return result if isinstance(result, tuple) else (result,)


def nothing_outside(monkeypatch, kernel, compute, *arrays):
    """compute(*arrays) reads and writes nothing outside its arguments and its results."""
    wanted = _tuple(compute(*arrays))
    insides, wholes = zip(*map(surround, arrays), strict=True)
    before = [whole.copy() for whole in wholes]
    with guarded(monkeypatch, kernel):
        got = _tuple(compute(*insides))
    for one, other in zip((*got, *wholes), (*wanted, *before), strict=True):
        np.testing.assert_array_equal(one, other)


def same_bytes(threads, compute):
    """compute() gives the same arrays, byte for byte, with 1, 2, 3 and 7 threads."""
    results = []
    for n in (1, 2, 3, 7):
        threads(n)
        results.append([a.tobytes() for a in _tuple(compute())])
    assert all(result == results[0] for result in results)


def any_layout(compute, *arrays):
    """compute gives the same bytes for arrays of any layout, and leaves them as they are."""
    for given in zip(*map(views, arrays), strict=True):
        copies = [np.array(a) for a in given]
        for got, wanted in zip(_tuple(compute(*given)), _tuple(compute(*copies)), strict=True):
            assert got.tobytes() == wanted.tobytes()
        for array, copy in zip(given, copies, strict=True):
            np.testing.assert_array_equal(array, copy)


def views(array):
    """Arrays of this shape, transposed, strided, reversed, repeated; with --all read-only."""
    yield np.asfortranarray(array)
    wide = np.zeros([2 * size for size in array.shape], array.dtype)
    every_second = wide[tuple(slice(None, None, 2) for _ in array.shape)]
    every_second[...] = array
    yield every_second
    yield array[::-1].copy()[::-1]
    # to Numba another type, compiled anew: once is enough
    if array.dtype == np.float32 and read_only:
        frozen = array.copy()
        frozen.flags.writeable = False
        yield frozen
    yield np.broadcast_to(array[:1], array.shape)  # one row again and again: stride 0
