"""What a table of a paper is: its question, its arms, the paper's numbers, and claims to test."""
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ...metrics.confidence import mean_and_interval
from ..sweep.arms import Arm
from ..sweep.report import Runs, by_seed, format_points


@dataclass(frozen=True)
class Contrast:
    """A claim as one number for each seed: above 0 (sign 1) or about 0 (sign 0) if it is true."""

    words: str
    arms: tuple[str, ...]
    value: Callable[[Callable[[str], float]], float]  # given arm -> its measure with that seed
    sign: int = 1
    unit: str = "points"

    def by_seed(self, runs: Runs, measure: str) -> list[float]:
        """The number, in percent, for each seed that all its arms have."""
        return by_seed(runs, self.arms, measure, self.value)


@dataclass(frozen=True)
class Paper:
    """What a paper printed, where, and for what setting."""

    rows: tuple[tuple[str, str], ...]
    source: str


@dataclass(frozen=True)
class Table:
    """A table that `tinynnclr reproduce` makes at a smaller scale."""

    name: str
    question: str
    arms: Sequence[Arm]
    contrasts: Sequence[Contrast]
    paper: Paper | None = None
    axis: str = ""  # the label of the picture's x axis; empty: a row for each arm
    logarithmic: bool = False
    measures: tuple[str, ...] = ("knn", "linear")
    protocol: str | None = None  # evaluated by this protocol instead of kNN and linear probe
    # the rows of a protocol that its claims are about
    focus: dict[str, str] = field(default_factory=dict)
    note: str = ""
    # a formula's name, and (x, number of images) -> share
    expected: tuple[str, Callable[[float, int], float]] | None = None


def difference(a: str, b: str, words: str | None = None, sign: int = 1) -> Contrast:
    """The claim that arm a is better than arm b; with sign 0, that they are equally good."""
    return Contrast(words or (f"{a} beats {b}" if sign else f"{a} is as good as {b}"), (a, b),
                    lambda of: of(a) - of(b), sign)


def verdict(contrast: Contrast, numbers: Sequence[float]) -> str:
    """A sentence: whether the claim held, by how much, and how small an effect is detectable."""
    if not numbers:
        return f"{contrast.words}: not measured."
    mean, half = mean_and_interval(list(numbers))
    points = f"{format_points(numbers)} {contrast.unit}"
    if half is None:
        return f"{contrast.words}: {points} with one seed, which is too few to tell."
    if abs(mean) <= half:
        outcome = "neither confirmed nor refuted" if contrast.sign else "consistent with the paper"
    elif contrast.sign == 0:
        outcome = "not confirmed here"
    else:
        outcome = "confirmed here" if mean > 0 else "the opposite was measured here"
    return (f"{contrast.words}: {outcome} ({points}, {len(numbers)} seeds); effects below about "
            f"{half:.1f} {contrast.unit} are not detectable.")
