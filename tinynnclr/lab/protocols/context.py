"""The input of a protocol (an encoder and its data) and its output (rows of numbers)."""
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from ...config import Config
from ...datasets.dataset import Dataset
from ...metrics.confidence import format_percent
from ...models import Encoder
from ...models.encode import encode, pixels
from ...storage.text_tables import markdown_table

Row = dict[str, str | float]


@dataclass
class EvalContext:
    """A pre-trained encoder and the (training, test) data of its run."""

    config: Config
    encoder: Encoder
    data: tuple[Dataset, Dataset]
    # names of transfer sets (protocols/transfer_sets.py); None: all whose files are there
    to: tuple[str, ...] | None = None
    baselines: bool = True  # evaluate random weights and raw pixels as well

    @cached_property
    def untrained(self) -> Encoder:
        """The same encoder at the random weights that the run began with."""
        weights = np.random.SeedSequence(self.config.seed).spawn(2)[0]  # as train.Run draws them
        return self.config.kind.make_encoder(self.config, np.random.default_rng(weights))

    def encoders(self) -> dict[str, Encoder]:
        """{name: encoder}: the pre-trained one, named after its method, then "random weights"."""
        encoders = {self.config.method: self.encoder}
        if self.baselines:
            encoders["random weights"] = self.untrained
        return encoders

    def extractors(self) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
        """{name: uint8 images -> frozen features (n, d)} of the encoders, and of "raw pixels"."""
        extractors: dict[str, Callable] = {name: partial(encode, encoder)
                                           for name, encoder in self.encoders().items()}
        if self.baselines:
            extractors["raw pixels"] = pixels
        return extractors

    def features(self, train: Dataset, test: Dataset) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """{name: (training, test) features} of all extractors."""
        return {name: (extract(train.images), extract(test.images))
                for name, extract in self.extractors().items()}


@dataclass(frozen=True)
class EvalResult:
    """Rows of a table with the same keys: strings identify a row, numbers (0 to 1) are measures."""

    rows: list[Row]
    description: str  # in a few sentences: what was fitted, chosen and measured on which images
    chance: float | None = None

    def to_dict(self) -> dict:
        return {"rows": self.rows, "description": self.description, "chance": self.chance}


def words(row: Row) -> tuple[tuple[str, str], ...]:
    """The (key, string) pairs that identify a row, in order."""
    return tuple((key, value) for key, value in row.items() if isinstance(value, str))


def grouped(rows: Iterable[Row]) -> dict[tuple[tuple[str, str], ...], dict[str, list[float]]]:
    """{words: {measure: numbers}}: collects the rows of several seeds that have the same words."""
    groups: dict[tuple[tuple[str, str], ...], dict[str, list[float]]] = {}
    for row in rows:
        measures = groups.setdefault(words(row), {})
        for key, value in row.items():
            if not isinstance(value, str):
                measures.setdefault(key, []).append(float(value))
    return groups


def table(rows: Iterable[Row]) -> str:
    """Rows as a Markdown table in percent; several seeds as mean ± half of the 95 % interval."""
    groups = grouped(rows)
    heads = [key for key, _ in next(iter(groups))]
    measures = list(dict.fromkeys(key for numbers in groups.values() for key in numbers))
    lines = [[*(word for _, word in pairs),
              *(format_percent(numbers[m]) if m in numbers else "" for m in measures)]
             for pairs, numbers in groups.items()]
    return markdown_table([*heads, *measures], lines)
