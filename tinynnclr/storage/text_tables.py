"""Rows as text: one CSV dialect for every file of the package, and Markdown tables."""
import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any


def csv_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """CSV with a header and a line for each row; columns in the order in which they first appear.

    A float has six significant digits. A value that is missing, None or NaN is left empty.
    """
    text = io.StringIO(newline="")
    columns = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    return text.getvalue()


def _cell(value):
    if value is None or value != value:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else value


def read_csv(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file with a header. Raises ValueError if the file is damaged."""
    with open(path, newline="", encoding="utf-8") as file:
        try:
            rows = list(csv.DictReader(file, strict=True))
        except (ValueError, csv.Error) as error:
            raise ValueError(f"{path} is damaged ({error})") from None
    if any(None in row or None in row.values() for row in rows):
        raise ValueError(f"{path} is damaged (expected as many values in each line as names in the "
                         "first)")
    return rows


def markdown_table(heads: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    """A Markdown table; cells are written with str()."""
    heads = list(heads)
    lines = [heads, *rows]
    text = [f"| {' | '.join(map(str, line))} |" for line in lines]
    return "\n".join([text[0], "|" + "---|" * len(heads), *text[1:]])
