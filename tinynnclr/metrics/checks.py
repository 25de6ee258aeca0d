"""Checks of what the metrics are given: finite rows, a label for each, numbers in their range."""
import numpy as np

from ..kernels.engine.checks import expect_arrays


def expect_finite(who: str, **features: np.ndarray) -> None:
    """Raise FloatingPointError if rows (n, d) hold NaN, infinity or numbers too large to square."""
    for name, rows in features.items():
        if np.ndim(rows) != 2:
            raise ValueError(f"{who}: {name}: expected rows (n, d), got shape {np.shape(rows)}")
        with np.errstate(all="ignore"):
            wrong = np.count_nonzero(~np.isfinite(np.einsum("ij,ij->i", rows, rows)))
        if wrong:
            raise FloatingPointError(f"{who}: {name}: {wrong} of {len(rows)} rows are not finite "
                                     "(NaN, infinity, or too large to square), so no score is "
                                     "computed; check the weights that made them")


def one_scale(train: np.ndarray, *others: np.ndarray) -> list[np.ndarray]:
    """Multiply all rows by the power of two that brings the largest number of train to 1..2.

    No digit changes. Then no square overflows, and a constant that stands for "nearly 0" does not
    depend on the unit of the features.
    """
    largest = max(float(train.max(initial=0)), -float(train.min(initial=0)))
    power = 1 - int(np.frexp(largest)[1]) if largest else 0
    return [np.ldexp(rows, power) if power else rows for rows in (train, *others)]


def expect_number(who: str, name: str, value: float, above: float | None = None,
                  least: float | None = None) -> None:
    """Raise ValueError unless value is a finite number, above `above` and at least `least`."""
    number = isinstance(value, int | float | np.integer | np.floating) and np.isfinite(value)
    if not number or above is not None and value <= above or least is not None and value < least:
        expected = f"above {above:g}" if above is not None else f"of at least {least:g}"
        raise ValueError(f"{who}: {name}: expected a number {expected}, got {value!r}")


def expect_labelled(who: str, **sets: tuple[np.ndarray, np.ndarray]) -> None:
    """Raise ValueError unless each set is rows (n, d), n >= 1, and n class numbers of at least 0.

    Raises FloatingPointError as `expect_finite` does.
    """
    for name, (rows, labels) in sets.items():
        expect_finite(who, **{name: rows})
        expect_arrays(who, **{f"{name}: labels": labels})
        if (len(rows) == 0 or labels.shape != (len(rows),) or labels.dtype.kind not in "iu"
                or labels.min() < 0):
            raise ValueError(f"{who}: {name}: expected at least 1 row and, for each, a class "
                             f"number of at least 0; got {len(rows)} rows and {labels.dtype} "
                             f"labels of shape {labels.shape}")
