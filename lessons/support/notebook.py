"""Build a notebook from a lesson's source: read, insert answers, run in a new kernel, stamp.

A source is a Python file in jupytext's percent format, where each exercise has its own cell, tagged
"exercise:ID". The stamp in a notebook's metadata holds a hash of all code, and versions.
"""
import datetime
import hashlib
import platform
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numba
import numpy as np

from tinynnclr import __version__
from tinynnclr.storage.atomic import write_whole

TAG = "exercise:"


def read_source(path: Path) -> Any:
    """The notebook of a source, without outputs, with numbered cells: the same bytes every time."""
    import jupytext  # in the extra "test": needed only to build lessons

    notebook = jupytext.read(path)
    for i, cell in enumerate(notebook.cells):
        cell["id"] = str(i)
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3",
                                       "language": "python"}
    return notebook


def code_hash(notebook: Any) -> str:
    """sha256 of the text of all code cells."""
    text = "\n\0\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    return hashlib.sha256(text.encode()).hexdigest()


def exercise_cells(notebook: Any) -> dict[str, Any]:
    """{exercise: its cell}; ValueError for an exercise in two cells, or two in one cell."""
    found: dict[str, Any] = {}
    for cell in notebook.cells:
        names = [tag.removeprefix(TAG) for tag in cell.metadata.get("tags", [])
                 if tag.startswith(TAG)]
        for name in names:
            if name in found or len(names) > 1:
                raise ValueError(f"exercise {name}: expected one cell of its own")
            found[name] = cell
    return found


def answer(notebook: Any, answers: Mapping[str, str]) -> None:
    """Replace the code in the cells of exercises, in place.

    Raises ValueError for an unknown exercise, or if the code is the stub itself.
    """
    cells = exercise_cells(notebook)
    for name, code in answers.items():
        if name not in cells:
            raise ValueError(f"exercise {name}: no cell has the tag {TAG}{name}")
        if cells[name].source.strip() == code.strip():
            raise ValueError(f"exercise {name}: the answer is the stub itself")
        cells[name].source = code


def run(notebook: Any, folder: Path, timeout: int = 600) -> float:
    """Run all cells in a fresh kernel that starts in `folder`; returns the seconds.

    Raises nbclient's CellExecutionError where a cell does.
    """
    from nbclient import NotebookClient

    started = time.perf_counter()
    NotebookClient(notebook, timeout=timeout, kernel_name="python3",
                   resources={"metadata": {"path": str(folder)}}).execute()
    return time.perf_counter() - started


def printed(notebook: Any) -> str:
    """All printed text."""
    return "".join(output.get("text", "") for cell in notebook.cells if cell.cell_type == "code"
                   for output in cell.get("outputs", []) if output.output_type == "stream")


def stamp(notebook: Any, seconds: float) -> None:
    """Write the origin of the outputs to the metadata, and remove what differs between runs."""
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    notebook.metadata["tinynnclr"] = {
        "code": code_hash(notebook), "version": __version__, "python": platform.python_version(),
        "numpy": np.__version__, "numba": numba.__version__, "seconds": round(seconds),
        "date": datetime.date.today().isoformat()}


def stale(source: Path, target: Path) -> str | None:
    """Why a notebook does not match its source, or None if its cells and its stamp do."""
    import nbformat

    if not target.is_file():
        return f"{target.name} is not there"
    wanted = read_source(source)
    notebook = nbformat.read(target, as_version=4)
    cells, wanted_cells = ([(c.cell_type, c.source) for c in n.cells] for n in (notebook, wanted))
    if cells != wanted_cells:
        return f"{target.name} has other cells than {source.name}"
    if notebook.metadata.get("tinynnclr", {}).get("code") != code_hash(wanted):
        return f"{target.name} has outputs of other code than {source.name}"
    return None


def build(source: Path, target: Path, timeout: int = 600) -> float:
    """Run a source and write its notebook atomically; returns the seconds that it took."""
    import nbformat

    notebook = read_source(source)
    seconds = run(notebook, target.parent, timeout)
    stamp(notebook, seconds)
    write_whole(target, lambda file: file.write((nbformat.writes(notebook) + "\n").encode()))
    return seconds
