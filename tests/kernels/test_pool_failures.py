"""The thread pool with nested calls, workers that end, threads that cannot start."""
import os
import queue
import threading
import time

import numpy as np
import pytest
from test_parallel import eventually

from tinynnclr.kernels.engine import parallel as module
from tinynnclr.kernels.engine.parallel import parallel


@pytest.fixture
def fresh_pool(monkeypatch):
    """A pool without workers, for one test."""
    monkeypatch.setattr(module, "_workers", [])
    monkeypatch.setattr(module, "_tasks", queue.SimpleQueue())


def in_time(call, seconds=20):
    """call() on a thread, and its error; a call that hangs fails the test, not the process."""
    results = []

    def record():
        try:
            results.append((call(), None))
        except BaseException as error:
            results.append((None, error))

    thread = threading.Thread(target=record, daemon=True)
    thread.start()
    thread.join(seconds)
    assert results, "the call hangs"
    value, error = results[0]
    if error is not None:
        raise error
    return value


def all_seen(count=100):
    seen = np.zeros(count, int)

    def kernel(start, stop):
        time.sleep(0.001)  # workers have the time to come
        seen[start:stop] += 1

    parallel(kernel, count)
    return (seen == 1).all()


@pytest.mark.parametrize("n", [2, 3, 8])
def test_parallel_inside_of_parallel(threads, n):
    threads(n)
    seen = np.zeros((20, 20, 20), int)

    def kernel(start, stop, part, depth):
        for i in range(start, stop):
            if depth == 2:
                part[i] += 1
            else:
                parallel(kernel, 20, part[i], depth + 1)

    for _ in range(5):
        in_time(lambda: parallel(kernel, 20, seen, 0))
    assert (seen == 5).all()


def test_an_error_inside_of_nested_calls_reaches_the_caller(threads):
    threads(3)

    def inner(start, stop):
        if start <= 7 < stop:
            raise ZeroDivisionError("inside")

    with pytest.raises(ZeroDivisionError, match="inside"):
        in_time(lambda: parallel(lambda start, stop: parallel(inner, 10), 10))
    assert in_time(all_seen)


@pytest.mark.parametrize("broken", ["ends at once", "spin", "_take_a_core", "sched_getaffinity"])
def test_a_worker_that_fails_outside_a_kernel(threads, monkeypatch, fresh_pool, broken):
    threads(3)
    real = getattr(module, broken, None)

    def fail_in_workers(*arguments):
        if threading.current_thread().name.startswith("kernels-"):
            raise SystemError("damaged")
        return real(*arguments)

    if broken == "ends at once":
        monkeypatch.setattr(module, "_work", lambda: None)
    elif broken == "sched_getaffinity":
        monkeypatch.setattr(os, broken, lambda _: 1 / 0, raising=False)
    else:
        monkeypatch.setattr(module, broken, fail_in_workers)
    for _ in range(3):
        try:
            assert in_time(all_seen)
        except (SystemError, ZeroDivisionError):  # the caller may get what a worker raised
            assert broken in ("_take_a_core", "sched_getaffinity")


def test_an_error_of_the_waiting_itself_reaches_the_caller(threads, monkeypatch, fresh_pool):
    threads(2)

    def refuse(*_):
        raise SystemError("cannot compile")

    with monkeypatch.context() as patch:
        patch.setattr(module, "spin", refuse)
        with pytest.raises(SystemError, match="cannot compile"):
            in_time(all_seen)
    assert in_time(all_seen)


@pytest.mark.parametrize("started", [0, 1, 2])
def test_threads_that_cannot_be_started(threads, monkeypatch, fresh_pool, started):
    """As many go on as there are; nothing is left behind."""
    threads(5)
    real, starts = threading.Thread.start, []

    def start(thread):
        if thread.name.startswith("kernels-"):
            if len(starts) == started:
                raise RuntimeError("can't start new thread")
            starts.append(thread)
        real(thread)

    monkeypatch.setattr(threading.Thread, "start", start)
    for _ in range(3):
        assert in_time(all_seen)
    assert len(module._workers) == started
    assert eventually(module._tasks.empty)


def test_a_worker_that_has_ended_is_replaced(threads, monkeypatch, fresh_pool):
    threads(3)
    with monkeypatch.context() as patch:
        patch.setattr(module, "_work", lambda: None)
        assert in_time(all_seen)
    meeting = threading.Barrier(3)
    in_time(lambda: parallel(lambda start, stop: start < 3 and meeting.wait(timeout=10), 3))
    assert not meeting.broken


def test_a_worker_that_comes_late_does_nothing():
    ran = []
    launch = module._Launch(lambda: ran.append(1))
    assert launch.close() == [None]
    launch.help()
    assert not ran
    assert launch.run is None


@pytest.mark.parametrize("place", ["_start_workers", "_take_a_core"])
def test_an_interrupt_before_the_work_empties_the_queue(threads, monkeypatch, fresh_pool, place):
    threads(3)

    def interrupt(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module, place, interrupt)
        with pytest.raises(KeyboardInterrupt):
            parallel(lambda start, stop: None, 100)
    assert in_time(all_seen)
    assert eventually(module._tasks.empty)
