"""The machine's limits: arithmetic on operands in cache, and sequential memory access."""
import os
import platform
import time
from pathlib import Path

import numba
import numpy as np

from ...kernels.engine.compile import jit
from ...kernels.engine.parallel import get_num_threads, parallel
from ...kernels.engine.simd import MR, VECTOR_BYTES, contract, panel_width

STEPS, ROWS = 128, 8 * MR  # of a product
PRODUCTS = 2000
LENGTH = 1 << 24  # of the arrays that measure the memory


@jit
def _multiply(start, stop, a, b, c, repetitions):
    """Repeat the micro-kernel on a few kilobytes of operands; all rows of A are the same row."""
    nr = panel_width(a)
    a_off, c_off = np.zeros(ROWS, np.intp), np.arange(ROWS) * nr
    for _ in range((stop - start) * repetitions):
        contract(a, 0, a_off, 1, 0, 1, 0, STEPS, 1, b, 0, nr, 1, c[start], 0, c_off, nr, False)


@jit
def _triad(start, stop, a, b, c):
    for i in range(start, stop):
        a[i] = b[i] + np.float32(3) * c[i]


def _shortest(run, repetitions=40):
    """Seconds of the shortest of some calls, after one that may compile."""
    run()
    times = []
    for _ in range(repetitions):
        started = time.perf_counter()
        run()
        times.append(time.perf_counter() - started)
    return min(times)


def peak() -> float:
    """GFLOP/s of float32 multiply-adds on all threads, with all operands in the L1 cache."""
    threads = get_num_threads()
    nr = 2 * VECTOR_BYTES // 4
    a = np.ones(STEPS, np.float32)
    b = np.ones(STEPS * nr, np.float32)
    c = np.zeros((threads, ROWS * nr), np.float32)
    seconds = _shortest(lambda: parallel(_multiply, threads, a, b, c, PRODUCTS))
    return 2 * ROWS * nr * STEPS * PRODUCTS * threads / seconds / 1e9


def bandwidth() -> float:
    """GB/s of a[i] = b[i] + 3 c[i] on arrays of 64 MB and all threads: two reads and one write."""
    a, b, c = (np.ones(LENGTH, np.float32) for _ in range(3))
    return 3 * a.nbytes / _shortest(lambda: parallel(_triad, LENGTH, a, b, c)) / 1e9


def cpu_name() -> str:
    """The processor's name, as the system gives it."""
    info = Path("/proc/cpuinfo")
    for line in info.read_text(encoding="utf-8").splitlines() if info.exists() else ():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def describe() -> str:
    """One line: processor, cores, vector width, versions."""
    return (f"{cpu_name()}, {os.cpu_count()} cores, vectors of {8 * VECTOR_BYTES} bits, "
            f"{get_num_threads()} threads; {platform.system()}, Python "
            f"{platform.python_version()}, NumPy {np.__version__}, Numba {numba.__version__}")
