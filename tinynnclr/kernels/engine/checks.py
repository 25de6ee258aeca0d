"""Checks of public kernels' arguments: compiled code would read and write outside arrays.

Each `expect_` raises ValueError, one line that names kernel, argument, what was expected and what
came.
"""
import functools
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

F = TypeVar("F", bound=Callable)

FLOATS = (np.float32, np.float64)
LARGEST = 2**31 - 1  # of a number that counts or steps: larger ones could overflow in products


def plain(value: Any) -> Any:
    """A NumPy number or truth value as Python's, also in a tuple or a list; all else as it is."""
    nested = (np.generic, tuple, list)
    if type(value) in (tuple, list) and any(isinstance(v, nested) for v in value):
        return type(value)(map(plain, value))
    return value.item() if isinstance(value, (np.integer, np.floating, np.bool_)) else value


def plain_numbers(fn: F) -> F:
    """Decorate fn to convert NumPy numbers among its arguments: int8 would overflow at 127."""
    @functools.wraps(fn)
    def given_plain(*args, **kwargs):
        return fn(*map(plain, args), **{name: plain(value) for name, value in kwargs.items()})
    return given_plain  # type: ignore[return-value]


def is_whole(value: Any, least: int = 0, most: int = LARGEST) -> bool:
    """Whether it is an integer of Python or NumPy from least to most, and not True or False."""
    return (isinstance(value, (int, np.integer)) and not isinstance(value, bool)
            and bool(least <= value <= most))


def expect_whole(kernel: str, least: int, **numbers: Any) -> None:
    """Integers that are at least `least`."""
    for name, value in numbers.items():
        if not is_whole(value, least):
            raise ValueError(f"{kernel}: {name}: expected a whole number of at least {least}, got "
                             f"{value!r}")


def expect_numbers(kernel: str, **numbers: Any) -> None:
    """Real numbers of Python or NumPy, also NaN and infinity, but no text."""
    for name, value in numbers.items():
        if not isinstance(value, (int, float, np.integer, np.floating)):
            raise ValueError(f"{kernel}: {name}: expected a number, got {value!r}")


def expect_eps(kernel: str, eps: Any) -> None:
    """A number of at least 0, so not NaN."""
    expect_numbers(kernel, eps=eps)
    if not eps >= 0:
        raise ValueError(f"{kernel}: eps: expected a number of at least 0, got {eps}")


def expect_arrays(kernel: str, **arrays: Any) -> None:
    """NumPy arrays, but not matrices or masked arrays, which compute by other rules."""
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray) or isinstance(array, (np.matrix, np.ma.MaskedArray)):
            raise ValueError(f"{kernel}: {name}: expected a NumPy array, got "
                             f"{type(array).__name__}")


def as_array(kernel: str, name: str, value: Any) -> np.ndarray:
    """Value as an array, such as a list of labels; refused as by `expect_arrays`."""
    array = value if isinstance(value, np.ndarray) else np.asarray(value)
    expect_arrays(kernel, **{name: array})
    return array


def expect_floats(kernel: str, **arrays: Any) -> None:
    """NumPy arrays of float32 or float64 in native byte order, not necessarily all the same."""
    expect_arrays(kernel, **arrays)
    for name, array in arrays.items():
        if array.dtype not in FLOATS:
            raise ValueError(f"{kernel}: {name}: expected float32 or float64, got {array.dtype} "
                             f"{array.shape}")


def expect_axes(kernel: str, axes: int, **arrays: Any) -> None:
    """NumPy arrays of float32 or float64 with so many axes."""
    expect_floats(kernel, **arrays)
    for name, array in arrays.items():
        if array.ndim != axes:
            raise ValueError(f"{kernel}: {name}: expected {axes} axes, got shape {array.shape}")


def expect_one_type(kernel: str, **arrays: Any) -> None:
    """NumPy arrays that are all float32 or all float64."""
    expect_floats(kernel, **arrays)
    if len({array.dtype for array in arrays.values()}) > 1:
        types = ", ".join(f"{name} {array.dtype}" for name, array in arrays.items())
        raise ValueError(f"{kernel}: expected arrays of one type, got {types}")


def expect_shape(kernel: str, shape: tuple[int, ...], **arrays: Any) -> None:
    """NumPy arrays of float32 or float64 of this shape."""
    expect_floats(kernel, **arrays)
    for name, array in arrays.items():
        if array.shape != shape:
            raise ValueError(f"{kernel}: {name}: expected shape {shape}, got {array.shape}")


def expect_like(kernel: str, shape: tuple[int, ...], dtype: np.dtype, **arrays: Any) -> None:
    """NumPy arrays of this shape and type."""
    expect_arrays(kernel, **arrays)
    for name, array in arrays.items():
        if array.shape != shape or array.dtype != dtype:
            raise ValueError(f"{kernel}: {name}: expected shape {shape} {dtype}, got {array.shape} "
                             f"{array.dtype}")


def expect_sizes(kernel: str, name: str, shape: Sequence[int], axes: int = 4) -> None:
    """A shape of so many axes."""
    if (not isinstance(shape, (tuple, list)) or len(shape) != axes
            or not all(is_whole(size) for size in shape)):
        raise ValueError(f"{kernel}: {name}: expected {axes} whole numbers of at least 0, got "
                         f"{shape!r}")


def expect_indices(kernel: str, name: str, values: np.ndarray, shape: tuple[int, ...],
                   below: int) -> np.ndarray:
    """Integers of this shape from 0 to below - 1; returns them as C-contiguous int64."""
    expect_arrays(kernel, **{name: values})
    if values.shape != shape or values.dtype.kind not in "iu":
        raise ValueError(f"{kernel}: {name}: expected integers of shape {shape}, got "
                         f"{values.dtype} {values.shape}")
    if values.size and not 0 <= values.min() <= values.max() < below:
        allowed = f"0 to {below - 1}" if below else "none"
        raise ValueError(f"{kernel}: {name}: expected {allowed}, got {values.min()} to "
                         f"{values.max()}")
    return np.ascontiguousarray(values, np.int64)
