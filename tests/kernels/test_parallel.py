"""The thread pool: every number of the range once, errors reach the caller after all writes."""
import gc
import os
import signal
import subprocess
import sys
import threading
import time
import weakref

import numpy as np
import pytest
from one_line import fails

from tinynnclr.kernels import get_num_threads, matmul
from tinynnclr.kernels.engine import parallel as module
from tinynnclr.kernels.engine.parallel import parallel


class Interrupt(BaseException):
    """Not an Exception, as KeyboardInterrupt is not one."""


def eventually(true, seconds=5):
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.005)
    return true()


@pytest.mark.parametrize("n", [1, 2, 5, 1000])
def test_set_num_threads(threads, n):
    threads(n)
    assert get_num_threads() == n


@pytest.mark.parametrize("n", [0, -1])
def test_set_num_threads_refuses(threads, n):
    before = get_num_threads()
    with fails(ValueError, "set_num_threads", "expected 1 to 1024", f"got {n}"):
        threads(n)
    assert get_num_threads() == before


@pytest.mark.parametrize("n", [1, 2, 3, 8])
def test_pieces_cover_the_range_exactly_once(threads, n):
    threads(n)
    for count in (0, 1, 2, 3, 7, 8, 31, 32, 33, 100, 1001):
        for grain in (1, 2, 5, 64, 5000):
            seen, pieces = np.zeros(count, int), []

            def kernel(start, stop, seen, pieces):
                pieces.append((start, stop))
                seen[start:stop] += 1

            parallel(kernel, count, seen, pieces, grain=grain)
            assert (seen == 1).all()
            assert all(start < stop for start, stop in pieces)
            assert len(pieces) <= max(1, min(n * module.CHUNKS, -(-count // grain)))


def test_more_than_one_thread_works(threads):
    threads(3)
    meeting = threading.Barrier(3)  # passes only when three threads are inside the kernel at once

    def kernel(start, stop):
        if start < 3:
            meeting.wait(timeout=10)

    parallel(kernel, 3)
    assert not meeting.broken


@pytest.mark.parametrize("error", [ValueError, Interrupt, KeyboardInterrupt])
@pytest.mark.parametrize("whose", ["caller", "worker"])
def test_errors_reach_the_caller_once_nobody_writes(threads, error, whose):
    threads(2)
    caller, busy = threading.current_thread(), []

    def kernel(start, stop):
        if (threading.current_thread() is caller) == (whose == "caller"):
            eventually(lambda: busy)  # the other one is in the middle of its piece
            raise error("in the kernel")
        busy.append(start)
        time.sleep(0.1)
        busy.remove(start)

    with pytest.raises(error, match="in the kernel"):
        parallel(kernel, 8)
    assert not busy
    time.sleep(0.05)
    assert not busy
    seen = np.zeros(50, int)  # and the pool still works
    parallel(lambda start, stop: seen.__setitem__(slice(start, stop), 1), 50)
    assert seen.all()


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="needs signals that reach a "
                    "waiting thread")
def test_an_interrupt_while_the_caller_waits_leaves_no_worker_writing(threads):
    threads(2)
    caller, busy, done = threading.main_thread(), [], []

    def kernel(start, stop):
        if threading.current_thread() is caller:
            assert eventually(lambda: busy)  # the worker has a piece, too
        elif not busy:
            busy.append(start)
            time.sleep(0.1)  # by now the caller has done the rest and waits
            signal.pthread_kill(caller.ident, signal.SIGINT)
            time.sleep(0.2)
            done.append(start)

    with pytest.raises(KeyboardInterrupt):
        parallel(kernel, 8)
    assert done == busy


def test_from_two_threads_at_once(threads):
    threads(3)
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((200, 60)), rng.standard_normal((60, 40))
    wanted, wrong = matmul(a, b).tobytes(), []

    def work():
        for _ in range(100):
            if matmul(a, b).tobytes() != wanted:
                wrong.append(threading.current_thread().name)

    callers = [threading.Thread(target=work) for _ in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(timeout=60)
    assert not any(caller.is_alive() for caller in callers)
    assert not wrong


def test_two_callers_may_start_the_workers_together(threads, monkeypatch):
    """Each starts the thread that it made itself, or the second start of one thread raises."""
    threads(4)
    errors = []

    class SlowList(list):
        def append(self, worker):
            super().append(worker)
            time.sleep(0.01)  # the other callers come in between

    monkeypatch.setattr(module, "_workers", SlowList())

    def work():
        try:
            parallel(lambda start, stop: None, 100)
        except RuntimeError as error:
            errors.append(error)

    callers = [threading.Thread(target=work) for _ in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(timeout=20)
    assert not any(caller.is_alive() for caller in callers)
    assert not errors


def test_an_idle_worker_holds_on_to_no_array(threads):
    threads(3)
    array = np.zeros(1000)
    gone = weakref.ref(array)
    gc.disable()
    try:
        parallel(lambda start, stop, array: array[start:stop].fill(1), 1000, array)
        del array
        assert eventually(lambda: gone() is None)
    finally:
        gc.enable()


FORK = """
import os, warnings
import numpy as np
warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12: fork beside threads
from tinynnclr.kernels import matmul, set_num_threads
set_num_threads(2)
a = np.ones((300, 20))
wanted = matmul(a, a.T)
child = os.fork()
if child == 0:
    os._exit(0 if (matmul(a, a.T) == wanted).all() else 1)
for _ in range(10):
    matmul(a, a.T)
_, status = os.waitpid(child, 0)
raise SystemExit(os.waitstatus_to_exitcode(status))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_after_a_fork_the_child_works():
    done = subprocess.run([sys.executable, "-c", FORK], timeout=60, capture_output=True,
                          encoding="utf-8")
    assert done.returncode == 0, done.stderr


cores = pytest.mark.skipif(not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2,
                           reason="needs Linux and two cores")


def on_a_thread(call):
    """call(), on a thread of its own, whose cores nobody else minds."""
    results = []
    thread = threading.Thread(target=lambda: results.append(call()))
    thread.start()
    thread.join(10)
    return results[0]


@cores
def test_a_thread_leaves_a_core_that_is_taken():
    """For a free one if there is any; afterwards it may run on all cores again."""
    def move():
        allowed = os.sched_getaffinity(0)
        taken = sorted(allowed)[:-1]
        os.sched_setaffinity(0, {taken[0]})
        with_one_core = list(taken)
        module._take_a_core(with_one_core)  # nowhere to go
        os.sched_setaffinity(0, allowed)
        module._take_a_core(taken)
        return allowed, os.sched_getaffinity(0), with_one_core, taken

    allowed, after, with_one_core, taken = on_a_thread(move)
    assert after == allowed
    assert with_one_core[-1] == with_one_core[0]
    assert taken[-1] == max(allowed)


@cores
def test_a_thread_that_may_not_move_stays(monkeypatch):
    def refuse(*_):
        raise PermissionError

    monkeypatch.setattr(os, "sched_setaffinity", refuse)
    taken = sorted(os.sched_getaffinity(0))[:-1]
    on_a_thread(lambda: module._take_a_core(taken))
    assert len(taken) == len(os.sched_getaffinity(0))
