"""The pages that are made of something else: lessons with folded solutions, the API layer by layer,
the tables.
"""
import importlib
import json
import pkgutil
import re
import shutil
from pathlib import Path

import mutants
import nbformat
import promises
from support.notebook import exercise_cells
from support.table import exercise_answers

import tinynnclr
from tinynnclr.storage.text_tables import markdown_table

ROOT = Path(__file__).parents[1]
# what a reader may import, from the lowest layer up
LAYERS = {"tinynnclr": ["distributed", "tensor", "gradcheck", "config", "evaluate"],
          "kernels": None, "ops": None, "nn": None, "models": None, "datasets": None,
          "metrics": None, "methods": None, "train": None, "storage": None, "lab": None,
          "cli": None}


def write(docs: Path) -> None:
    """All of them, into docs/lessons, docs/papers, docs/api, and docs/tables.md, hard-to-break.md
    and mutants.md.
    """
    for folder in ("lessons", "papers", "api"):  # an earlier version may have left other pages
        shutil.rmtree(docs / folder, ignore_errors=True)
    lessons(docs / "lessons")
    papers(docs / "papers")
    api(docs / "api")
    (docs / "tables.md").write_text(tables(), encoding="utf-8")
    (docs / "hard-to-break.md").write_text(promises.page(), encoding="utf-8")
    (docs / "mutants.md").write_text(mutants.page(), encoding="utf-8")


def lessons(folder: Path) -> None:
    """The stored notebooks, each exercise followed by one answer, folded; and the page that lists
    them.
    """
    folder.mkdir(exist_ok=True)
    names = []
    for path in sorted((ROOT / "lessons").glob("[0-9][0-9]_*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        with_answers(notebook,
                     dict(exercise_answers(ROOT / "lessons" / "solutions" / f"{path.name[:2]}.py")))
        with_words(notebook)
        nbformat.write(notebook, folder / path.name)
        names.append(path.stem)
    text = (ROOT / "lessons" / "README.md").read_text(encoding="utf-8")
    contents = "\n".join(["```{toctree}", ":hidden:", "", *names, "```"])
    (folder / "index.md").write_text(f"{text}\n{contents}\n", encoding="utf-8")


def with_answers(notebook, answers: dict[str, str]) -> None:
    """Put each exercise's answer behind the cell that checks it, folded away, in place."""
    for name, cell in exercise_cells(notebook).items():
        position = notebook.cells.index(cell) + 2
        answer = nbformat.v4.new_code_cell(answers[name], id=f"answer-{name.replace('.', '-')}")
        answer.metadata.update(tags=["hide-input"],
                               mystnb={"code_prompt_show": f"One answer to {name}",
                                       "code_prompt_hide": f"Hide the answer to {name}"})
        notebook.cells.insert(position, answer)


def with_words(notebook) -> None:
    """Say each picture's sentence where MyST looks for it, in place."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            alt = output.get("metadata", {}).get("image/png", {}).get("alt")
            if alt:
                cell.metadata.setdefault("mystnb", {})["image"] = {"alt": alt}


def papers(folder: Path) -> None:
    """A page for each table that `tinynnclr reproduce` made, with its picture, and the page that
    lists them.
    """
    folder.mkdir(exist_ok=True)
    names, lines = [], []
    for path in sorted((ROOT / "results" / "reproduce").glob("*.md")):
        title, _, text = path.read_text(encoding="utf-8").partition("\n")
        name, _, question = title.removeprefix("# ").partition(": ")
        budget = path.stem.rpartition("-")[2]
        where = "" if budget == "small" else f" ({budget})"
        picture = path.with_suffix(".png")
        shutil.copyfile(picture, folder / picture.name)
        alt = f"{question} The numbers of the table, with intervals, baselines and upper bound"
        shown = f"![{alt}]({picture.name})"
        (folder / path.name).write_text(f"# {question}{where}\n\n{shown}\n{text}", encoding="utf-8")
        names.append(path.stem)
        lines.append(f"- [{name}{where}]({path.stem}.md): {question}")
    head = ["# The papers' tables, at our scale", "", "Each is made by one command, `tinynnclr "
            "reproduce TABLE`, with the paper's own numbers beside it and a verdict on each "
            "claim.", ""]
    contents = ["", "```{toctree}", ":hidden:", "", *names, "```", ""]
    (folder / "index.md").write_text("\n".join([*head, *lines, *contents]), encoding="utf-8")


def api(folder: Path) -> None:
    """A page for each layer of the package, with the docstrings of its modules."""
    folder.mkdir(exist_ok=True)
    for layer, modules in LAYERS.items():
        package = "tinynnclr" if layer == "tinynnclr" else f"tinynnclr.{layer}"
        found = importlib.import_module(package)
        modules = modules or [m.name.removeprefix(f"{package}.") for m
                              in pkgutil.walk_packages(found.__path__, f"{package}.") if ".bench."
                              not in m.name]
        lines = [package, "=" * len(package), "", *entry(package, members=False)]
        for module in modules:
            name = f"{package}.{module}"
            lines += [module, "-" * len(module), "", *entry(name, members=True)]
        (folder / f"{layer}.rst").write_text("\n".join(lines), encoding="utf-8")


def entry(module: str, members: bool) -> list[str]:
    """The lines by which Sphinx documents a module."""
    return [f".. automodule:: {module}", *["   :members:"] * members, ""]


def tables() -> str:
    """The page of what was measured: the README's own sections, so that no number stands in two
    places.
    """
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    start = readme.index("## What it shows")
    text = readme[start:readme.index("\n## ", start + 1)]
    bench = json.loads((ROOT / "docs" / "bench.json").read_text(encoding="utf-8"))
    text = re.sub(r"\]\(docs/", "](", text.replace("## What it shows", "# What it shows", 1))
    text = text.replace("](results/reproduce/", "](papers/")
    text = re.sub(r"^##(#+) ", r"#\1 ", text, flags=re.M)
    rows = [[row["measure"], row["case"], seconds(row["ours_s"]), row["peer"],
             seconds(row["peer_s"]), number(row["ratio"])] for row in bench if row.get("peer")]
    table = markdown_table(["measure", "case", "ours", "peer", "peer's", "ratio"], rows)
    return "\n\n".join([text.rstrip("\n"), "## Every case of the benchmark", "`tinynnclr bench`, "
                        f"version {tinynnclr.__version__}; the ratio is the peer's time divided by "
                        "ours.", table]) + "\n"


def seconds(value: float | None) -> str:
    """A time in the unit that suits it."""
    if value is None:
        return ""
    return f"{value:.2f} s" if value >= 1 else f"{1000 * value:.2f} ms"


def number(value: float | None) -> str:
    """A ratio, or nothing."""
    return "" if value is None else f"{value:.2f}"
