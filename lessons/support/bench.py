"""How long a function takes: its first call, which may compile, apart from all later ones."""
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Timing:
    """first: seconds of the first call; seconds: the median of later ones; low, high: the fastest
    and the slowest.
    """

    first: float
    seconds: float
    low: float
    high: float
    flops: float | None = None  # floating-point operations of one call

    @property
    def gflops(self) -> float:
        """Thousand million operations a second; NaN where their number was not told."""
        return float("nan") if self.flops is None else self.flops / self.seconds / 1e9

    def __str__(self):
        rate = "" if self.flops is None else f", {self.gflops:.2g} GFLOP/s"
        return (f"{in_units(self.seconds)} a call ({in_units(self.low)} to "
                f"{in_units(self.high)}){rate}; the first took {in_units(self.first)}")


def in_units(seconds: float) -> str:
    """Two digits, with a unit that suits: 0.21 s, 34 ms, 5.6 us."""
    for unit, size in (("s", 1), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= 0.1 * size or unit == "us":
            return f"{seconds / size:.2g} {unit}" if seconds < 100 * size else f"{seconds / size:.0f} {unit}"
    raise AssertionError


def bench(function: Callable, *args: Any, repeat: int = 7, at_least: float = 0.2,
          flops: float | None = None) -> Timing:
    """Call function(*args) once, then again: `repeat` times or for `at_least` seconds, whichever is
    more.

    Prints the Timing and returns it. Calls that take long are repeated twice, or for two seconds.
    """
    started = time.perf_counter()
    function(*args)
    first = time.perf_counter() - started
    times: list[float] = []
    begun = time.perf_counter()
    while len(times) < repeat or time.perf_counter() - begun < at_least:
        started = time.perf_counter()
        function(*args)
        times.append(time.perf_counter() - started)
        if len(times) >= 2 and time.perf_counter() - begun > 2:
            break
    timing = Timing(first, float(np.median(times)), min(times), max(times), flops)
    print(f"{getattr(function, '__name__', 'it')}: {timing}")
    return timing
