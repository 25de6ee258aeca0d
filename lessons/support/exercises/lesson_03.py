"""Lesson 03: types that a compiler can infer, loops along rows, a sum without data races."""
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import from_dtype, types

from tinynnclr.kernels import get_num_threads, set_num_threads
from tinynnclr.kernels.engine.compile import jit

from ..check import Trial, exercise

PARTS = 64  # partial sums, as in the package's batch norm


@jit
def describe(x: np.ndarray) -> tuple[int, float, str]:
    """x (n,) -> (how many are not NaN, the largest of these in x's own type, "clean" or "spoiled").
    """
    count, top = 0, x[0]
    for value in x:
        if value == value:
            count += 1
            if count == 1 or value > top:
                top = value
    return count, top, "clean" if count == len(x) else "spoiled"


def add_weight_gradient(x: np.ndarray, g: np.ndarray, dw: np.ndarray) -> None:
    """dw (m, k) += x^T g, with x (n, m) and g (n, k), all of them read along their rows."""
    for s in range(x.shape[0]):
        for i in range(x.shape[1]):
            for j in range(g.shape[1]):
                dw[i, j] += x[s, i] * g[s, j]


@jit
def _part_sums(start, stop, x, sums):
    for part in range(start, stop):
        for i in range(part * len(x) // len(sums), (part + 1) * len(x) // len(sums)):
            sums[part] += x[i]


def total(x: np.ndarray, launch: Callable) -> float:
    """The sum of x (n,), in parts that do not depend on the threads."""
    sums = np.zeros(PARTS)
    launch(_part_sums, PARTS, x, sums)
    return float(sums.sum())


@exercise("03.a", reference=describe)
def _(trial):
    nan = np.nan
    try:
        trial.answer(np.ones(1, np.float32))
    except NotImplementedError:
        raise
    except Exception as error:
        refused = [line for line in str(error).splitlines() if line.strip()]
        said = next((line for line in refused if "nvalid" in line or "unify" in line),
                    (refused or [""])[0])
        trial.fail(f"it does not compile, or does not run. {type(error).__name__}: {said}\n  A "
                   "list has one type for all that is in it, and so has a variable; a tuple has "
                   "one for each place", x=np.ones(1, np.float32))
    for numbers, hint in (
            ([5], "one number is the largest of one"),
            ([1, 2], "the largest, not the first"),
            ([-2, -1], "all are below zero: the largest is one of them"),
            ([1, nan], "a NaN is not counted, and makes x spoiled"),
            ([nan, 1], "top begins with a NaN here, and nothing is greater than NaN"),
            ([nan, 1, 3, 2], "top begins with a NaN here, and nothing is greater than NaN"),
            ([-np.inf, nan], "minus infinity is a number"),
            ([nan], "one value, and no number: top is NaN"),
            ([nan, nan], "no number at all: top is NaN")):
        for dtype in (np.float32, np.float64):
            x = np.array(numbers, dtype)
            got, wanted = trial(x), describe(x)
            trial.true(isinstance(got, tuple) and len(got) == 3, "it must return a tuple of three",
                       x=x, got=got)
            trial.true(getattr(trial.answer, "nopython_signatures", []) != [],
                       "Python ran it, object by object: it is not compiled. Put @njit above it",
                       x=x)
            trial.equal(got[0], wanted[0], hint=f"count: {hint}", x=x)
            trial.equal(got[1], wanted[1], hint=f"top: {hint}", x=x)
            trial.true(got[2] == wanted[2], f"word: expected {wanted[2]!r}", x=x, got=got[2])
            _types_of(trial, x)


def _types_of(trial: Trial, x: np.ndarray) -> None:
    """What the compiler made of an answer for this type of x."""
    own = from_dtype(x.dtype)
    signatures: Any = getattr(trial.answer, "nopython_signatures", [])
    (result,) = (s.return_type for s in signatures if s.args[0].dtype == own)
    count, top, _ = result
    trial.true(isinstance(count, types.Integer), "count is an integer; the compiler made it "
               f"{count}", x=x)
    trial.true(not isinstance(top, types.Optional), "top may still be None when it is returned: "
               f"to the compiler it is {top}, a number or nothing. Which value of x's own type "
               "could it start with?", x=x)
    trial.true(top == own, f"x is {own}, and the compiler made top {top}: which of the values that "
               "top is given is none of x's? A number written in the code, and np.inf, are float64",
               x=x)


class Traced:
    """A matrix that records the address of every number that is read or written, row by row."""

    def __init__(self, name: str, values: np.ndarray):
        self.name, self.values, self.shape = name, values.copy(), values.shape
        self.addresses: list[int] = []

    def __len__(self):
        return len(self.values)

    def __repr__(self):
        return f"{self.name}, shape {self.shape}"

    def __getitem__(self, at):
        return self.values[self._noted(at)]

    def __setitem__(self, at, value):
        self.values[self._noted(at)] = value

    def _noted(self, at):
        if not (isinstance(at, tuple) and len(at) == 2 and all(isinstance(i, int) for i in at)):
            raise TypeError(f"one number at a time, as {self.name}[i, j]: the trace needs its "
                            "address")
        if not (0 <= at[0] < self.shape[0] and 0 <= at[1] < self.shape[1]):
            raise IndexError(f"{self.name} has shape {self.shape}, and {self.name}[{at[0]}, "
                             f"{at[1]}] is outside")
        self.addresses.append(at[0] * self.shape[1] + at[1])
        return at

    def jumps(self) -> int:
        """How many steps from one use to the next were longer than 1."""
        return int((abs(np.diff(self.addresses)) > 1).sum())


@exercise("03.b", reference=add_weight_gradient)
def _(trial):
    rng = np.random.default_rng(3)
    trial.true(not hasattr(trial.answer, "py_func"), "remove @njit: the check runs it in Python")
    for n, m, k, hint in (
            (1, 1, 1, "one product, added to what is in dw"),
            (2, 1, 1, "the sum runs over s, the rows of x and g"),
            (1, 2, 1, "i counts the columns of x and the rows of dw"),
            (1, 1, 2, "j counts the columns of g and of dw"),
            (2, 3, 4, "dw[i, j] gets x[s, i] * g[s, j] of every s"),
            (7, 5, 8, "dw[i, j] gets x[s, i] * g[s, j] of every s")):
        x, g, dw = (rng.integers(1, 9, shape).astype(np.float32) for shape
                    in ((n, m), (n, k), (m, k)))
        traced = [Traced(name, values) for name, values in (("x", x), ("g", g), ("dw", dw))]
        trial(*traced)
        trial.equal(traced[2].values, dw + x.T @ g, hint=hint, x=x, g=g, dw=dw)
    jumps = {array.name: array.jumps() for array in traced}
    limit = 2 * n * m + 2 * n + 2 * m
    trial.true(sum(jumps.values()) <= limit, f"right numbers, but {sum(jumps.values())} steps are "
               f"jumps, and {limit} are enough. Which index changes in the inner loop, and is it "
               "the last one of each array?", x=x.shape, g=g.shape, dw=dw.shape, jumps=jumps)


class Unlucky:
    """A `parallel` with the worst timing: all pieces read the arrays before any of them writes."""

    def __init__(self, trial: Trial, pieces: int, backwards: bool = False):
        self.trial, self.pieces, self.backwards = trial, pieces, backwards
        self.counts: list[int] = []
        self.written = 0  # numbers of the largest array that a kernel wrote to

    def __call__(self, kernel: Callable, count: int, *args: Any, grain: int = 1) -> None:
        """Run kernel(start, stop, *args) on copies; then store the numbers that changed."""
        self.counts.append(count)
        if getattr(getattr(kernel, "py_func", kernel), "__closure__", None):
            self.trial.fail("the kernel uses a variable of the function around it: hand it over, "
                            "as launch(kernel, count, x, ...)")
        if not all(isinstance(a, np.ndarray) or np.isscalar(a) for a in args):
            self.trial.fail("a kernel is given arrays and numbers, nothing else",
                            args=[type(a).__name__ for a in args])
        pieces = min(self.pieces, count)
        ranges = [(p * count // pieces, (p + 1) * count // pieces) for p in range(pieces)]
        before = [a.copy() if isinstance(a, np.ndarray) else a for a in args]
        for start, stop in reversed(ranges) if self.backwards else ranges:
            own = [a.copy() if isinstance(a, np.ndarray) else a for a in before]
            kernel(start, stop, *own)
            for shared, old, new in zip(args, before, own, strict=True):
                if isinstance(shared, np.ndarray) and (changed := new != old).any():
                    shared[changed] = new[changed]
                    self.written = max(self.written, shared.size)


@exercise("03.c", reference=total)
def _(trial):
    threads = get_num_threads()
    try:
        _sums(trial)
    finally:
        set_num_threads(threads)


def _sums(trial):
    rng = np.random.default_rng(3)
    inputs = [np.arange(1, n + 1, dtype=np.float32) for n in (1, 2, 3, 10, 100, 1001)]
    for x in [*inputs, rng.standard_normal(4097).astype(np.float32)]:
        found = {}
        for pieces, backwards in ((1, False), (2, False), (2, True), (3, False), (7, True)):
            set_num_threads(pieces)
            launch = Unlucky(trial, pieces, backwards)
            got = trial(x, launch)
            hint = "on one thread: is every number in one of the parts, the last ones too?"
            if pieces > 1:
                hint = f"wrong on {pieces} threads only. Do two pieces write to the same place?"
            trial.equal(got, float(x.sum(dtype=np.float64)), rtol=1e-4, atol=1e-3, hint=hint, x=x)
            trial.true(launch.counts != [], "right, but launch was never called: the threads have "
                       "nothing to do", x=x)
            found[pieces, backwards] = np.asarray(got).tobytes()
        trial.true(len(set(found.values())) == 1, "the sum has other bytes on 1, 2, 3 and 7 "
                   "threads: are the parts the same for any number of them?", x=x)
    x = np.ones(4096, np.float32)
    launch = Unlucky(trial, 2)
    trial.equal(trial(x, launch), 4096.0, x=x)
    trial.true(max(launch.counts) >= 4, f"right, but count is {max(launch.counts)} for 4,096 "
               "numbers: three threads out of four would have nothing to do", x=x)
    trial.true(1 <= launch.written <= 512, "right, but most of the adding up is left to be done "
               f"outside: the largest array that the kernels write has {launch.written:,} numbers, "
               "and 512 is the most; fewer, larger parts", x=x)
