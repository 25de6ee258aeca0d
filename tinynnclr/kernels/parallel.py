"""One thread pool for everything: a kernel is a serial loop over a range, and the range is shared out.

A kernel is a Numba function `kernel(start, stop, *args)` that releases the interpreter lock (`nogil=True`) and writes
only what belongs to its own start..stop, so the result is the same for any number of threads. Why not Numba's own
`prange`? Measured on two cores: a parallel region compiles in 2 to 5 s and a serial kernel in 0.5 to 1 s, which decides
how long a learner waits for the first step; and prange's default layer aborts the process when two threads launch at
once. A launch costs about 20 us: idle workers spin for a millisecond before they go to sleep (spin.py).
"""
import contextlib
import ctypes
import itertools
import os
import queue
import sys
import threading
from collections.abc import Callable

import numpy as np
from numba import config

from .boundary import is_whole
from .spin import GRACE, LOOKS, spin

MOST_THREADS = 1024  # more than any machine has cores; a system refuses to start too many
CHUNKS = 8  # pieces per thread, so that a core that is held up leaves its share to the others

_num_threads = config.NUMBA_NUM_THREADS  # all cores, or the environment variable of that name
_tasks: queue.SimpleQueue = queue.SimpleQueue()
_workers: list[threading.Thread] = []
_launches = np.zeros(1, np.int64)  # how often tasks were put out so far: what an idle worker looks at
_nobody = np.zeros(1, np.int64)  # a counter that nobody reads


def get_num_threads() -> int:
    """How many threads the kernels use: all cores, NUMBA_NUM_THREADS, or what `set_num_threads` said last."""
    return _num_threads


def set_num_threads(n: int) -> None:
    """Use n threads from now on. Raises ValueError unless 1 <= n <= MOST_THREADS."""
    global _num_threads
    if not is_whole(n, 1, MOST_THREADS):
        raise ValueError(f"set_num_threads: expected 1 to {MOST_THREADS}, got {n}")
    _num_threads = int(n)


_linux = ctypes.CDLL(None) if sys.platform.startswith("linux") else None
_asleep: set[int] = set()  # workers that have given up spinning


def _take_a_core(taken):
    """Note the calling thread's core; if another of the launch has it already, leave it for a free one first.

    Linux may wake a worker on the very core of the thread that woke it, and leave both there for seconds.
    """
    if _linux is None:
        return
    core = _linux.sched_getcpu()
    if core in taken:
        allowed = os.sched_getaffinity(0)  # the calling thread's own
        if free := allowed - set(taken):
            with contextlib.suppress(OSError):  # where that is forbidden, it stays
                os.sched_setaffinity(0, free)  # moves it at once
                os.sched_setaffinity(0, allowed)
            core = _linux.sched_getcpu()
    taken.append(core)


def _work():
    done, me = _nobody, threading.get_ident()
    while True:
        seen = _launches[0]
        if not spin(done, _launches, seen + 1 if _tasks.empty() else seen, LOOKS, GRACE):
            _asleep.add(me)
        run, errors, wake, done, cores = _tasks.get()
        _asleep.discard(me)
        try:
            _take_a_core(cores)
            run()
            errors.append(None)
        except BaseException as error:  # handed to the thread that is waiting for us
            errors.append(error)
        wake.put(None)
        del run, errors, wake, cores  # an idle worker holds on to no array


def _forget():
    """After a fork the child has none of the threads: start again with none."""
    global _tasks
    _tasks = queue.SimpleQueue()
    _workers.clear()
    _asleep.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def parallel(kernel: Callable, count: int, *args, grain: int = 1) -> None:
    """Run kernel(start, stop, *args) over pieces of range(count), none much smaller than `grain`, on all threads."""
    pieces = min(CHUNKS * _num_threads, -(-count // grain))
    if pieces > _num_threads:
        pieces -= pieces % _num_threads  # as many for each
    if _num_threads == 1 or pieces <= 1:
        if count > 0:
            kernel(0, count, *args)
        return
    ticket = itertools.count()  # next() is atomic: whoever is free takes the next piece

    def run():
        while (piece := next(ticket)) < pieces:
            start, stop = piece * count // pieces, (piece + 1) * count // pieces
            kernel(start, stop, *args)

    helpers = min(_num_threads, pieces) - 1
    while len(_workers) < helpers:
        worker = threading.Thread(target=_work, name=f"kernels-{len(_workers)}", daemon=True)
        worker.start()
        _workers.append(worker)  # two callers may both come here: a worker too many does no harm
    errors: list[BaseException | None] = []
    wake: queue.SimpleQueue = queue.SimpleQueue()
    done = np.zeros(1, np.int64)
    cores: list[int] = []
    _take_a_core(cores)
    for _ in range(helpers):
        _tasks.put((run, errors, wake, done, cores))
    _launches[0] += 1
    if _asleep and _linux is not None:
        _linux.sched_yield()  # where a worker wakes on our core, let it go first: it moves away at once
    interrupt = None
    try:
        run()
        spin(_nobody, done, helpers, LOOKS, 0)
    finally:  # an interrupt leaves only once nobody writes into our arrays any more
        ticket = itertools.count(pieces)
        while len(errors) < helpers:  # not: until so many came out of `wake`, for an interrupt may swallow one
            try:
                wake.get()
            except KeyboardInterrupt as e:
                interrupt = e
    for error in (interrupt, *errors):
        if error is not None:
            raise error
