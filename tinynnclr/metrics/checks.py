"""Rows that are scored must be finite, and each must have a label."""
import numpy as np

from ..kernels.engine.checks import expect_arrays


def expect_finite(who: str, **features: np.ndarray) -> None:
    """Raise FloatingPointError if rows (n, d) contain NaN, infinity, or numbers too large to
    square.
    """
    for name, rows in features.items():
        if np.ndim(rows) != 2:
            raise ValueError(f"{who}: {name}: expected rows (n, d), got shape {np.shape(rows)}")
        with np.errstate(all="ignore"):
            bad = np.count_nonzero(~np.isfinite(np.einsum("ij,ij->i", rows, rows)))
        if bad:
            raise FloatingPointError(f"{who}: {name}: {bad} of {len(rows)} rows are not finite "
                                     "(NaN, infinity, or too large to square), so no score is "
                                     "computed; check the weights that made them")


def one_scale(train: np.ndarray, *others: np.ndarray) -> list[np.ndarray]:
    """All rows times one power of two, by which the largest number of train lies between 1 and 2:
    no digit changes.

    No square overflows then, and no constant that stands for "nearly 0" depends on the features'
    unit.
    """
    largest = max(float(train.max(initial=0)), -float(train.min(initial=0)))
    power = 1 - int(np.frexp(largest)[1]) if largest else 0
    return [np.ldexp(rows, power) if power else rows for rows in (train, *others)]


def expect_number(who: str, name: str, value: float, above: float | None = None,
                  least: float | None = None) -> None:
    """Raise ValueError unless value is a finite real number, larger than `above`, and at least
    `least`.
    """
    number = isinstance(value, int | float | np.integer | np.floating) and np.isfinite(value)
    if not number or above is not None and value <= above or least is not None and value < least:
        expected = f"above {above:g}" if above is not None else f"of at least {least:g}"
        raise ValueError(f"{who}: {name}: expected a number {expected}, got {value!r}")


def expect_labelled(who: str, **sets: tuple[np.ndarray, np.ndarray]) -> None:
    """Raise ValueError unless each (features, labels) is rows (n, d), n at least 1, and n integers
    of at least 0.

    Raises FloatingPointError as `expect_finite` does.
    """
    for name, (rows, labels) in sets.items():
        expect_finite(who, **{name: rows})
        expect_arrays(who, **{f"{name}: labels": labels})
        if len(rows) == 0 or labels.shape != (len(rows),) or labels.dtype.kind not in "iu" or labels.min() < 0:
            raise ValueError(f"{who}: {name}: expected at least 1 row and, for each, a class "
                             f"number of at least 0; got {len(rows)} rows and {labels.dtype} "
                             f"labels of shape {labels.shape}")
