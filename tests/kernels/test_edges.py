"""No kernel reads a byte past the end of its inputs, where the readable memory ends."""
import subprocess
import sys

import pytest

SCRIPT = """
import ctypes, mmap
import numpy as np
from tinynnclr import kernels

libc = ctypes.CDLL(None, use_errno=True)

def at_the_edge(shape, dtype):
    # random numbers that end where a page begins that nobody may touch
    array = np.random.default_rng(0).standard_normal(shape).astype(dtype)
    pages = -(-array.nbytes // mmap.PAGESIZE)
    memory = mmap.mmap(-1, (pages + 1) * mmap.PAGESIZE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory)) + pages * mmap.PAGESIZE
    assert libc.mprotect(ctypes.c_void_p(address), mmap.PAGESIZE, 0) == 0
    copy = np.frombuffer(memory, dtype, array.size, pages * mmap.PAGESIZE - array.nbytes)
    copy = copy.reshape(shape)
    copy[...] = array
    return copy

for dtype in (np.float32, np.float64):
    if "die" in {argument!r}:
        array = at_the_edge((4,), dtype)
        ctypes.string_at(array.ctypes.data, array.nbytes + 1)
    for n in (1, 3, 5, 8, 9, 16, 17, 33):
        for k in (1, 4, 197):
            a, b = at_the_edge((7, k), dtype), at_the_edge((k, n), dtype)
            kernels.matmul(a, b), kernels.matmul(b.T, a.T)
            rows = at_the_edge((n, k), dtype)
            kernels.nearest(rows, a), kernels.nearest(a, rows, min(n, 2))
    for c, f in ((1, 1), (3, 5), (2, 8), (5, 17), (16, 9), (7, 33)):
        for stride, padding in ((1, 1), (2, 0), (3, 2)):
            x, weight = at_the_edge((2, 7, 6, c), dtype), at_the_edge((3, 2, c, f), dtype)
            g = at_the_edge(kernels.conv2d(x, weight, stride, padding).shape, dtype)
            kernels.conv2d_grad_input(g, weight, x.shape, stride, padding)
            kernels.conv2d_grad_weight(g, x, weight.shape, stride, padding)
            y, where = kernels.max_pool2d(x, 3, stride, 1)
            g = at_the_edge(y.shape, dtype)
            kernels.max_pool2d_grad(g, where, x.shape)
        channels = [at_the_edge((c,), dtype) for _ in range(2)]
        mean, var = kernels.moments(x)
        kernels.normalize(x, *channels, mean, var, relu=True)
        kernels.normalize_grad(at_the_edge(x.shape, dtype), x, *channels, mean, var, relu=True)
print("alive")
"""


@pytest.mark.skipif(sys.platform not in ("linux", "darwin"), reason="needs mprotect")
@pytest.mark.parametrize(("argument", "wanted"), [("", "alive\n"), ("die", "")],
                         ids=["kernels", "a byte too many"])
def test_no_kernel_reads_past_the_end(argument, wanted):
    script = SCRIPT.replace("{argument!r}", repr(argument))
    done = subprocess.run([sys.executable, "-c", script], timeout=200, capture_output=True,
                          encoding="utf-8")
    assert done.stdout == wanted, done.stderr
    assert done.returncode == 0 if wanted else done.returncode < 0
