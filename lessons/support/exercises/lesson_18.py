"""Lesson 18: the speed-up of the whole, one loop in place of three, self time."""
from typing import Any

import numpy as np

from tinynnclr.kernels import normalize

from ..check import Trial, exercise

ROWS, CHANNELS = 8192, 32  # an array of 1,048,576 bytes, of which one may be held
BESIDES = 65_536

Calls = list[tuple[str, float, float]]


def speed_up(total: float, seconds: np.ndarray, factors: np.ndarray) -> float:
    """total / (the rest + sum of seconds (n,) / factors (n,)); inf if nothing is left."""
    after = total - seconds.sum() + (seconds / factors).sum()
    return float(total / after) if after > 0 else np.inf


def affine_relu(x: np.ndarray, scale: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """max(x * scale + shift, 0), x (rows, c), in one pass: batch norm with mean 0, variance 1."""
    return normalize(x, scale, shift, np.zeros_like(scale), np.ones_like(scale), 0, relu=True)


def self_time(calls: Calls) -> dict[str, float]:
    """{name: seconds} of (name, start, stop) sorted by stop, without the calls directly inside."""
    seconds: dict[str, float] = {}
    # calls that have ended, and may lie inside one that has not
    waiting: list[tuple[float, float]] = []
    for name, start, stop in calls:
        inside = 0.0
        while waiting and waiting[-1][0] >= start:
            first, last = waiting.pop()
            inside += last - first
        waiting.append((start, stop))
        seconds[name] = seconds.get(name, 0.0) + stop - start - inside
    return seconds


@exercise("18.a", reference=speed_up)
def _(trial):
    for total, seconds, factors, hint in (
            (1, [1], [2], "the whole step becomes twice as fast"),
            (1, [1], [0.5], "the whole step becomes twice as slow: half as fast"),
            (2, [1], [1], "nothing changes: once as fast"),
            (2, [1], [2], "1 s stays and 1 s becomes 0.5 s: 2 s against 1.5 s"),
            (4, [3], [3], "1 s stays and 3 s become 1 s: 4 s against 2 s"),
            (4, [1], [0.5], "3 s stay and 1 s becomes 2 s: 4 s against 5 s"),
            (2, [1], [np.inf],
             "the part takes no time and the other second stays: the upper bound is 2"),
            (10, [9], [np.inf], "a second stays of ten"),
            (4, [4], [np.inf], "nothing is left: np.inf"),
            (4, [1, 1], [2, 2],
             "2 s stay, two parts take 0.5 s each: 4 s against 3 s; add times, not speed-ups"),
            (8, [4, 2], [4, 2], "2 s stay, then 1 s and 1 s: 8 s against 4 s"),
            (8, [4, 2], [np.inf, 0.5], "2 s stay, then nothing and 4 s: 8 s against 6 s"),
            (5, [], [], "no part changes: once as fast")):
        seconds, factors = np.array(seconds, float), np.array(factors, float)
        trial.equal(trial(total, seconds, factors), speed_up(total, seconds, factors), hint=hint,
                    total=total, seconds=seconds, factors=factors)
    rng = np.random.default_rng(18)
    for n in (3, 10):
        seconds, factors = rng.integers(1, 9, n).astype(float), 2.0 ** rng.integers(-1, 4, n)
        total = seconds.sum() + 4
        trial.equal(trial(total, seconds, factors), speed_up(total, seconds, factors), total=total,
                    seconds=seconds, factors=factors, hint="4 s stay as they are; every part has a "
                    "time afterwards, and times add")


@exercise("18.b", reference=affine_relu)
def _(trial):
    for x, scale, shift, hint in (
            ([[2]], [3], [1], "2 * 3 + 1"),
            ([[2]], [-3], [1], "below zero becomes 0"),
            ([[-1]], [-3], [0], "x is below zero, and its product is not"),
            ([[0.5, 0.25]], [1, -1], [0, 0],
             "one half is above zero and stays, minus a quarter does not"),
            ([[1]], [-1], [3], "first scale and shift, then ReLU: -1 + 3 is 2"),
            ([[np.nan]], [1], [0],
             "NaN stays NaN: `value > 0` is false for it, and so is `value < 0`"),
            ([[1, 1]], [1, 2], [10, 20], "each column has its own scale and shift"),
            ([[1], [-1], [np.nan], [3]], [1], [1], "a NaN stays in its row"),
            ([[1, 2], [3, 4], [-9, 9]], [1, -1], [0, 5], "three rows, two columns")):
        see(trial, *(np.array(a, np.float32) for a in (x, scale, shift)), hint)
    rng = np.random.default_rng(18)
    for rows, channels in ((7, 3), (65, 16), (1000, 5)):
        see(trial, *whole_numbers(rng, rows, channels), "every row counts, the last ones too")
    x, scale, shift = whole_numbers(rng, ROWS, CHANNELS)
    trial.allocates(x.nbytes + BESIDES, x, scale, shift, hint="Something as large as the result is "
                    "held beside it: change a number while you have it, and store it once.")
    see(trial, x, scale, shift, "a large array")


@exercise("18.c", reference=self_time)
def _(trial):
    for calls, hint in (
            ([], "no calls, no names"),
            ([("a", 0, 3)], "one call, all its time is its own"),
            ([("a", 0, 3), ("a", 5, 6)], "two calls of one name: their times are added"),
            ([("b", 1, 2), ("a", 0, 4)], "b lies inside a, and its second is b's"),
            ([("b", 0, 4), ("a", 0, 4)], "b takes all of a's time: a is there, with 0"),
            ([("a", 0, 2), ("b", 2, 5)], "b begins when a ends: neither is inside the other"),
            ([("b", 1, 2), ("b", 3, 5), ("a", 0, 6)], "two calls directly inside a"),
            ([("c", 2, 3), ("b", 1, 4), ("a", 0, 6)],
             "c lies inside b and b inside a: a loses b's 3 s, and c's second only once"),
            ([("a", 1, 3), ("a", 0, 4)], "a inside a: each of the 4 s counts once"),
            ([("b", 1, 2), ("a", 0, 3), ("b", 5, 9)],
             "one b inside a, and another beside it: a loses the first only"),
            ([("c", 1, 2), ("b", 0, 3), ("d", 4, 5), ("c", 5, 6), ("b", 3, 7), ("a", 0, 9)],
             "all at once")):
        see_times(trial, [(name, float(start), float(stop)) for name, start, stop in calls], hint)
    rng = np.random.default_rng(18)
    for size in (5, 30):
        see_times(trial, nested(rng, size), "the times of all names add up to the time of the "
                  "calls that lie in none")


def see(trial: Trial, x: np.ndarray, scale: np.ndarray, shift: np.ndarray, hint: str) -> None:
    """An answer's values, their type, and that x is as it was."""
    got = trial(x, scale, shift)
    trial.equal(got, affine_relu(x, scale, shift), hint=hint, x=x, scale=scale, shift=shift)
    trial.true(got.dtype == np.float32, "the values are right, but float32 must stay float32: "
               "float64 takes twice the memory", x=x,
               got_type=str(got.dtype))
    after = x.copy()
    trial.answer(after, scale.copy(), shift.copy())
    trial.true(np.array_equal(after, x, equal_nan=True), "the values are right, but x was changed, "
               "and the backward pass still needs it", x_before=x, x_after=after)


def see_times(trial: Trial, calls: Calls, hint: str) -> None:
    """An answer's names, then its seconds in the order of the reference's."""
    got, wanted = trial(calls), self_time(calls)
    trial.true(isinstance(got, dict) and set(got) == set(wanted), "it must return a dict with "
               f"these names; {hint}", calls=calls, expected=wanted, got=got)
    same = all(np.isclose(got[name], wanted[name]) for name in wanted)
    trial.true(same, hint, calls=calls, expected=wanted, got=got)


def whole_numbers(rng: np.random.Generator, rows: int, channels: int) -> Any:
    """x (rows, channels), scale and shift (channels,): float32 of small whole numbers."""
    return [rng.integers(-5, 6, shape).astype(np.float32) for shape
            in ((rows, channels), channels, channels)]


def nested(rng: np.random.Generator, size: int) -> Calls:
    """`size` calls or a few more, of four names, one inside another, in the order of their ends."""
    calls: Calls = []

    def grow(start, left):
        at = start + float(rng.integers(0, 3))
        while left > 1:
            share = int(rng.integers(1, left))
            at = grow(at, share) + float(rng.integers(0, 3))
            left -= share
        stop = at + float(rng.integers(1, 3))
        calls.append(("abcd"[rng.integers(4)], start, stop))
        return stop

    grow(0.0, size)
    return calls
