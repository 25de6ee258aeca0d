"""When do friends help? A oracle sets how often the positive is of the same class; real runs lie
somewhere on it.
"""
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...metrics.confidence import mean_and_interval
from .page import CEILING, read_cells
from .table import Arm, Cells, Contrast, Table

FRIENDS = "neighbor-precision"
# the shares that the labels see to, where any image of the class will do, and where it is the
# nearest one
ORACLES = {"oracle": (0.0, 0.25, 0.5, 0.75, 1.0), "oracle, nearest": (0.0, 0.5, 1.0)}
STYLES = "fog", "sketch"  # easier than the toybox's day: pixels alone tell more
SEEDS = 3, None  # of most, and of what the claims are about: as many as are asked for
# arm: its neighbours' label agreement, and what it gains, a number a seed
Gains = dict[str, tuple[float, list[float]]]
OFF = "off"
OFFS: dict[str, dict[str, Any]] = {  # runs without neighbours, and their options
    OFF: {}, "off, crops only": {"augmentation": "crop-only"},
    **{f"off, {style}": {"dataset": f"toybox-{style}"} for style in STYLES}}
# real runs: what each is compared with, and its options beside those
REAL: dict[str, tuple[str, dict[str, Any]]] = {"nnclr, from the start": (OFF,
                                                                         {"neighbors_after": 0.0}),
                                               "nnclr, from half-way": (OFF,
                                                                        {"neighbors_after": 0.5}),
                                               "nnclr, from 80 %": (OFF, {"neighbors_after": 0.8}),
                                               "nnclr, crops only": ("off, crops only",
                                                                     {"neighbors_after": 0.0}),
                                               **{f"nnclr, {style}": (f"off, {style}",
                                                                      {"neighbors_after": 0.0})
                                                  for style in STYLES}}


def _arms():
    arms = [Arm(name, {"method": "nnclr", "neighbors": False, **options}, seeds=SEEDS[name == OFF])
            for name, options in OFFS.items()]
    arms += [Arm(f"{kind} {a:g}", {"method": "oracle_nnclr", "oracle_precision": a,
                                   "oracle_nearest": kind.endswith("nearest"),
                                   "neighbors_after": 0.0}, a, kind, SEEDS[a in (0, 1)]) for kind,
             oracle in ORACLES.items() for a in oracle]
    arms += [Arm(name, {"method": "nnclr", **OFFS[off], **options},
                 seeds=SEEDS[name == "nnclr, from the start"]) for name,
             (off, options) in REAL.items()]
    return [*arms, Arm(CEILING, {"method": "supervised"}, seeds=1)]


def _gain(arm, off):
    return Contrast(f"{arm} against {off}", (arm, off), lambda of: of(arm) - of(off))


def friends(dataset: str) -> Table:
    """The table: the toybox has easier styles beside it; photographs have crops only, of which toys
    tell too little.
    """
    left_out = "crops only" if dataset == "toybox" else STYLES
    return Table(FRIENDS, "How often must a neighbour be right before it helps?",
                 [arm for arm in _arms() if not arm.name.endswith(left_out)],
                 [_gain("oracle 1", OFF), _gain("oracle, nearest 1", OFF),
                  _gain("nnclr, from the start", OFF), _gain("nnclr, from half-way", OFF)],
                 axis="share of neighbours of the anchor's class",
                 measures=("knn", "linear", "mean neighbor_accuracy"),
                 note="The oracle chooses the positive by the labels; 'mean neighbor_accuracy' is "
                 "over the epochs in which neighbours were used. With crops only, and on the "
                 "toybox in other styles (fog, sketch), real ones are used from the start, as "
                 "those of the oracle are. No paper has this table.")


def gains(cells: Cells, measure: str = "knn") -> Gains:
    """{arm: (label agreement, gain over no neighbours in points, a number a seed)} of dials and
    real runs.
    """
    pairs = {f"{kind} {a:g}": OFF for kind, oracle in ORACLES.items() for a in oracle}
    pairs |= {name: off for name, (off, _) in REAL.items()}
    found = {}
    for arm, off in pairs.items():
        numbers = _gain(arm, off).by_seed(cells, measure)
        agreed = [cells[a, seed]["mean neighbor_accuracy"] for a, seed in cells
                  if a == arm and "mean neighbor_accuracy" in cells[a, seed]]
        if numbers and agreed:
            found[arm] = float(np.mean(agreed)), numbers
    return found


def elsewhere(paths: Mapping[str, Path]) -> Gains:
    """The real runs of this table made on other data, {data set: its CSV}, in words that name the
    data set.
    """
    return {f"{dataset}: {arm}": gain for dataset, path in paths.items() if path.exists()
            for arm, gain in gains(read_cells(path)).items() if not arm.startswith("oracle")}


