"""Check the value of an option: its type, its range and its choices."""
import dataclasses
import typing
from typing import Any

from .messages import nearest

LARGEST = 2**31  # a whole number must be smaller
LARGEST_SEED = 2**63  # a seed is stored as int64


def expect_option(field: dataclasses.Field, value: Any) -> None:
    """Raise ValueError for a value of the wrong type or out of the field's range."""
    name, limits = field.name, field.metadata
    types = typing.get_args(field.type) or (field.type,)
    written_as_text = isinstance(field.type, str)  # with `from __future__ import annotations`
    # a bool counts as no int here
    if not written_as_text and type(value) not in types and not (
            type(value) is int and float in types):
        expected = " or ".join(t.__name__ for t in types)
        raise ValueError(f"{name}: expected {expected}, got {value!r}")
    if value is None:
        return
    if not limits:  # a plain field, not made by `option`
        return
    choices = limits["choices"]
    if choices and value not in choices:
        raise ValueError(f"{name}: expected one of {', '.join(choices)}; got {value!r}"
                         f"{nearest(value, choices)}")
    largest = LARGEST_SEED if name == "seed" else LARGEST
    if type(value) is int and value >= largest:
        got = f"{value:.3e}" if value < 10**300 else "one of more than 300 digits"
        raise ValueError(f"{name}: expected a number below {largest}, got {got}")
    least, above, most = limits["least"], limits["above"], limits["most"]
    if not in_range(value, least, above, most):
        raise ValueError(f"{name}: expected {range_words(least, above, most)}, got {value!r}")


def in_range(value: Any, least: float | None, above: float | None, most: float | None) -> bool:
    """Whether least <= value <= most and value > above, of the limits that are given.

    With a limit, the value must be finite.
    """
    if least is above is most is None:
        return True
    return ((least is None or value >= least) and (above is None or value > above)
            and (value <= most if most is not None else value < float("inf")))


def range_words(least: float | None, above: float | None, most: float | None) -> str:
    """The range in words: "at least 1", "0 or more", "above 0", "0 to 1"."""
    if most is not None:
        return f"{least:g} to {most:g}"
    if above is not None:
        return f"above {above:g}"
    return "0 or more" if least == 0 else f"at least {least:g}"
