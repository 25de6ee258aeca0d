"""What a protocol gets, an encoder and its data, and what it finds: rows of numbers and the rules
they follow.
"""
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from ...config import Config
from ...datasets.dataset import Dataset
from ...metrics.confidence import format_percent
from ...models import Encoder
from ...models.encode import encode, pixels

Row = dict[str, str | float]


@dataclass
class EvalContext:
    """A pre-trained encoder to be judged, and the (training, test) data that it learned from."""

    config: Config
    encoder: Encoder
    data: tuple[Dataset, Dataset]
    # other sets to judge it on (`evaluate.others`); None: all that are there
    to: tuple[str, ...] | None = None
    floors: bool = True  # judge random weights and raw pixels as well

    @cached_property
    def untrained(self) -> Encoder:
        """The same encoder at the random weights that the run began with."""
        weights = np.random.SeedSequence(self.config.seed).spawn(2)[0]  # as train.Run draws them
        return self.config.kind.make_encoder(self.config, np.random.default_rng(weights))

    def encoders(self) -> dict[str, Encoder]:
        """{name: encoder}, the judged one first, under its method's name, and "random weights"
        after it.
        """
        return {self.config.method: self.encoder, **({"random weights": self.untrained}
                                                     if self.floors else {})}

    def extractors(self) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
        """{name: uint8 images -> frozen features (n, d)} of the encoders, and of "raw pixels"."""
        found: dict[str, Callable] = {name: partial(encode, encoder) for name,
                                      encoder in self.encoders().items()}
        return {**found, **({"raw pixels": pixels} if self.floors else {})}


@dataclass(frozen=True)
class EvalResult:
    """Rows of a table, all with the same keys: words say what a row is, numbers (shares, 0 to 1)
    what was measured.
    """

    rows: list[Row]
    # how it was measured, in a few sentences: what was fitted on what, measured on what, chosen how
    rules: str
    chance: float | None = None

    def to_dict(self) -> dict:
        return {"rows": self.rows, "rules": self.rules, "chance": self.chance}


def words(row: Row) -> tuple[tuple[str, str], ...]:
    """What a row is: its (key, word) pairs, in order."""
    return tuple((key, value) for key, value in row.items() if isinstance(value, str))


def grouped(rows: Iterable[Row]) -> dict[tuple[tuple[str, str], ...], dict[str, list[float]]]:
    """{words: {measure: its numbers, a row after the other}}: the same rows of several seeds come
    together.
    """
    found: dict[tuple[tuple[str, str], ...], dict[str, list[float]]] = {}
    for row in rows:
        measures = found.setdefault(words(row), {})
        for key, value in row.items():
            if not isinstance(value, str):
                measures.setdefault(key, []).append(float(value))
    return found


def table(rows: Iterable[Row]) -> str:
    """Rows as Markdown, those of several seeds as mean ± half of the 95 % interval; shares as
    percent.
    """
    groups = grouped(rows)
    heads = [key for key, _ in next(iter(groups))]
    measures = list(dict.fromkeys(key for numbers in groups.values() for key in numbers))
    lines = ["| " + " | ".join([*heads, *measures]) + " |",
             "|" + "---|" * (len(heads) + len(measures))]
    for which, numbers in groups.items():
        cells = [*(word for _, word in which), *(format_percent(numbers[m]) if m in numbers else "" for m
                                                 in measures)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)