def crossing(curve: Mapping[float, Sequence[float]]) -> float | None:
    """The first agreement, going up, from which the mean gain stays above 0, linear between dials;
    None: nowhere.
    """
    xs = sorted(curve)
    means = [float(np.mean(curve[x])) for x in xs]
    if means[-1] <= 0:
        return None
    last = max((i for i, mean in enumerate(means) if mean <= 0), default=None)
    if last is None:
        return xs[0]
    return xs[last] + (xs[last + 1] - xs[last]) * -means[last] / (means[last + 1] - means[last])


def crossing_interval(curve: Mapping[float, Sequence[float]], rng: np.random.Generator,
                      draws: int = 2000) -> tuple[float, float] | None:
    """95 % interval of `crossing` by drawing seeds anew; None with one seed, or where more than 2.5
    % never cross.
    """
    count = min(len(numbers) for numbers in curve.values())
    if count < 2:
        return None
    found = []
    for _ in range(draws):
        chosen = rng.integers(0, count, count)
        at = crossing({x: [numbers[i] for i in chosen] for x, numbers in curve.items()})
        found.append(np.inf if at is None else at)
    low, high = np.quantile(found, (0.025, 0.975), method="nearest")
    return None if np.isinf(high) else (float(low), float(high))


def answer(cells: Cells, lent: Gains) -> str:
    """In words, from the numbers alone: where neighbours begin to help, and where real runs, also
    those lent, lie.
    """
    found = gains(cells)
    said, zeros = [], {}
    for kind, oracle in ORACLES.items():
        curve = {a: found[f"{kind} {a:g}"][1] for a in oracle if f"{kind} {a:g}" in found}
        if len(curve) > 1:
            zeros[kind] = crossing(curve)
            said.append(_where(kind, curve, zeros[kind]))
    if not said:
        return "Not enough of the oracle was measured."
    real = {arm: (agreed, *mean_and_interval(numbers)) for arm,
            (agreed, numbers) in {**found, **lent}.items() if not arm.startswith("oracle")}
    told = [f"{arm} {agreed:.0%}, {_points(mean, half)} points" for arm,
            (agreed, mean, half) in real.items()]
    # a oracle foretells of its own data
    own = {arm: numbers for arm, numbers in real.items() if arm not in lent}
    last = list(zeros)[-1]  # real runs take the nearest, too
    return (f"{' '.join(said)} Real runs, how often their neighbours agree and what they gain over "
            f"none: {'; '.join(told) or 'none measured'}. {_foretold(last, zeros[last], own)}")


def _where(kind, curve, at):
    """Where one curve crosses zero, and what it comes to at its end."""
    best, limit = mean_and_interval(curve[max(curve)])
    name = "The nearest of the drawn class" if kind.endswith(
            "nearest") else "A random image of the drawn class"
    if at is None:
        said = f"{name} helps nowhere on the oracle" + ("" if _sure(best, limit)
                                                        else ", as far as can be seen")
    else:
        interval = crossing_interval(curve, np.random.default_rng(0))
        between = "no 95 % interval: too few seeds, or too many drawn anew find no such point"
        if interval:
            between = f"95 % interval {interval[0]:.0%} to {interval[1]:.0%}"
        said = (f"{name} helps from about {at:.0%} of them being right ({between})" if at
                > min(curve)
                else f"{name} helps on all of the oracle, even at {at:.0%} ({between})")
    return f"{said}; at {max(curve):.0%} it is worth {_points(best, limit)} points."


def _foretold(kind, at, real):
    """Does the side of a curve's zero on which a real run lies tell the sign of its gain?"""
    clear = {arm: (agreed, mean) for arm, (agreed, mean, half) in real.items() if _sure(mean, half)}
    if not clear:
        return "No real run's gain or loss is larger than its interval: why one loses cannot be seen here."
    zero = np.inf if at is None else at
    right = [arm for arm, (agreed, mean) in clear.items() if (agreed >= zero) == (mean > 0)]
    wrong = [arm for arm in clear if arm not in right]
    said = (f"Of the {len(clear)} whose gain or loss is larger than its interval, {len(right)} do "
            f"as the curve of '{kind}' foretells")
    return said + (f"; {', '.join(wrong)} do not, so agreement alone does not explain them."
                   if wrong else ".")


def _sure(mean, half):
    return half is not None and abs(mean) > half


def _points(mean, half):
    return f"{mean + 0.0:+.1f}" + ("" if half is None else f" ± {half:.1f}")
