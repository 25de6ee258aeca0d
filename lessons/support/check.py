"""Exercises that cannot lie: an answer is not attempted, passed, or failed with the smallest
example that shows it.

An exercise is a function that tries an answer, registered under its name:

    @exercise("11.a", reference=nearest_one)
    def _(trial):
        for size in (1, 2, 5):
            queries, bank = ...
            expected = nearest_one(queries, bank)
            trial.equal(trial(queries, bank), expected, queries=queries, bank=bank)

In the lesson stands `f = check("11.a", f)`: f is the learner's own where it passed, the reference
where it was not attempted (its stub raises NotImplementedError), and a wrong answer raises.
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
    """What a wrong answer raises: the exercise, then what was given, expected and got."""


def exercise(name: str, reference: Callable) -> Callable[[Callable], Callable]:
    """Register a function of a Trial as the exercise `name`, such as "11.a"; the reference must
    pass it.
    """
    def register(attempt: Callable) -> Callable:
        if name in EXERCISES:
            raise ValueError(f"exercise: {name} is there already")
        EXERCISES[name] = attempt, reference
        return attempt

    return register


class Trial:
    """One answer being tried: call it as the answer itself, then say what should have come out."""

    def __init__(self, name: str, answer: Callable):
        self.name, self.answer, self.calls, self.checks = name, answer, 0, 0

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The answer's value, given copies, so that it cannot change what it is judged by."""
        return self._call(_copies(args), kwargs)

    def keeps(self, *args: Any) -> Any:
        """The answer's value for these arguments themselves, not copies; fails if the answer
        changes an array.
        """
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
        """got must be `expected`: the same shape, and the same numbers within rtol and atol; NaN
        equals NaN.

        If `expected` holds integers, got must hold integers: floats are not valid indices or
        counts.
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

    def true(self, fine: bool, said: str, **inputs: Any) -> None:
        """Something that must hold; `said` tells a learner what does not."""
        self.checks += 1
        if not fine:
            self.fail(said, **inputs)

    def allocates(self, limit: int, *args: Any, hint: str = "") -> Any:
        """The answer's value, for which it may hold at most `limit` bytes at any one time."""
        self.checks += 1
        self(*args)  # once before: what is compiled or cached the first time does not count
        copies = _copies(args)
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        try:
            value = self._call(copies, {})
            peak = tracemalloc.get_traced_memory()[1] - before
        finally:
            tracemalloc.stop()
        if peak > limit:
            self.fail(f"{peak:,} bytes were allocated at once, and {limit:,} must do. {hint}".strip())
        return value

    def fail(self, said: str = "", **shown: Any) -> None:
        """Raises WrongAnswer with the exercise's name and what is to be seen."""
        lines = [f"✗ {self.name}: {said or 'not what was expected'}"]
        lines += [f"  {name.replace('_', ' ')}: {short(value)}" for name, value in shown.items()]
        raise WrongAnswer("\n".join(lines))


def _copies(args):
    return [copy.deepcopy(a) if isinstance(a, np.ndarray | list | dict) else a for a in args]


def short(value: Any) -> str:
    """A value in one line: an array of up to SHOWN numbers whole, a larger one by its shape and
    first numbers.
    """
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
    """Try an answer to the exercise `name`, say how it went, and return what the lesson goes on
    with.

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
