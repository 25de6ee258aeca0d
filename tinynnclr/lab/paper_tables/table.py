"""What a table of a paper is: its question, its arms, the paper's numbers, and claims to test."""
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from ...evaluate import MEASURES
from ...metrics.confidence import mean_and_interval
from ..sweep.arms import Arm
from ..sweep.report import HEADS, Runs, by_seed, format_points


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
    measures: tuple[str, ...] = (*MEASURES,)  # columns
    decided_by: tuple[str, ...] = ("five_labels", "kmeans_nmi", "knn")  # measures of the claims
    protocol: str | None = None  # evaluated by this protocol instead of MEASURES
    # the rows of a protocol that its claims are about
    focus: dict[str, str] = field(default_factory=dict)
    note: str = ""
    # a formula's name, and (x, number of images) -> share
    expected: tuple[str, Callable[[float, int], float]] | None = None

    def only(self, names: Sequence[str]) -> "Table":
        """The table with these arms alone, and the claims about them."""
        return replace(self, arms=[arm for arm in self.arms if arm.name in names],
                       contrasts=[contrast for contrast in self.contrasts
                                  if set(contrast.arms) <= set(names)])


def difference(a: str, b: str, words: str | None = None, sign: int = 1) -> Contrast:
    """The claim that arm a is better than arm b; with sign 0, that they are equally good."""
    return Contrast(words or (f"{a} beats {b}" if sign else f"{a} is as good as {b}"), (a, b),
                    lambda of: of(a) - of(b), sign)


CLAIM_HEADS = ("claim", "measured by", "difference", "seeds", "verdict", "smallest visible effect")


def verdict(contrast: Contrast, numbers: Sequence[float]) -> str:
    """"held", "reversed" or "undecided", by the 95 % interval of the paired differences.

    A claim that two arms are equally good (sign 0) is never held, as a small difference may be
    hidden in the interval: it is undecided, or reversed if the interval leaves out 0.
    """
    if not numbers:
        return "not measured"
    mean, half = mean_and_interval(list(numbers))
    if half is None or abs(mean) <= half:
        return "undecided"
    return "held" if mean * contrast.sign > 0 else "reversed"


def claim_row(contrast: Contrast, measure: str, runs: Runs) -> list[str]:
    """Cells under CLAIM_HEADS: a claim by one measure, paired by seed.

    The smallest visible effect is half of the 95 % interval: a smaller difference of the means
    would be undecided.
    """
    numbers = contrast.by_seed(runs, measure)
    half = mean_and_interval(list(numbers))[1] if numbers else None
    return [contrast.words, HEADS.get(measure, measure),
            f"{format_points(numbers)} {contrast.unit}" if numbers else "", str(len(numbers)),
            verdict(contrast, numbers), "" if half is None else f"{half:.1f}"]
