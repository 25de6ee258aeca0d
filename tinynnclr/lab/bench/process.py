"""Measurements that need a fresh process: peak memory, and the time to the first step.

    python -m tinynnclr.lab.bench.process ours|torch WIDTH THREADS      prints the peak in MB
    python -m tinynnclr.lab.bench.process start THREADS                 makes one training step
"""
import ctypes
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ... import kernels

STEPS = 6


def run(*arguments: str, **environment: str) -> tuple[float, str]:
    """(seconds, output) of this module in a new process; RuntimeError with its last line."""
    started = time.perf_counter()
    process = subprocess.run([sys.executable, "-m", "tinynnclr.lab.bench.process", *arguments],
                             capture_output=True, env={**os.environ, **environment},
                             encoding="utf-8", errors="replace")
    if process.returncode:
        raise RuntimeError((process.stderr.strip().splitlines() or ["no message"])[-1])
    return time.perf_counter() - started, process.stdout


def peak_memory(side: str, width: int) -> float:
    """Peak memory in MB of a process that makes a few steps; side: "ours" or "torch"."""
    return float(run(side, str(width), str(kernels.get_num_threads()))[1])


def start(cold: bool) -> float:
    """Seconds from starting Python to the end of the first step; cold: nothing is compiled yet."""
    threads = str(kernels.get_num_threads())
    if not cold:
        run("start", threads)
        return run("start", threads)[0]
    with tempfile.TemporaryDirectory() as empty:
        return run("start", threads, NUMBA_CACHE_DIR=empty)[0]


def _first_step():
    from ...datasets.views import augmentation_pair
    from ...methods import NNCLR
    from ...train.loop import train_step
    from ...train.run import Run
    from ...train.run_dir import load_data

    config = NNCLR.Config()
    data, _ = load_data(config)
    run = Run(config, data)
    views, ids = next(run.batches(data, augmentation_pair(config.augmentation)))
    train_step(run, views, ids)


def _main(side: str, *arguments: str) -> None:
    kernels.set_num_threads(int(arguments[-1]))
    if side == "start":
        return _first_step()
    if side == "ours":
        from .step import make_step
    else:
        from .torch_step import make_step  # type: ignore[assignment]
    step = make_step(int(arguments[0]))
    for _ in range(STEPS):
        step()
    print(_peak_mb())


def _peak_mb():
    """Peak memory of this process in MB.

    On Linux it is read from /proc, as getrusage includes the memory of the parent at the fork.
    """
    if sys.platform == "win32":
        # PROCESS_MEMORY_COUNTERS: its size in bytes, the peak, seven others; -1 is this process
        counters = (ctypes.c_size_t * 9)(72)
        ctypes.windll.kernel32.K32GetProcessMemoryInfo(ctypes.c_void_p(-1), counters, 72)
        return counters[1] / 2**20
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text(encoding="utf-8").partition("VmHWM:")[2].split()[0]) / 2**10
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


if __name__ == "__main__":
    _main(*sys.argv[1:])
