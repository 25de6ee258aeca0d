"""One thread pool for everything: a kernel is a serial loop over a range, and the range is shared out.

A kernel is a Numba function `kernel(start, stop, *args)` that releases the interpreter lock (`nogil=True`) and writes
only what belongs to its own start..stop, so the result is the same for any number of threads. Why not Numba's own
`prange`? Measured on two cores: a parallel region compiles in 2 to 5 s and a serial kernel in 0.5 to 1 s, which decides
how long a learner waits for the first step; a launch costs 20 us here and 10 us there, against kernels of
milliseconds; and prange's default layer aborts the process when two threads launch at once.
"""
import itertools
import os
import queue
import threading
from collections.abc import Callable

from numba import config

CHUNKS = 4  # pieces per thread, so that a core that is held up leaves its share to the others

_num_threads = config.NUMBA_NUM_THREADS  # all cores, or the environment variable of that name
_tasks: queue.SimpleQueue = queue.SimpleQueue()
_workers: list[threading.Thread] = []


def get_num_threads() -> int:
    """How many threads the kernels use: all cores, NUMBA_NUM_THREADS, or what `set_num_threads` said last."""
    return _num_threads


def set_num_threads(n: int) -> None:
    """Use n threads from now on. Raises ValueError unless n >= 1."""
    global _num_threads
    if n < 1:
        raise ValueError(f"set_num_threads: expected at least 1, got {n}")
    _num_threads = int(n)


def _work():
    while True:
        run, errors, wake = _tasks.get()
        try:
            run()
            errors.append(None)
        except BaseException as error:  # handed to the thread that is waiting for us
            errors.append(error)
        wake.put(None)
        del run, errors, wake  # an idle worker holds on to no array


def _forget():
    """After a fork the child has none of the threads: start again with none."""
    global _tasks
    _tasks = queue.SimpleQueue()
    _workers.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def parallel(kernel: Callable, count: int, *args, grain: int = 1) -> None:
    """Run kernel(start, stop, *args) over pieces of range(count), none much smaller than `grain`, on all threads."""
    pieces = min(CHUNKS * _num_threads, -(-count // grain))
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
    for _ in range(helpers):
        _tasks.put((run, errors, wake))
    interrupt = None
    try:
        run()
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
