"""Table neighbor-map: what neighbours gain, over how often they are of the image's class.

A setting is a data set with a number of images and epochs. In each, NNCLR is trained beside its
control, the constant own view, and beside SimCLR: one point of the map. An oracle selects
neighbours by their labels; its gains are the curves behind the points.
"""
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...methods.registry import applicable
from ...metrics.confidence import mean_and_interval
from ...storage.text_tables import markdown_table
from ..sweep.arms import Arm
from ..sweep.report import HEADS, Runs, format_points, of_arm, read_runs
from .table import Table, difference

NAME = "neighbor-map"
ACCURACY = "mean neighbor_accuracy"
MEASURES = ("five_labels", "kmeans_nmi", "knn")
# the control for neighbours: its positive is a constant, too, and nothing else differs
CONTROL = "constant own view"
MAIN: dict[str, dict[str, Any]] = {
    "nnclr": {"method": "nnclr"},
    CONTROL: {"method": "nnclr", "neighbors": False, "own_view": "constant"},
    "simclr": {"method": "simclr"}}
FEW = {"train_size": 2000, "queue_size": 1000, "epochs": 150}
SETTINGS: dict[str, dict[str, Any]] = {
    "500 images, 1,000 steps": {"train_size": 500, "queue_size": 256, "epochs": 1000},
    "5,000 images, 950 steps": {"train_size": 5000, "queue_size": 2500, "epochs": 50},
    "5,000 images, 152 steps": {"train_size": 5000, "queue_size": 2500, "epochs": 8},
    "20,000 images, 624 steps": {"train_size": 20000, "queue_size": 4096, "epochs": 8},
    "20,000 images, 1,014 steps": {"train_size": 20000, "queue_size": 4096, "epochs": 13},
    "2,000 images, 2,002 steps": {**FEW, "epochs": 286},
    "crops only": {**FEW, "augmentation": "crop-only"},
    "36 kinds as classes": {**FEW, "dataset": "toybox-kinds"},
    "style fog": {**FEW, "dataset": "toybox-fog"},
    "style sketch": {**FEW, "dataset": "toybox-sketch"},
    **{f"temperature {t:g}": {**FEW, "temperature": t} for t in (0.07, 0.1, 0.25, 0.4)},
    "weak encoder, width 4": {**FEW, "width": 4},
    "strong encoder, fine_cnn": {**FEW, "encoder": "fine_cnn"}}
FEW_CIFAR = {"dataset": "cifar10", "augmentation": "simclr", "detrend": False, "temperature": 0.1,
             "lr": 0.48, "train_size": 5000, "queue_size": 2500, "epochs": 120}
ALL_CIFAR = {**FEW_CIFAR, "train_size": 50000, "queue_size": 16384, "epochs": 5}
PHOTOS: dict[str, dict[str, Any]] = {
    "Fashion-MNIST, 5,000 images, 950 steps": {
        "dataset": "fashion_mnist", "augmentation": "simclr", "detrend": False, "train_size": 5000,
        "queue_size": 2500, "epochs": 50},
    "CIFAR-10, 5,000 images, 2,280 steps": FEW_CIFAR,
    "CIFAR-10, 50,000 images, 975 steps": ALL_CIFAR,
    "CIFAR-10, 975 steps, width 4": {**ALL_CIFAR, "width": 4},
    "CIFAR-10, 975 steps, fine_cnn": {**ALL_CIFAR, "encoder": "fine_cnn"}}
TINY: dict[str, dict[str, Any]] = {
    "temperature 0.1": {"temperature": 0.1},
    "crops only": {"augmentation": "crop-only"}}
# the runs of these tables are points of the map, too
PHOTO_MAP = "photo-map"
STORED = {"neighbors-small": "1,000 images, 900 steps",
          "neighbors-medium": "2,000 images, 1,050 steps",
          "neighbors-large": "20,000 images, 1,872 steps",
          "neighbors-cifar10": "CIFAR-10, 50,000 images, 7,800 steps"}
PRECISIONS, KS = (0.25, 0.5, 0.75, 1.0), (1, 4, 16)  # of the oracle
DRAWS = 2000  # of the bootstrap


Groups = Mapping[str, tuple[Runs, str]]


class Point(NamedTuple):
    """A setting: how often neighbours were of the class, and {(control, measure): points a seed}.
    """

    accuracy: float
    gains: dict[tuple[str, str], list[float]]


def neighbor_map(tiny: bool = False) -> Table:
    """The table: settings x arms, and the oracle with 1,000 images and 900 steps."""
    arms = _arms_of(TINY if tiny else SETTINGS)
    arms.append(Arm(f"oracle: {CONTROL}", MAIN[CONTROL]))
    arms += [Arm(f"oracle: {precision:g}, K = {k}",
                 {"method": "oracle_nnclr", "oracle_precision": precision, "top_k": k,
                  "top_k_mean": True}) for k in KS for precision in PRECISIONS]
    return Table(NAME, "Where do neighbours help?", arms,
                 [difference(f"oracle: {PRECISIONS[-1]:g}, K = {k}", f"oracle: {CONTROL}",
                             f"The mean of {k} random image{'s' * (k > 1)} of the class is better "
                             "than the own view") for k in KS],
                 measures=(*MEASURES, ACCURACY))


