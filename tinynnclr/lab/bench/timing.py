"""Time several functions in turns, so that a slow phase of the machine affects all of them."""
import time
from collections.abc import Callable

import numpy as np

# Seconds before each turn: the threads of OpenMP keep a core busy for a while after their work, and
# those of OpenBLAS for 0.1 s.
PAUSE, LONG_PAUSE = 0.05, 0.2
WARM = 0.2  # seconds of calls that do not count, while the core's clock rises
SHORTEST = 0.04  # seconds of calls that count, at least
BUDGET = 10.0  # seconds for all turns of one side, about


def compare(sides: dict[str, Callable[[], object]], repetitions: int = 15,
            clock: Callable[[], float] = time.perf_counter,
            pause: float = PAUSE) -> dict[str, np.ndarray]:
    """Seconds per call of each side, one number a turn; three calls come before the first turn."""
    slowest = 0.0
    for call in sides.values():
        call()
        call()
        slowest = max(slowest, _average(call, 0, clock))
    turn = pause + max(slowest, WARM) + max(slowest, SHORTEST)
    repetitions = int(np.clip(BUDGET / turn, 3, repetitions))
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(repetitions):
        for name, call in sides.items():
            time.sleep(pause)
            _average(call, WARM, clock)
            seconds[name].append(_average(call, SHORTEST, clock))
    return {name: np.array(values) for name, values in seconds.items()}


def _average(call, shortest, clock):
    """Seconds per call, over as many calls as fill `shortest` seconds."""
    started = clock()
    calls = 0
    while True:
        call()
        calls += 1
        if (elapsed := clock() - started) >= shortest:
            return elapsed / calls


def spread(seconds: np.ndarray) -> float:
    """Interquartile range of the turns over their median."""
    low, middle, high = np.quantile(seconds, [0.25, 0.5, 0.75])
    return float((high - low) / middle)
