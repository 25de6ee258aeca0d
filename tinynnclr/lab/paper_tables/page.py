"""A table as CSV, a line a run, and as a Markdown page: means, intervals, the paper's numbers,
verdicts, provenance.
"""
import csv
import datetime
import io
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path

from ... import __version__
from ...metrics.confidence import format_percent
from ..protocols.context import grouped
from ..protocols.context import table as finding_table
from ..sweep.win_tie_loss import win_table
from .table import Cells, Table, verdict

FLOORS = (("raw pixels", "pixels"), ("random weights", "random"))
CEILING = "supervised"
# columns that measure nothing
WORDS = {"table", "budget", "arm", "seed", "steps", "version", "date", "machine"}


def csv_text(table: Table, cells: Cells, rows: Sequence[dict], budget: str,
             steps: dict[str, int]) -> str:
    """A line for each run and, of a protocol, for each of its rows; with machine, date and version.
    """
    text = io.StringIO(newline="")
    where = {"version": __version__, "date": datetime.date.today().isoformat(),
             "machine": machine()}
    if table.protocol:
        lines = [{"table": table.name, "budget": budget, **row, **where} for row in rows]
    else:
        lines = [{"table": table.name, "budget": budget, "arm": arm, "seed": seed,
                  "steps": steps[arm], **{k: f"{v:.6g}" for k, v in cells[arm, seed].items()},
                  **where} for arm, seed in cells]
    writer = csv.DictWriter(text, list(dict.fromkeys(key for line in lines for key in line)),
                            restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


def read_cells(path: Path) -> dict[tuple[str, int], dict[str, float]]:
    """The runs in what `csv_text` made, without a protocol. Raises ValueError for another file."""
    try:
        lines = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
        return {(line["arm"], int(line["seed"])): {k: float(v) for k,
                                                   v in line.items() if k not in WORDS and v}
                for line in lines}
    except (KeyError, ValueError, TypeError, csv.Error):
        raise ValueError(f"{path}: expected the runs of a table, as `tinynnclr reproduce` writes "
                         "them; remove it, or make it anew") from None


def markdown(table: Table, cells: Cells, rows: Sequence[dict], title: str, rules: str, command: str,
             notes: Sequence[str] = ()) -> str:
    """The page of a table; `rows` are a protocol's, with the words "arm" and "seed" before their
    own.
    """
    lines = [f"# {table.name}: {table.question}", "", title, ""]
    if table.protocol:
        lines += [finding_table([{k: v for k, v in row.items() if k != "seed"} for row in rows])]
        if "to" in rows[0]:
            own = [{**row, "encoder": row["arm"]} for row in rows if judged(row)]
            lines += ["", "On how many sets each is best; against another: won-tied-lost, tied "
                      "where 0 is inside the interval of their difference, seed by seed.", "",
                      win_table(own)]
    else:
        lines += measured(table, cells)
    lines += [""] + ([table.note, ""] if table.note else [])
    lines += [f"- {sentence}" for sentence in verdicts(table, cells)] + [""]
    if table.paper:
        lines += [f"The paper's numbers ({table.paper.source}):", "", "| | |", "|---|---|"]
        lines += [f"| {name} | {value} |" for name, value in table.paper.rows] + [""]
    for note in notes:
        lines += [note, ""]
    lines += [f"Mean over seeds ± half of its 95 % interval (Student's t). {rules}", "",
              f"Machine: {machine()}; tinynnclr {__version__}, {datetime.date.today().isoformat()}:", "", "```",
              command, "```", ""]
    return "\n".join(lines)


def verdicts(table: Table, cells: Cells) -> list[str]:
    """A sentence for each of the table's claims, by its first measure."""
    return [verdict(contrast, contrast.by_seed(cells, table.measures[0])) for contrast
            in table.contrasts]


def machine() -> str:
    """The kind of machine, without its name."""
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"


def measured(table: Table, cells: Cells) -> list[str]:
    """The lines of the Markdown table: floors, arms, the ceiling."""
    arms = list(dict.fromkeys(arm for arm, _ in cells))
    lines = ["| arm | seeds | " + " | ".join(table.measures) + " |",
             "|---|---|" + "---|" * len(table.measures)]
    for name, (knn, linear) in floors(cells).items():
        lines.append(f"| *{name}* (floor) | {'' if name.startswith(FLOORS[0][0]) else len(knn)} | "
                     f"{format_percent(knn)} | {format_percent(linear)} |" + " |" * (len(table.measures) - 2))
    for arm in arms:
        own = [cell for (name, _), cell in cells.items() if name == arm]
        columns = [[cell[m] for cell in own if m in cell] for m in table.measures]
        shown = f"*{arm}* (ceiling)" if arm == CEILING else arm
        lines.append(f"| {shown} | {len(own)} | " + " | ".join(_cell(m, numbers) for m,
                                                               numbers
                                                               in zip(table.measures, columns,
                                                                      strict=True)) + " |")
    return lines


def floors(cells: Cells) -> dict[str, tuple[list[float], list[float]]]:
    """{name: (kNN, linear), a number each seed}. Other encoders' random weights have a line of
    their own.
    """
    found: dict[str, dict[int, tuple[float, float]]] = {}
    for label, prefix in FLOORS:
        for arm in dict.fromkeys(arm for arm, _ in cells):
            own = {seed: (cell[f"{prefix} knn"], cell[f"{prefix} linear"]) for (name, seed),
                   cell in cells.items() if name == arm and f"{prefix} knn" in cell}
            same = [name for name, group in found.items() if name.startswith(label)
                    and all(group.get(seed, pair) == pair for seed, pair in own.items())]
            if own and not same:
                same = [f"{label} of {arm}" if label in found else label]
            for name in same[:1]:
                found.setdefault(name, {}).update(own)
    return {name: ([a for a, _ in group.values()], [b for _, b in group.values()]) for name,
            group in found.items()}


def _cell(measure, numbers):
    if not numbers:
        return ""
    return f"{sum(numbers) / len(numbers):.2f} nats" if measure == "entropy" else format_percent(numbers)


def judged(row: Mapping) -> bool:
    """Whether a protocol's row is about the arm itself, not about a floor beside it."""
    return row["encoder"] == row["arm"].partition(",")[0]


def paired_rows(rows: Sequence[dict], focus: Mapping[str, str]) -> dict[tuple[str, int],
                                                                        dict[str, float]]:
    """A protocol's rows as cells: an (arm, seed)'s mean accuracy over its own rows that have the
    words of focus.
    """
    own = [row for row in rows if judged(row) and all(row[key] == word for key,
                                                      word in focus.items())]
    found: dict[tuple[str, int], dict[str, float]] = {}
    for arm, seed in dict.fromkeys((row["arm"], row["seed"]) for row in own):
        group = grouped({k: v for k, v in row.items() if k not in ("seed", "arm")} for row in own
                        if (row["arm"], row["seed"]) == (arm, seed))
        values = [number for measures in group.values() for number in measures["accuracy"]]
        found[arm, int(seed)] = {"accuracy": sum(values) / len(values)}
    return found
