"""Check a learner's answer: not attempted, passed, or failed with a small example.

An exercise is a function that tries an answer, registered under its name:

    @exercise("11.a", reference=nearest_one)
    def _(trial):
        for size in (1, 2, 5):
            queries, bank = ...
            expected = nearest_one(queries, bank)
            trial.equal(trial(queries, bank), expected, queries=queries, bank=bank)

A lesson calls `f = check("11.a", f)`. This f is the learner's if it passed, and the reference if it
was not attempted (its stub raises NotImplementedError); a wrong answer raises.
"""
import copy
import importlib
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np

EXERCISES: dict[str, tuple[Callable, Callable]] = {}  # name: (what tries an answer, the reference)
SHOWN = 12  # numbers of an array that a message shows


class WrongAnswer(AssertionError):
    """Raised by a wrong answer: the exercise, then arguments, expected and actual value."""


def exercise(name: str, reference: Callable) -> Callable[[Callable], Callable]:
    """Register a function of a Trial as the exercise `name`, such as "11.a", with its reference."""
    def register(attempt: Callable) -> Callable:
        if name in EXERCISES:
            raise ValueError(f"exercise: {name} is there already")
        EXERCISES[name] = attempt, reference
        return attempt

    return register


class Trial:
    """One answer under test: call it like the answer, then compare its value."""

    def __init__(self, name: str, answer: Callable):
        self.name, self.answer, self.calls, self.checks = name, answer, 0, 0

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The answer's value for copies of the arguments, which protects the originals."""
        return self._call(_copies(args), kwargs)

    def keeps(self, *args: Any) -> Any:
        """The answer's value for the arguments themselves; fails if the answer changes an array."""
        self.checks += 1
        before = _copies(args)
        value = self._call(args, {})
        for i, (old, new) in enumerate(zip(before, args, strict=True)):
            if isinstance(old, np.ndarray) and not np.array_equal(old, new, equal_nan=True):
                self.fail(f"argument {i + 1} was changed; return a new array instead", before=old,
                          afterwards=new)
        return value

    def _call(self, args, kwargs):
        self.calls += 1
        try:
            return self.answer(*args, **kwargs)
        except NotImplementedError:
            raise
        except Exception as error:
            given = {f"argument {i + 1}": a for i, a in enumerate(args)}
            self.fail(f"it raised {type(error).__name__}: {error}", **given)

    def equal(self, got: Any, expected: Any, *, rtol: float = 1e-5, atol: float = 1e-6,
              hint: str = "", **inputs: Any) -> None:
        """got must have the shape and, within rtol and atol, the numbers of `expected`.

        NaN equals NaN. If `expected` holds integers, got must hold integers: floats are not valid
        indices or counts.
        """
        self.checks += 1
        try:
            value = np.asarray(got)
            fine = value.shape == np.shape(expected) and value.dtype != object and np.allclose(
                value, expected, rtol=rtol, atol=atol, equal_nan=True)
        except (TypeError, ValueError):
            fine = False
        if not fine:
            self.fail(hint, expected=expected, got=got, **inputs)
        if np.asarray(expected).dtype.kind in "iu" and value.dtype.kind not in "iu":
            self.fail(f"the numbers are right, but expected integers, got {value.dtype}",
                      expected=expected, got=got, **inputs)

    def true(self, fine: bool, message: str, **inputs: Any) -> None:
        """`fine` must hold; otherwise the answer fails with `message`."""
        self.checks += 1
        if not fine:
            self.fail(message, **inputs)

    def allocates(self, limit: int, *args: Any, hint: str = "") -> Any:
        """The answer's value; it may hold at most `limit` bytes at a time."""
        self.checks += 1
        self(*args)  # a first call, as what it compiles or caches does not count
        copies = _copies(args)
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        try:
            value = self._call(copies, {})
            peak = tracemalloc.get_traced_memory()[1] - before
        finally:
            tracemalloc.stop()
        if peak > limit:
            self.fail(f"{peak:,} bytes were allocated at once; at most {limit:,} are allowed. "
                      f"{hint}".strip())
        return value

    def fail(self, message: str = "", **shown: Any) -> None:
        """Raises WrongAnswer with the exercise's name, the message and the values shown."""
        lines = [f"✗ {self.name}: {message or 'not what was expected'}"]
        lines += [f"  {name.replace('_', ' ')}: {short(value)}" for name, value in shown.items()]
        raise WrongAnswer("\n".join(lines))


def _copies(args):
    return [copy.deepcopy(a) if isinstance(a, np.ndarray | list | dict) else a for a in args]


def short(value: Any) -> str:
    """A value in one line: an array of up to SHOWN numbers, or its shape and first numbers."""
    if isinstance(value, np.ndarray) and value.ndim:
        numbers = np.array2string(value.ravel()[:SHOWN], precision=4, separator=", ",
                                  max_line_width=10**6)
        if value.size <= SHOWN:
            return np.array2string(value, precision=4, separator=", ",
                                   max_line_width=10**6).replace("\n", "")
        return f"shape {value.shape}, beginning {numbers[:-1]}, ...]"
    text = " ".join(repr(value).split())
    return text if len(text) <= 200 else text[:199] + "…"


def check(name: str, answer: Callable) -> Callable:
    """Try an answer to the exercise `name`, print the result, and return the function to use.

    Raises WrongAnswer for a wrong one, ValueError for an exercise that does not exist.
    """
    if name not in EXERCISES:
        lesson = name.partition(".")[0]
        try:
            importlib.import_module(f"{__package__}.exercises.lesson_{lesson}")
        except ModuleNotFoundError:
            pass
    if name not in EXERCISES:
        raise ValueError(f"check: there is no exercise {name!r}")
    attempt, reference = EXERCISES[name]
    trial = Trial(name, answer)
    try:
        attempt(trial)
    except NotImplementedError:
        print(f"○ {name}: not attempted; going on with the package's version")
        return reference
    if trial.checks == 0 or trial.calls == 0:
        raise RuntimeError(f"check: {name} checked nothing")
    print(f"✓ {name}: passed, {trial.checks} checks")
    return answer
