"""Waiting for a number in memory ends when it is there or after so many reads."""
import threading

import numpy as np
import pytest

from tinynnclr.kernels.engine.spin_wait import spin


def counters():
    return np.zeros(1, np.int64), np.zeros(1, np.int64)


@pytest.mark.parametrize(("value", "target", "looks", "wanted"), [
    (0, 1, 10, False), (1, 1, 10, True), (5, 1, 1, True), (5, 1, 0, False), (-1, 0, 3, False)])
def test_what_it_says(value, target, looks, wanted):
    announce, counter = counters()
    counter[0] = value
    assert spin(announce, counter, target, looks, 2) is wanted
    assert announce[0] == 1


def test_another_thread_ends_the_wait():
    announce, counter = counters()
    waiting = threading.Thread(target=spin, args=(announce, counter, 1, 1 << 40, 0), daemon=True)
    spin(counters()[0], counter, 0, 1, 0)  # compiled
    waiting.start()
    # it has begun, and holds no lock of the interpreter
    assert spin(counters()[0], announce, 1, 1 << 40, 0)
    assert waiting.is_alive()
    counter[0] = 1
    waiting.join(5)
    assert not waiting.is_alive()
