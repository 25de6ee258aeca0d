"""Time a function: its first call, which may compile, and the later ones."""
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Timing:
    """Seconds of the first call, then median, minimum and maximum of the later ones."""

    first: float
    seconds: float
    low: float
    high: float
    flops: float | None = None  # floating-point operations of one call

    @property
    def gflops(self) -> float:
        """Billions of floating-point operations a second; NaN if their number is unknown."""
        return float("nan") if self.flops is None else self.flops / self.seconds / 1e9

    def __str__(self):
        rate = "" if self.flops is None else f", {self.gflops:.2g} GFLOP/s"
        return (f"{in_units(self.seconds)} a call ({in_units(self.low)} to "
                f"{in_units(self.high)}){rate}; the first took {in_units(self.first)}")


def in_units(seconds: float) -> str:
    """Two digits and a suitable unit: 0.21 s, 34 ms, 5.6 us."""
    units = (("s", 1), ("ms", 1e-3), ("us", 1e-6))
    unit, size = next((u for u in units if seconds >= 0.1 * u[1]), units[-1])
    return f"{seconds / size:{'.2g' if seconds < 100 * size else '.0f'}} {unit}"


def bench(function: Callable, *args: Any, repeat: int = 7, at_least: float = 0.2,
          flops: float | None = None) -> Timing:
    """Call function(*args) once, then `repeat` times or for `at_least` seconds, whichever is more.

    Prints the Timing and returns it. Long calls are repeated twice, or for two seconds.
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
