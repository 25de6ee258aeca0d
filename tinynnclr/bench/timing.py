"""Time several ways of doing the same thing, taking turns, so that a slow minute of the machine is slow for all."""
import time
from collections.abc import Callable

import numpy as np

PAUSE, LONG_PAUSE = 0.05, 0.4  # seconds before each turn: OpenMP's threads spin for a while after their work is done,
# and OpenBLAS's for longer than 0.1 s, in which ours would have one core less
SHORTEST = 0.02  # seconds a turn lasts at least: a shorter call is repeated within it
BUDGET = 8.0  # seconds for all turns of one side, about


def compare(sides: dict[str, Callable[[], object]], repetitions: int = 15,
            clock: Callable[[], float] = time.perf_counter, pause: float = PAUSE) -> dict[str, np.ndarray]:
    """Seconds per call of each side, one number a turn; every side is warmed up by three calls first."""
    calls = {}
    for name, call in sides.items():
        call()
        call()
        started = clock()
        call()
        once = max(clock() - started, 1e-9)
        calls[name] = max(1, int(np.ceil(SHORTEST / once)))
        repetitions = int(np.clip(BUDGET / (once * calls[name]), 3, repetitions))
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(repetitions):
        for name, call in sides.items():
            time.sleep(pause)
            started = clock()
            for _ in range(calls[name]):
                call()
            seconds[name].append((clock() - started) / calls[name])
    return {name: np.array(values) for name, values in seconds.items()}


def spread(seconds: np.ndarray) -> float:
    """How far the turns lie apart: the range of their middle half over their median."""
    low, middle, high = np.quantile(seconds, [0.25, 0.5, 0.75])
    return float((high - low) / middle)
