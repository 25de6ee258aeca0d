"""When do friends help? A dial sets how often the positive is of the same class; real runs lie somewhere on it."""
from collections.abc import Mapping, Sequence

import numpy as np

from ..evaluate.interval import mean_and_interval
from .table import Arm, Cells, Contrast, Table

DIALS = (0.0, 0.25, 0.5, 0.75, 1.0)
OFF = "off"
REAL = {  # arm: its knobs, and those of the run without neighbours that it is compared with
    "nnclr, from the start": ({"neighbors_after": 0.0}, OFF),
    "nnclr, from half-way": ({"neighbors_after": 0.5}, OFF),
    "nnclr, from 80 %": ({"neighbors_after": 0.8}, OFF),
    "nnclr, a random one of 16": ({"neighbors_after": 0.0, "top_k": 16}, OFF),
    "nnclr, crops only": ({"neighbors_after": 0.0, "augmentation": "crop-only"}, "off, crops only"),
}


def _arms():
    arms = [Arm(OFF, {"method": "nnclr", "neighbors": False}),
            Arm("off, crops only", {"method": "nnclr", "neighbors": False, "augmentation": "crop-only"})]
    arms += [Arm(f"dial {a:g}", {"method": "dial", "told_agreement": a, "neighbors_after": 0.0}, a, "dial")
             for a in DIALS]
    return arms + [Arm(name, {"method": "nnclr", **knobs}) for name, (knobs, _) in REAL.items()]


def _gain(arm, off):
    return Contrast(f"{arm} against {off}", (arm, off), lambda of: of(arm) - of(off))


FRIENDS = Table(
    "when-friends-help", "How often must a neighbour be right before it helps?", _arms(),
    [_gain("dial 1", OFF), _gain("nnclr, from the start", OFF), _gain("nnclr, from half-way", OFF)],
    axis="share of neighbours of the anchor's class", measures=("knn", "linear", "mean agreement"),
    note="The dial chooses the positive by the labels; 'mean agreement' is over the epochs in which neighbours were "
         "used. No paper has this table.")


def gains(cells: Cells, measure: str = "knn") -> dict[str, tuple[float, list[float]]]:
    """{arm: (label agreement, gain over no neighbours in points, a number a seed)} of dials and real runs."""
    pairs = {**{f"dial {a:g}": OFF for a in DIALS}, **{name: off for name, (_, off) in REAL.items()}}
    found = {}
    for arm, off in pairs.items():
        numbers = _gain(arm, off).by_seed(cells, measure)
        agreed = [cells[a, seed]["mean agreement"] for a, seed in cells
                  if a == arm and "mean agreement" in cells[a, seed]]
        if numbers and agreed:
            found[arm] = float(np.mean(agreed)), numbers
    return found


def crossing(curve: Mapping[float, Sequence[float]]) -> float | None:
    """The first agreement, going up, from which the mean gain stays above 0, linear between dials; None: nowhere."""
    xs = sorted(curve)
    means = [float(np.mean(curve[x])) for x in xs]
    if means[-1] <= 0:
        return None
    last = max((i for i, mean in enumerate(means) if mean <= 0), default=None)
    if last is None:
        return xs[0]
    return xs[last] + (xs[last + 1] - xs[last]) * -means[last] / (means[last + 1] - means[last])


def crossing_interval(curve: Mapping[float, Sequence[float]], rng: np.random.Generator, draws: int = 2000
                      ) -> tuple[float, float] | None:
    """95 % interval of `crossing` by drawing seeds anew; None with one seed, or where more than 2.5 % never cross."""
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


def answer(cells: Cells) -> str:
    """In words, from the numbers alone: where neighbours begin to help, and where real runs lie."""
    found = gains(cells)
    curve = {a: found[f"dial {a:g}"][1] for a in DIALS if f"dial {a:g}" in found}
    if len(curve) < 2:
        return "Not enough of the dial was measured."
    at, interval = crossing(curve), crossing_interval(curve, np.random.default_rng(0))
    best, limit = mean_and_interval(curve[max(curve)])
    if at is None:
        said = "Neighbours help nowhere on the dial" + ("" if _sure(best, limit) else ", as far as can be seen")
    else:
        between = "no 95 % interval: too few seeds, or too many drawn anew find no such point"
        if interval:
            between = f"95 % interval {interval[0]:.0%} to {interval[1]:.0%}"
        said = (f"Neighbours help from about {at:.0%} of them being right ({between})" if at > min(curve) else
                f"Neighbours help on all of the dial, even at {at:.0%} ({between})")
    real = {arm: (agreed, *mean_and_interval(numbers)) for arm, (agreed, numbers) in found.items()
            if not arm.startswith("dial")}
    told = [f"{arm} {agreed:.0%}, {_points(mean, half)} points" for arm, (agreed, mean, half) in real.items()]
    return (f"{said}; at {max(curve):.0%} they are worth {_points(best, limit)} points. Real runs, how often their "
            f"neighbours agree and what they gain over none: {'; '.join(told) or 'none measured'}. "
            f"{_foretold(at, real)}")


def _foretold(at, real):
    """Does the side of the curve's zero on which a real run lies tell the sign of its gain?"""
    clear = {arm: (agreed, mean) for arm, (agreed, mean, half) in real.items() if _sure(mean, half)}
    if not clear:
        return "No real run's gain or loss is larger than its interval: why one loses cannot be seen here."
    zero = np.inf if at is None else at
    right = [arm for arm, (agreed, mean) in clear.items() if (agreed >= zero) == (mean > 0)]
    wrong = [arm for arm in clear if arm not in right]
    said = f"Of the {len(clear)} whose gain or loss is larger than its interval, {len(right)} do as the dial foretells"
    return said + (f"; {', '.join(wrong)} do not, so agreement alone does not explain them." if wrong else ".")


def _sure(mean, half):
    return half is not None and abs(mean) > half


def _points(mean, half):
    return f"{mean + 0.0:+.1f}" + ("" if half is None else f" ± {half:.1f}")
