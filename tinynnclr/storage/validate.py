"""Is what a file says of a run possible? One that was tampered with is told here, in a line, not by
a crash later.
"""
import math
from typing import Any

import numpy as np

NUMBER, COUNT, SHARE, TEXT = "a number", "a whole number of at least 0", "a number from 0 to 1", "text"
ACCURACIES = {"knn": SHARE, "linear": SHARE}
# what result.json holds, at least
RESULT = {"method": TEXT, "dataset": TEXT, "seed": COUNT, "epochs": COUNT, "steps": COUNT,
          "encoder": TEXT, "seconds": NUMBER, "views_per_second": NUMBER,
          "evaluation_seconds": NUMBER, "threads": COUNT, **ACCURACIES,
          "baselines": {"pixels": ACCURACIES, "random": ACCURACIES}, "config": {},
          "protocol": {**dict.fromkeys(("features", "fitted_on", "measured_on", "selection", "knn",
                                        "linear"), TEXT), "chance": SHARE}}


def expect(value: Any, wanted: Any, name: str) -> None:
    """Raises ValueError, which names the place, unless value is of that kind, or a table of at
    least these kinds.
    """
    if isinstance(wanted, dict):
        if not isinstance(value, dict):
            raise ValueError(f"{name}: expected a table, got {_short(value)}")
        for key, inner in wanted.items():
            if key not in value:
                raise ValueError(f"{name}: expected {key} in it, found none")
            expect(value[key], inner, f"{name}.{key}")
    elif not _fits(value, wanted):
        raise ValueError(f"{name}: expected {wanted}, got {_short(value)}")


def expect_progress(run: Any, columns: tuple[str, ...]) -> None:
    """Raises ValueError for a state that no run of this configuration on so many images can be in.

    columns: those of run.log. Looked at: counters, times, the rows of metrics, the order of
    samples, the gallery, and the integers of each part of the method that names their `ranges`.
    """
    for name in ("epoch", "step"):
        expect(getattr(run, name), COUNT, name)
    for name in ("seconds", "epoch_seconds"):
        expect(getattr(run, name), NUMBER, name)
        if not 0 <= getattr(run, name) < math.inf:
            raise ValueError(f"{name}: expected 0 or more, got {getattr(run, name)}")
    begun, total = run.epoch * run.steps_per_epoch, run.config.epochs * run.steps_per_epoch
    if not begun <= run.step <= min(begun + run.steps_per_epoch, total):
        raise ValueError(f"step {run.step} is not in epoch {run.epoch} of {run.config.epochs}")
    row = dict.fromkeys(("epoch", "step", "seconds", "views_per_second", "lr", *columns,
                         "monitor_knn"), NUMBER)
    if not isinstance(run.metrics, list):
        raise ValueError(f"metrics: expected a list, got {_short(run.metrics)}")
    for i, found in enumerate(run.metrics):
        expect(found, row, f"metrics.{i}")
        if found.keys() != run.metrics[0].keys() or not all(_fits(v, NUMBER) for v
                                                            in found.values()):
            raise ValueError(f"metrics.{i}: expected the columns {', '.join(run.metrics[0])}")
    if [found["epoch"] for found in run.metrics] != [*range(1, run.epoch + 1)]:
        raise ValueError(f"metrics: expected a row for each of {run.epoch} epochs, got "
                         f"{len(run.metrics)} rows")
    _expect_integers("order", run.order, 1, run.images)
    for i, shown in enumerate(run.gallery):
        _expect_integers(f"gallery.{i}", shown, 2, run.images)
        if shown.shape != run.gallery[0].shape or not shown.size:
            raise ValueError(f"gallery.{i}: expected shape {run.gallery[0].shape}, got "
                             f"{shown.shape}")
    for part in run.method.modules():
        for name, (found, low, high) in part.ranges(run.images).items() if hasattr(part, "ranges") else ():
            if found.min() < low or found.max() > high:
                raise ValueError(f"{name}: expected integers from {low} to {high}, got "
                                 f"{found.min()} to {found.max()}")
    log = np.array(run.log)
    if log.size and (log.ndim != 2 or log.shape[1] != len(columns) or log.dtype != np.float64):
        raise ValueError(f"log: expected rows of {len(columns)} numbers, got {log.dtype} "
                         f"{log.shape}")


def not_finite(arrays: dict[str, np.ndarray]) -> str | None:
    """The name of the first array that contains NaN or infinity; None if there is none."""
    return next((name for name,
                 a in arrays.items() if a.dtype.kind in "fc" and not np.isfinite(a).all()), None)


def expect_finite_arrays(where: Any, arrays: dict[str, np.ndarray]) -> None:
    """Raise ValueError, which names the array, if one of a stored run's holds NaN, infinity or a
    variance below 0.
    """
    if name := not_finite(arrays):
        raise ValueError(f"{where}: {name} holds NaN or infinity, so this run has failed; train a "
                         "new one with a smaller --lr")
    for name, a in arrays.items():
        if name.endswith("running_var") and a.min(initial=0) < 0:
            raise ValueError(f"{where}: {name} holds a variance below 0, so the file was changed; "
                             "train a new run")


class Bounded(np.random.Generator):
    """np.random.default_rng(seed) that draws at most `limit` normal numbers; it raises ValueError
    before it draws more.

    A network that is drawn with it needs no more memory than the arrays that it will be loaded
    from, even if the configuration of a damaged file claims a larger network.
    """

    def __init__(self, seed: Any, limit: int):
        super().__init__(np.random.PCG64(seed))
        self.left = limit

    def standard_normal(self, size=None, dtype=np.float64, out=None):  # type: ignore[override]
        """As NumPy's."""
        self.left -= math.prod(size) if isinstance(size, tuple) else size or 1
        if self.left < 0:
            raise ValueError("its configuration claims a larger network than its arrays hold")
        return super().standard_normal(size, dtype, out)


def _expect_integers(name, array, axes, below):
    if array.ndim != axes or array.dtype != np.int64 or array.min(initial=0) < 0 or array.max(
            initial=0) >= below:
        raise ValueError(f"{name}: expected integers from 0 to {below - 1} with {axes} axes, got "
                         f"{array.dtype} {array.shape}")


def _fits(value, wanted):
    if wanted == TEXT:
        return isinstance(value, str)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    if wanted == COUNT:
        return isinstance(value, int) and 0 <= value < 2**63
    if wanted == SHARE:
        return 0 <= value <= 1
    # NaN is what does not exist; larger ones are no float
    return value != value or abs(value) < 2**1000


def _short(value):
    text = repr(value)
    return text if len(text) < 60 else f"{text[:57]}..."
