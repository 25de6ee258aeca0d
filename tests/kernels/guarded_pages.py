"""A program: every public kernel, spoiled or not, on arrays between pages that cannot be read.

A byte read or written outside an argument or a result ends the process. Prints how many calls it
survived; the file of the first argument names the call in progress. Arguments: FILE, N for every
N-th spoiled call, "die" or "".
"""
import ctypes
import importlib
import itertools
import math
import mmap
import sys
import warnings

import numpy as np
from kernel_cases import ALL, CASES, public_kernels
from spoiled import COMPILED_ANEW
from test_bad_arrays import call, spoiled_calls

from tinynnclr import kernels

libc = ctypes.CDLL(None, use_errno=True)
sides = {"end": True}  # whether arrays end or begin at the edge


def at_the_edge(shape, dtype):
    """An array of zeros with a page before it and one behind it that nobody may touch."""
    dtype = np.dtype(dtype)
    size = math.prod(shape) * dtype.itemsize
    pages = max(1, -(-size // mmap.PAGESIZE))
    memory = mmap.mmap(-1, (pages + 2) * mmap.PAGESIZE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    for page in (0, pages + 1):
        assert libc.mprotect(ctypes.c_void_p(address + page * mmap.PAGESIZE), mmap.PAGESIZE, 0) == 0
    start = mmap.PAGESIZE + (pages * mmap.PAGESIZE - size if sides["end"] else 0)
    return np.frombuffer(memory, dtype, math.prod(shape), start).reshape(shape)


def moved(value):
    """C-contiguous arrays of numbers, moved to the edge; all else as it is."""
    if isinstance(value, tuple):
        return tuple(map(moved, value))
    if (not isinstance(value, np.ndarray) or value.dtype.kind not in "fiu"
            or not value.flags.c_contiguous or not value.flags.writeable
            or not value.flags.aligned):
        return value
    copy = at_the_edge(value.shape, value.dtype)
    copy[...] = value
    return copy


class EdgeNumpy:
    """NumPy, except that new arrays lie at the edge."""

    def __getattr__(self, name):
        return getattr(np, name)

    def empty(self, shape, dtype=float):
        return at_the_edge(shape if isinstance(shape, (tuple, list)) else (shape,), dtype) \
            if math.prod(np.atleast_1d(shape).tolist()) < 1 << 20 else np.empty(shape, dtype)

    zeros = empty

    def full(self, shape, value, dtype=float):
        array = self.empty(shape, dtype)
        array[...] = value
        return array

    def empty_like(self, array):
        return self.empty(array.shape, array.dtype)


def odd_sizes(dtype):
    """Kernels of vectors, with inputs at the edge whose sizes are beside whole vectors."""
    rng = np.random.default_rng(0)

    def draw(*shape):
        return moved(rng.standard_normal(shape).astype(dtype))

    for n, k in itertools.product((1, 3, 5, 8, 9, 16, 17, 33), (1, 4, 197)):
        a, b, rows = draw(7, k), draw(k, n), draw(n, k)
        kernels.matmul(a, b), kernels.matmul(b.T, a.T)
        kernels.nearest(rows, a), kernels.nearest(a, rows, min(n, 2))
    for c, f in ((1, 1), (3, 5), (2, 8), (5, 17), (16, 9), (7, 33)):
        x = draw(2, 7, 6, c)
        for stride, padding in ((1, 1), (2, 0), (3, 2)):
            weight = draw(3, 2, c, f)
            g = draw(*kernels.conv2d(x, weight, stride, padding).shape)
            kernels.conv2d_grad_input(g, weight, x.shape, stride, padding)
            kernels.conv2d_grad_weight(g, x, weight.shape, stride, padding)
            y, where = kernels.max_pool2d(x, 3, stride, 1)
            kernels.max_pool2d_grad(draw(*y.shape), where, x.shape)
        channels = [draw(c) for _ in range(2)]
        statistics = kernels.moments(x)
        kernels.normalize(x, *channels, *statistics, relu=True)
        kernels.normalize_grad(draw(*x.shape), x, *channels, *statistics, relu=True)


def main(file, every, die):
    """Every case as it is and, of its spoiled calls, one in `every`."""
    warnings.simplefilter("ignore")
    if die:
        ctypes.string_at(at_the_edge((4,), np.float32).ctypes.data, 17)
    for sides["end"], dtype in itertools.product((True, False), (np.float32, np.float64)):
        odd_sizes(dtype)
    count = 0
    with open(file, "w", encoding="utf-8") as log:
        for name, i in ALL:
            case, module = CASES[name][i], importlib.import_module(
                    f"tinynnclr.kernels.{name.split('.')[0]}")
            own = case.arguments(np.random.default_rng(0), np.float32)
            call(name, own)  # what is compiled must see the true NumPy
            for n, (what,
                    arguments) in enumerate([("unspoiled",
                                              case.arguments(np.random.default_rng(0), np.float32)),
                                             *spoiled_calls(name, case, np.float32)]):
                if n and n % every and not what.startswith("empty") or what.endswith(
                        COMPILED_ANEW) and every > 2:
                    continue
                for sides["end"] in (True, False):
                    print(name, i, what, sides, file=log, flush=True)
                    placed = {key: moved(value) for key, value in arguments.items()}
                    module.np = EdgeNumpy()
                    try:
                        call(name, placed)
                    finally:
                        module.np = np
                    count += 1
    print("alive", count, len(public_kernels()))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3] == "die")
