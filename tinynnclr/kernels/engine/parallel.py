"""One thread pool for everything: a kernel is a serial loop over a range, split among threads.

A kernel is a Numba function `kernel(start, stop, *args)` that releases the interpreter lock
(`nogil=True`) and writes only what belongs to its own start..stop, so the result is the same for
any number of threads. Numba's own `prange` is not used: a parallel region compiles in 2 to 5 s and
a serial kernel in 0.5 to 1 s (on two cores), and prange's default layer aborts the process when two
threads launch at once. A launch costs about 20 us: idle workers spin for a millisecond before they
sleep (spin_wait.py).
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

from .checks import is_whole, plain
from .environment import MOST_THREADS
from .spin_wait import GRACE, LOOKS, spin

CHUNKS = 8  # pieces per thread, so that other threads take over the pieces of a slow core

_num_threads = min(config.NUMBA_NUM_THREADS, MOST_THREADS)  # all cores unless NUMBA_NUM_THREADS
_tasks: queue.SimpleQueue = queue.SimpleQueue()
_workers: list[threading.Thread] = []
_launches = np.zeros(1, np.int64)  # the number of launches so far, which an idle worker reads
_unread = np.zeros(1, np.int64)  # a counter that no thread reads


def get_num_threads() -> int:
    """The kernels' threads: all cores, NUMBA_NUM_THREADS, or the last `set_num_threads`."""
    return _num_threads


def set_num_threads(n: int) -> None:
    """Use n threads from now on, for calls from any thread; ValueError unless in 1 to MOST_THREADS.
    """
    global _num_threads
    if not is_whole(n, 1, MOST_THREADS):
        raise ValueError(f"set_num_threads: expected 1 to {MOST_THREADS}, got {n}")
    _num_threads = int(n)


_linux = ctypes.CDLL(None) if sys.platform.startswith("linux") else None
_asleep: set[int] = set()  # workers that have given up spinning


def _take_a_core(taken):
    """Note the calling thread's core; if another thread of the launch has it, move to a free one.

    Linux may wake a worker on the very core of the thread that woke it, and leave both there for
    seconds.
    """
    if _linux is None:
        return
    core = _linux.sched_getcpu()
    if core in taken:
        with contextlib.suppress(OSError):  # where that is forbidden, it stays
            allowed = os.sched_getaffinity(0)  # the calling thread's own
            if free := allowed - set(taken):
                os.sched_setaffinity(0, free)  # moves it at once
                os.sched_setaffinity(0, allowed)
        core = _linux.sched_getcpu()
    taken.append(core)


class _Launch:
    """One call of `parallel`, in which idle workers may take part until it is closed.

    The caller waits only for workers that take part. A worker that has ended, could not be started
    or is busy (for example with the kernel that made this call) makes the call slower, but does not
    block it.
    """

    def __init__(self, run):
        self.run, self.closed = run, False
        self.entered: list[bool] = []
        self.errors: list[BaseException | None] = []  # an entry for each worker that has finished
        self.wake: queue.SimpleQueue = queue.SimpleQueue()
        self.done = np.zeros(1, np.int64)  # their number, for a caller that spins
        self.cores: list[int] = []

    def help(self):
        """Take part, in a worker. `close` relies on the order of the first two steps."""
        self.entered.append(True)
        error = None
        try:
            if not self.closed:
                _take_a_core(self.cores)
                self.run()
        except BaseException as raised:  # the caller raises it again
            error = raised
        self.errors.append(error)
        self.wake.put(None)
        return self.done

    def close(self):
        """Wait until no worker takes part; return their errors, and a KeyboardInterrupt meanwhile.
        """
        interrupt = None
        while True:
            try:
                self.closed = True
                # do not count items of `wake`: an interrupt may lose one
                if len(self.errors) >= len(self.entered):
                    break
                self.wake.get(timeout=0.2)  # Windows notices Ctrl-C only after a wait
            except queue.Empty:
                pass
            except KeyboardInterrupt as raised:
                interrupt = raised
        # a late worker must not keep arrays alive
        errors, self.run, self.errors = self.errors, None, []
        return [interrupt, *errors]


def _work():
    done, me = _unread, threading.get_ident()
    while True:
        try:
            seen = _launches[0]
            spinning = spin(done, _launches, seen + 1 if _tasks.empty() else seen, LOOKS, GRACE)
        except BaseException:  # the caller spins as well, and raises it
            spinning = False
        if not spinning:
            _asleep.add(me)
        launch = _tasks.get()
        _asleep.discard(me)
        done = launch.help()
        del launch


def _start_workers(count):
    """Start missing workers; return how many there are, at most `count`."""
    if not all(worker.is_alive() for worker in _workers):
        _workers[:] = [worker for worker in _workers if worker.is_alive()]
    while len(_workers) < count:
        worker = threading.Thread(target=_work, name=f"kernels-{len(_workers)}", daemon=True)
        try:
            worker.start()
        except RuntimeError:  # no more threads can be started: use those that exist
            break
        _workers.append(worker)  # two callers may both come here: a worker too many does no harm
    return min(count, len(_workers))


def _forget():
    """After a fork the child has none of the threads: start again with none."""
    global _tasks
    _tasks = queue.SimpleQueue()
    _workers.clear()
    _asleep.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def parallel(kernel: Callable, count: int, *args, grain: int = 1) -> None:
    """Run kernel(start, stop, *args) over pieces of range(count), about `grain` or longer."""
    count, grain = plain(count), plain(grain)
    pieces = min(CHUNKS * _num_threads, -(-count // grain))
    if pieces > _num_threads:
        pieces -= pieces % _num_threads  # the same number for each
    if _num_threads == 1 or pieces <= 1:
        if count > 0:
            kernel(0, count, *args)
        return
    ticket = itertools.count()  # next() is atomic: an idle thread takes the next piece

    def run():
        while not launch.closed and (piece := next(ticket)) < pieces:
            start, stop = piece * count // pieces, (piece + 1) * count // pieces
            kernel(start, stop, *args)

    launch = _Launch(run)
    try:
        _take_a_core(launch.cores)
        helpers = _start_workers(min(_num_threads, pieces) - 1)
        # a long queue: all workers are busy
        for _ in range(helpers if _tasks.qsize() < MOST_THREADS else 0):
            _tasks.put(launch)
        _launches[0] += 1
        if _asleep and _linux is not None:
            _linux.sched_yield()  # a worker that wakes on this core moves to another at once
        run()
        launch.closed = True
        spin(_unread, launch.done, len(launch.entered), LOOKS, 0)
    finally:  # an interrupt waits until no worker writes into the arrays
        errors = launch.close()
    for error in errors:
        if error is not None:
            raise error
