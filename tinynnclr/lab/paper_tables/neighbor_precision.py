"""Table neighbor-precision: what neighbours gain, and how often they are of the same class.

An oracle sets how often the positive has the anchor's class; real runs lie somewhere on its curve.
"""
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...metrics.confidence import mean_and_interval
from ..sweep.arms import Arm
from ..sweep.report import UPPER_BOUND, Runs, format_points, of_arm, read_runs
from .table import Contrast, Table, difference

NAME = "neighbor-precision"
AGREEMENT = "mean neighbor_accuracy"
# the oracle's precisions: a random image of the drawn class, and the nearest one of that class
ORACLES = {"oracle": (0.0, 0.25, 0.5, 0.75, 1.0), "oracle, nearest": (0.0, 0.5, 1.0)}
STYLES = "fog", "sketch"  # styles of the toybox that are easier: pixels alone say more
FEW = 3  # seeds of most arms; the arms of the claims have as many as are asked for
# arm: how often its neighbours are of the same class, and what it gains, one number for each seed
Gains = dict[str, tuple[float, list[float]]]
OFF = "off"
OFFS: dict[str, dict[str, Any]] = {  # runs without neighbours, and their options
    OFF: {}, "off, crops only": {"augmentation": "crop-only"},
    **{f"off, {style}": {"dataset": f"toybox-{style}"} for style in STYLES}}
# real runs: the run without neighbours that each is compared with, and `neighbors_after`
REAL: dict[str, tuple[str, float]] = {
    "nnclr, from the start": (OFF, 0.0), "nnclr, from half-way": (OFF, 0.5),
    "nnclr, from 80 %": (OFF, 0.8), "nnclr, crops only": ("off, crops only", 0.0),
    **{f"nnclr, {style}": (f"off, {style}", 0.0) for style in STYLES}}


def _arms():
    for name, options in OFFS.items():
        yield Arm(name, {"method": "nnclr", "neighbors": False, **options},
                  seeds=None if name == OFF else FEW)
    for kind, precisions in ORACLES.items():
        for precision in precisions:
            yield Arm(f"{kind} {precision:g}",
                      {"method": "oracle_nnclr", "oracle_precision": precision,
                       "oracle_nearest": kind.endswith("nearest"), "neighbors_after": 0.0},
                      precision, kind, None if precision in (0, 1) else FEW)
    for name, (off, after) in REAL.items():
        yield Arm(name, {"method": "nnclr", **OFFS[off], "neighbors_after": after},
                  seeds=None if name == "nnclr, from the start" else FEW)
    yield Arm(UPPER_BOUND, {"method": "supervised"}, seeds=1)


def _gain(arm: str, off: str) -> Contrast:
    return difference(arm, off, f"{arm} against {off}")


def neighbor_precision(dataset: str) -> Table:
    """The table: with the toybox's easier styles, or for photographs with crops only."""
    left_out = "crops only" if dataset == "toybox" else STYLES
    return Table(NAME, "How often must a neighbour be right before it helps?",
                 [arm for arm in _arms() if not arm.name.endswith(left_out)],
                 [_gain("oracle 1", OFF), _gain("oracle, nearest 1", OFF),
                  _gain("nnclr, from the start", OFF), _gain("nnclr, from half-way", OFF)],
                 axis="share of neighbours of the anchor's class",
                 measures=("knn", "linear", AGREEMENT),
                 note=f"The oracle chooses the positive by the labels; '{AGREEMENT}' is over the "
                 "epochs in which neighbours were used. With crops only, and on the toybox in "
                 "other styles (fog, sketch), neighbours are used from the start, as those of the "
                 "oracle are. No paper has this table.")


def gains(runs: Runs, measure: str = "knn") -> Gains:
    """{arm: (neighbour accuracy, points above no neighbours for each seed)} of oracles and real
    runs."""
    pairs = {f"{kind} {precision:g}": OFF for kind, precisions in ORACLES.items()
             for precision in precisions}
    pairs |= {name: off for name, (off, _) in REAL.items()}
    arm_gains = {}
    for arm, off in pairs.items():
        points = _gain(arm, off).by_seed(runs, measure)
        accuracies = of_arm(runs, arm, AGREEMENT)
        if points and accuracies:
            arm_gains[arm] = float(np.mean(accuracies)), points
    return arm_gains


