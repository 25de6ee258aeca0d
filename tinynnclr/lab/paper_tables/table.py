"""What a table of a paper is: its question, the arms that answer it, what the paper says, what
would bear it out.
"""
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...metrics.confidence import mean_and_interval

Cells = Mapping[tuple[str, int], Mapping[str, float]]  # (arm, seed): what was measured


@dataclass(frozen=True)
class Arm:
    """One line of a table: options of Config over those of the budget; `x` is where it lies on the
    picture's axis.
    """

    name: str
    options: dict[str, Any]
    x: float | None = None
    group: str = ""  # lines of one group are joined in the picture
    seeds: int | None = None  # no more than so many, where a run is long


@dataclass(frozen=True)
class Contrast:
    """A claim as a number of each seed: above 0 (sign 1) or about 0 (sign 0) where the claim is
    right.
    """

    words: str
    arms: tuple[str, ...]
    value: Callable[[Callable[[str], float]], float]  # given arm -> its measure with that seed
    sign: int = 1
    unit: str = "points"

    def by_seed(self, cells: Cells, measure: str) -> list[float]:
        """The number, in percent, for each seed that all its arms have."""
        seeds = [{seed for name, seed in cells if name == arm} for arm in self.arms]
        return [100 * self.value(lambda arm, seed=seed: cells[arm, seed][measure])  # type: ignore[misc]
                for seed in sorted(set.intersection(*seeds))]


@dataclass(frozen=True)
class Paper:
    """What a paper printed, where, and for what setting."""

    rows: tuple[tuple[str, str], ...]
    source: str


@dataclass(frozen=True)
class Table:
    """A table to be regenerated: see `TABLES`."""

    name: str
    question: str
    arms: Sequence[Arm]
    contrasts: Sequence[Contrast]
    paper: Paper | None = None
    axis: str | None = None  # what x is, with its unit; None: no axis, a line for each arm
    logarithmic: bool = False
    measures: tuple[str, ...] = ("knn", "linear")
    protocol: str | None = None  # judged by this protocol instead of kNN and linear
    # of a protocol's rows, those that its verdicts are about
    focus: dict[str, str] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)  # for all of its arms
    note: str = ""
    # a formula's name, and (x, images) -> share
    expected: tuple[str, Callable[[float, int], float]] | None = None


def difference(a: str, b: str, words: str | None = None, sign: int = 1) -> Contrast:
    """The claim that arm a is better than arm b; with sign 0, that they are equally good."""
    return Contrast(words or (f"{a} beats {b}" if sign else f"{a} is as good as {b}"), (a, b),
                    lambda of: of(a) - of(b), sign)


def verdict(contrast: Contrast, numbers: Sequence[float]) -> str:
    """One sentence: did the claim hold, by how much, and how small an effect would have been seen?
    """
    if not numbers:
        return f"{contrast.words}: not measured."
    mean, half = mean_and_interval(list(numbers))
    said = f"{mean + 0.0:+.1f}"
    if half is None:
        return f"{contrast.words}: {said} {contrast.unit} with one seed, which tells nothing."
    said = f"{said} ± {half:.1f} {contrast.unit}, {len(numbers)} seeds"
    seen = f"an effect of less than about {half:.1f} {contrast.unit} could not have been seen"
    if abs(mean) <= half:
        if contrast.sign == 0:
            return f"{contrast.words}: as the paper has it, as far as can be seen ({said}); {seen}."
        return f"{contrast.words}: neither borne out nor refuted ({said}); {seen}."
    if contrast.sign == 0:
        return f"{contrast.words}: not so here ({said}); {seen}."
    return f"{contrast.words}: {'it held here' if mean > 0 else 'here it is the other way round'} ({said}); {seen}."
