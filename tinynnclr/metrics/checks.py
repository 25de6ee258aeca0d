"""Rows that are scored must be finite, and each must have a label."""
import numpy as np

from ..kernels.engine.checks import as_array


def expect_finite(who: str, **features: np.ndarray) -> None:
    """Raise FloatingPointError if rows (n, d) contain NaN, infinity, or numbers too large to square."""
    for name, rows in features.items():
        if np.ndim(rows) != 2:
            raise ValueError(f"{who}: {name}: expected rows (n, d), got shape {np.shape(rows)}")
        with np.errstate(all="ignore"):
            bad = np.count_nonzero(~np.isfinite(np.einsum("ij,ij->i", rows, rows)))
        if bad:
            raise FloatingPointError(f"{who}: {name}: {bad} of {len(rows)} rows are not finite (NaN, infinity, or too "
                                     "large to square), so no score is computed; check the weights that made them")


def expect_labelled(who: str, **sets: tuple[np.ndarray, np.ndarray]) -> None:
    """Raise ValueError unless each (features, labels) is rows (n, d), n at least 1, and n integers of at least 0.

    Raises FloatingPointError as `expect_finite` does.
    """
    for name, (rows, labels) in sets.items():
        expect_finite(who, **{name: rows})
        labels = as_array(who, f"{name}: labels", labels)
        if len(rows) == 0 or labels.shape != (len(rows),) or labels.dtype.kind not in "iu" or labels.min() < 0:
            raise ValueError(f"{who}: {name}: expected at least 1 row and, for each, a class number of at least 0; got "
                             f"{len(rows)} rows and {labels.dtype} labels of shape {labels.shape}")