def stored_gains(paths: Mapping[str, Path]) -> Gains:
    """The gains of real runs on other data, {data set: its CSV file}, named after the data set."""
    return {f"{dataset}: {arm}": gain for dataset, path in paths.items() if path.exists()
            for arm, gain in gains(read_runs(path)).items() if not arm.startswith("oracle")}


def crossing(curve: Mapping[float, Sequence[float]]) -> float | None:
    """The first precision from which the mean gain stays above 0, by linear interpolation.

    curve: {precision: gains}. None if the last mean is not above 0.
    """
    xs = sorted(curve)
    means = [float(np.mean(curve[x])) for x in xs]
    if means[-1] <= 0:
        return None
    last = max((i for i, mean in enumerate(means) if mean <= 0), default=None)
    if last is None:
        return xs[0]
    return xs[last] + (xs[last + 1] - xs[last]) * -means[last] / (means[last + 1] - means[last])


def answer(runs: Runs, elsewhere: Gains) -> str:
    """The answer in words: where neighbours begin to help, and what real runs gain.

    elsewhere: gains of real runs on other data.
    """
    arm_gains = gains(runs)
    sentences, crossings = [], {}
    for kind, precisions in ORACLES.items():
        curve = {x: arm_gains[f"{kind} {x:g}"][1] for x in precisions
                 if f"{kind} {x:g}" in arm_gains}
        if len(curve) > 1:
            crossings[kind] = crossing(curve)
            sentences.append(_describe_curve(kind, curve, crossings[kind]))
    if not sentences:
        return "Too little of the oracle was measured."
    real = {arm: gain for arm, gain in {**arm_gains, **elsewhere}.items()
            if not arm.startswith("oracle")}
    shown = [f"{arm} {accuracy:.0%}, {format_points(points)} points"
             for arm, (accuracy, points) in real.items()]
    # an oracle predicts only runs on its own data
    here = {arm: gain for arm, gain in real.items() if arm not in elsewhere}
    last = list(crossings)[-1]  # real runs take the nearest, too
    return (f"{' '.join(sentences)} Real runs, how often their neighbours are of the same class "
            f"and what they gain over no neighbours: {'; '.join(shown) or 'none measured'}. "
            f"{_describe_predictions(last, crossings[last], here)}")


def _describe_curve(kind, curve, at):
    """Where a curve crosses zero, and its last gain."""
    name = "The nearest image" if kind.endswith("nearest") else "A random image"
    if at is None:
        effect = "helps at no precision of the oracle"
        if not _clear(curve[max(curve)]):
            effect += ", as far as these seeds can tell"
    else:
        effect = f"helps from a precision of about {at:.0%} on"
    return (f"{name} of the drawn class {effect}; at {max(curve):.0%} it gains "
            f"{format_points(curve[max(curve)])} points.")


def _describe_predictions(kind, at, real):
    """How many real runs gain or lose as their side of a curve's zero predicts."""
    clear = {arm: (accuracy, np.mean(points)) for arm, (accuracy, points) in real.items()
             if _clear(points)}
    if not clear:
        return ("No real run's gain or loss is larger than its interval, so these runs cannot show "
                "why one loses.")
    zero = np.inf if at is None else at
    wrong = [arm for arm, (accuracy, mean) in clear.items() if (accuracy >= zero) != (mean > 0)]
    sentence = (f"Of the {len(clear)} whose gain or loss is larger than its interval, "
                f"{len(clear) - len(wrong)} have the sign that the curve of '{kind}' predicts")
    return sentence + (f"; {', '.join(wrong)} do not, so precision alone does not explain them."
                       if wrong else ".")


def _clear(points):
    """Whether a mean differs from 0 by more than its interval."""
    mean, half = mean_and_interval(points)
    return half is not None and abs(mean) > half
