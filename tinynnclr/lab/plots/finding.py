"""The picture of a protocol's rows, as a dot plot."""
from collections.abc import Sequence
from pathlib import Path

from ..protocols.context import EvalResult, Row, grouped
from .dots import draw_dots


def draw_finding(finding: EvalResult, path: str | Path, title: str) -> Path:
    """Means over seeds with 95 % intervals, in percent; returns the PNG's path.

    Rows with the words "to" and "how" give a line for each set and a panel for each way. If the
    only measure is the accuracy, encoders are markers; else measures are.
    """
    return draw_rows(finding.rows, path, title, finding.chance)


def draw_rows(rows: Sequence[Row], path: str | Path, title: str, chance: float | None = None,
              headline: str = "Accuracy, with baselines") -> Path:
    """`draw_finding` of rows; `chance` for all of them, if the rows do not have their own."""
    panels: dict[str, dict[str, dict[str, list[float]]]] = {}
    halves = {}
    groups = grouped(rows)
    measured = {name for numbers in groups.values() for name in numbers} - {"chance", "interval"}
    for words, numbers in groups.items():
        named = dict(words)
        panel = named.pop("how") if "to" in named else ""
        series = {name: values for name, values in numbers.items() if name in measured}
        if measured == {"accuracy"} and len(named) > 1:
            series = {named.pop("encoder"): numbers["accuracy"]}
        row = ", ".join(named.values())
        if "interval" in numbers:
            halves[panel, row, next(iter(series))] = numbers["interval"][0]
        if "chance" in numbers:
            series["chance"] = numbers["chance"][:1]
        elif chance is not None:
            series["chance"] = [chance]
        panels.setdefault(panel, {}).setdefault(row, {}).update(series)
    return draw_dots(panels, path, title=title, headline=headline, halves=halves)