def photo_map() -> Table:
    """The same settings x arms for photographs; the map shows them as points if they are there."""
    return Table(PHOTO_MAP, "Where do neighbours help on photographs?", _arms_of(PHOTOS), [
        difference(f"{setting}: nnclr", f"{setting}: {CONTROL}") for setting in PHOTOS],
        measures=(*MEASURES, ACCURACY))


def _arms_of(settings):
    return [Arm(f"{setting}: {arm}", {**applicable(options, arm_options["method"]), **arm_options})
            for setting, options in settings.items() for arm, arm_options in MAIN.items()]


def points(runs: Runs, stored: Groups) -> dict[str, Point]:
    """{setting: its point} of the map's own runs, and of other tables'."""
    result = {}
    for setting, (group, prefix) in {**groups_of(runs), **stored}.items():
        accuracies = of_arm(group, f"{prefix}nnclr", ACCURACY)
        if accuracies:
            gains = {(control, measure): difference(f"{prefix}nnclr", prefix + control)
                     .by_seed(group, measure)
                     for control in (CONTROL, "simclr") for measure in MEASURES}
            result[setting] = Point(float(np.mean(accuracies)), gains)
    return dict(sorted(result.items(), key=lambda item: item[1].accuracy))


def groups_of(runs: Runs) -> Groups:
    """{setting: (runs, the beginning of its arms' names)} of a table with several settings."""
    settings = dict.fromkeys(arm.partition(": ")[0] for arm, _ in runs)
    return {setting: (runs, f"{setting}: ") for setting in settings if setting != "oracle"}


def stored_groups(folder: Path) -> Groups:
    """The settings of other tables, from their CSV files in a folder, those that are there."""
    groups = {setting: (read_runs(path), "") for name, setting in STORED.items()
              if (path := folder / f"{name}.csv").exists()}
    photos = folder / f"{PHOTO_MAP}-small.csv"
    return {**groups, **groups_of(read_runs(photos))} if photos.exists() else groups


def oracle_gains(runs: Runs, k: int, measure: str = MEASURES[0]) -> list[tuple[float, list[float]]]:
    """(precision, points above the constant own view for each seed) of the oracle's mean of k."""
    curve = [(precision, difference(f"oracle: {precision:g}, K = {k}", f"oracle: {CONTROL}")
              .by_seed(runs, measure)) for precision in PRECISIONS]
    return [(precision, numbers) for precision, numbers in curve if numbers]


def crossing(accuracies: np.ndarray, gains: np.ndarray) -> float:
    """Where the least-squares line of the gains over the accuracies is 0; NaN if it does not rise.
    """
    slope, start = np.polyfit(accuracies, gains, 1)
    return float(-start / slope) if slope > 0 else float("nan")


def crossing_interval(accuracies: Sequence[float],
                      gains: Sequence[float]) -> tuple[float, float, float]:
    """(crossing, low, high): with its 95 % interval, by a bootstrap over the settings.

    A draw counts as 1 if its line does not rise, and as the nearer end if it crosses outside of 0
    to 1.
    """
    x, y = np.asarray(accuracies), np.asarray(gains)
    rng = np.random.default_rng(0)
    draws: list[float] = []
    while len(draws) < DRAWS:
        rows = rng.integers(0, len(x), len(x))
        if len(np.unique(x[rows])) > 1:
            at = crossing(x[rows], y[rows])
            draws.append(1.0 if np.isnan(at) else min(max(at, 0.0), 1.0))
    low, high = np.percentile(draws, (2.5, 97.5)).tolist()
    return crossing(x, y), low, high


def answer(map_points: Mapping[str, Point]) -> list[str]:
    """The map as text: a table of its points, and a sentence about each measure's crossing."""
    heads = ["setting", "seeds", "neighbours of the class",
             *(f"{HEADS[measure]}, against {control}" for control in (CONTROL, "simclr")
               for measure in MEASURES)]
    rows = [[setting, str(len(point.gains[CONTROL, MEASURES[0]])), f"{100 * point.accuracy:.0f} %",
             *(format_points(numbers) if numbers else "" for numbers in point.gains.values())]
            for setting, point in map_points.items()]
    texts = [markdown_table(heads, rows)]
    if len(map_points) > 2:
        texts.append("\n".join(f"- {_describe_crossing(map_points, measure)}"
                               for measure in MEASURES))
    return texts


def crossing_of(map_points: Mapping[str, Point], measure: str) -> tuple[float, float, float]:
    """`crossing_interval` of the mean gains over the constant own view."""
    used = [point for point in map_points.values() if point.gains[CONTROL, measure]]
    return crossing_interval([point.accuracy for point in used],
                             [mean_and_interval(point.gains[CONTROL, measure])[0]
                              for point in used])


def _describe_crossing(map_points, measure):
    at, low, high = crossing_of(map_points, measure)
    if np.isnan(at):
        return f"{HEADS[measure]}: the gain does not rise with the neighbours' accuracy."
    return (f"{HEADS[measure]}: the gain over the {CONTROL} crosses zero where {100 * at:.0f} % of "
            f"the neighbours are of the class (95 % interval {100 * low:.0f} to {100 * high:.0f} "
            f"%, a line through {len(map_points)} settings, bootstrap over the settings).")
