"""The table of the lessons: what each asks, how long it takes, how much there is to read and to try."""
import re
from pathlib import Path

from .notebook import TAG, exercise_cells, read_source

HEAD = ["| lesson | question | seconds | words | exercises | wrong answers caught |", "|---|---|---|---|---|---|"]


def words(source: Path) -> int:
    """Words of prose in a source, without formulas and listings."""
    text = "\n\n".join(cell.source for cell in read_source(source).cells if cell.cell_type == "markdown")
    return len(re.sub(r"\$\$.*?\$\$|```.*?```", "", text, flags=re.S).split())


def row(source: Path) -> str:
    """A lesson's line; its seconds are those of the last run, as its notebook is stamped."""
    import nbformat

    lessons, notebook = source.parents[1], read_source(source)
    built = nbformat.read(lessons / f"{source.stem}.ipynb", as_version=4)
    title = notebook.cells[0].source.splitlines()[0].removeprefix("# ")
    wrong = len(exercise_answers(lessons / "wrong" / f"{source.name[:2]}.py"))
    columns = (f"[{title}]({source.stem}.ipynb)", notebook.metadata["lesson"]["question"],
               built.metadata["tinynnclr"]["seconds"], f"{words(source):,}", len(exercise_cells(notebook)), wrong)
    return f"| {' | '.join(map(str, columns))} |"


def exercise_answers(path: Path) -> list[tuple[str, str]]:
    """[(exercise, code)] of a file of answers: a cell tagged exercise:ID for each."""
    return [(tag.removeprefix(TAG), cell.source) for cell in read_source(path).cells if cell.cell_type == "code"
            for tag in cell.metadata.get("tags", []) if tag.startswith(TAG)]
