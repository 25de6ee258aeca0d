"""Checks of what a file says about a run, so that a changed file gives a one-line error."""
import math
from typing import Any

import numpy as np

NUMBER = "a number"
COUNT = "a whole number of at least 0"
SHARE = "a number from 0 to 1"
TEXT = "text"
ACCURACIES = dict.fromkeys(("knn", "linear", "one_percent", "one_label", "five_labels",
                            "five_labels_means", "kmeans_nmi", "kmeans_purity"), SHARE)
# what result.json holds at least
RESULT = {"method": TEXT, "dataset": TEXT, "seed": COUNT, "epochs": COUNT, "steps": COUNT,
          "encoder": TEXT, "seconds": NUMBER, "views_per_second": NUMBER,
          "evaluation_seconds": NUMBER, "threads": COUNT, **ACCURACIES,
          "baselines": {"pixels": ACCURACIES, "random": ACCURACIES}, "config": {},
          "protocol": {**dict.fromkeys(("features", "fitted_on", "measured_on", "selection", "knn",
                                        "linear", "few_labels", "clusters"), TEXT),
                       "chance": SHARE}}


def expect(value: Any, kind: Any, name: str) -> None:
    """Raise ValueError unless value is of this kind; a table of kinds means at least these keys."""
    if not isinstance(kind, dict):
        if not _fits(value, kind):
            raise ValueError(f"{name}: expected {kind}, got {_short(value)}")
        return
    if not isinstance(value, dict):
        raise ValueError(f"{name}: expected a table, got {_short(value)}")
    for key, inner in kind.items():
        if key not in value:
            raise ValueError(f"{name}: expected {key} in it, found none")
        expect(value[key], inner, f"{name}.{key}")


def expect_progress(run: Any, columns: tuple[str, ...]) -> None:
    """Raise ValueError unless a run of this configuration and images can be in this state.

    Checks the counters, the times, the rows of metrics, the order of samples, the gallery, the log
    of the epoch with its columns, and the integers that parts of the method name in `ranges`.
    """
    _expect_counters(run)
    _expect_metrics(run, columns)
    _expect_integers("order", run.order, 1, run.images)
    known = sum(not math.isnan(row["monitor_knn"]) for row in run.metrics)
    if len(run.gallery) != known:
        raise ValueError(f"gallery: expected an array for each of {known} epochs with monitor_knn, "
                         f"got {len(run.gallery)}")
    for i, neighbors in enumerate(run.gallery):
        _expect_integers(f"gallery.{i}", neighbors, 2, run.images)
        if neighbors.shape != run.gallery[0].shape or not neighbors.size:
            raise ValueError(f"gallery.{i}: expected shape {run.gallery[0].shape}, got "
                             f"{neighbors.shape}")
    for part in run.method.modules():
        ranges = part.ranges(run.images) if hasattr(part, "ranges") else {}
        for name, (array, low, high) in ranges.items():
            if array.min() < low or array.max() > high:
                raise ValueError(f"{name}: expected integers from {low} to {high}, got "
                                 f"{array.min()} to {array.max()}")
    log = np.array(run.log)
    if log.size and (log.ndim != 2 or log.shape[1] != len(columns) or log.dtype != np.float64):
        raise ValueError(f"log: expected rows of {len(columns)} numbers, got {log.dtype} "
                         f"{log.shape}")


def _expect_counters(run):
    """Raise ValueError unless the step is in the epoch and the times are possible."""
    expect(run.epoch, COUNT, "epoch")
    expect(run.step, COUNT, "step")
    for name in ("seconds", "epoch_seconds"):
        seconds = getattr(run, name)
        expect(seconds, NUMBER, name)
        if not 0 <= seconds < math.inf:
            raise ValueError(f"{name}: expected 0 or more, got {seconds}")
    begun, total = run.epoch * run.steps_per_epoch, run.config.epochs * run.steps_per_epoch
    if not begun <= run.step <= min(begun + run.steps_per_epoch, total):
        raise ValueError(f"step {run.step} is not in epoch {run.epoch} of {run.config.epochs}")


def _expect_metrics(run, columns):
    """Raise ValueError unless there is one row of numbers for each epoch, all with equal keys."""
    if not isinstance(run.metrics, list):
        raise ValueError(f"metrics: expected a list, got {_short(run.metrics)}")
    kinds = dict.fromkeys(("epoch", "step", "seconds", "views_per_second", "lr", *columns,
                           "monitor_knn"), NUMBER)
    for i, row in enumerate(run.metrics):
        expect(row, kinds, f"metrics.{i}")
        if row.keys() != run.metrics[0].keys() or not all(_fits(v, NUMBER) for v in row.values()):
            raise ValueError(f"metrics.{i}: expected the columns {', '.join(run.metrics[0])}")
    if [row["epoch"] for row in run.metrics] != [*range(1, run.epoch + 1)]:
        raise ValueError(f"metrics: expected a row for each of {run.epoch} epochs, got "
                         f"{len(run.metrics)} rows")


def not_finite(arrays: dict[str, np.ndarray]) -> str | None:
    """The name of the first array that contains NaN or infinity; None if there is none."""
    return next((name for name, array in arrays.items()
                 if array.dtype.kind in "fc" and not np.isfinite(array).all()), None)


def expect_finite_arrays(where: Any, arrays: dict[str, np.ndarray]) -> None:
    """Raise ValueError if an array of a stored run holds NaN, infinity or a variance below 0."""
    if name := not_finite(arrays):
        raise ValueError(f"{where}: {name} holds NaN or infinity, so this run has failed; train a "
                         "new one with a smaller --lr")
    for name, array in arrays.items():
        if name.endswith("running_var") and array.min(initial=0) < 0:
            raise ValueError(f"{where}: {name} holds a variance below 0, so the file was changed; "
                             "train a new run")


class Bounded(np.random.Generator):
    """np.random.default_rng(seed) that draws at most `limit` normal numbers, or raises ValueError.

    A network that is drawn with it needs no more memory than the arrays that are loaded into it,
    even if the configuration in a changed file claims a larger network.
    """

    def __init__(self, seed: Any, limit: int):
        super().__init__(np.random.PCG64(seed))
        self.left = limit

    def standard_normal(self, size=None, dtype=np.float64, out=None):  # type: ignore[override]
        """Draw normal numbers as NumPy does."""
        self.left -= math.prod(size) if isinstance(size, tuple) else size or 1
        if self.left < 0:
            raise ValueError("its configuration claims a larger network than its arrays hold")
        return super().standard_normal(size, dtype, out)


def _expect_integers(name, array, axes, below):
    if (array.ndim != axes or array.dtype != np.int64 or array.min(initial=0) < 0
            or array.max(initial=0) >= below):
        raise ValueError(f"{name}: expected integers from 0 to {below - 1} with {axes} axes, got "
                         f"{array.dtype} {array.shape}")


def _fits(value, kind):
    if kind == TEXT:
        return isinstance(value, str)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    if kind == COUNT:
        return isinstance(value, int) and 0 <= value < 2**63
    if kind == SHARE:
        return 0 <= value <= 1
    # NaN stands for a missing number; an integer of more bits is no float
    return value != value or abs(value) < 2**1000


def _short(value):
    text = repr(value)
    return text if len(text) < 60 else f"{text[:57]}..."
