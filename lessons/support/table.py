"""The table of the lessons: question, time, length, exercises, and badges that open it.

It stands in lessons/README.md between two marks. Badges need the public address of the
repository.
"""
import configparser
import re
from pathlib import Path

from tinynnclr.storage.atomic import write_whole

from .notebook import TAG, exercise_cells, read_source

COLUMNS = ("lesson", "question", "seconds", "words", "exercises", "wrong answers caught")
BEGIN, END = "<!-- written by python -m support table -->", "<!-- end of what it writes -->"
REPOSITORY = re.compile(r"[A-Za-z0-9](?:-?[A-Za-z0-9]){0,38}/[A-Za-z0-9._-]{1,100}")
BADGES = {
    "Colab": ("https://colab.research.google.com/assets/colab-badge.svg",
              "https://colab.research.google.com/github/{repository}/blob/main/lessons/"
              "{name}.ipynb"),
    "Binder": ("https://mybinder.org/badge_logo.svg",
               "https://mybinder.org/v2/gh/{repository}/main?labpath=lessons/{name}.ipynb")}
NO_BADGES = """Badges that open a lesson in Colab or on Binder come with a public address of the \
repository:
`python -m support table --repository OWNER/NAME` adds them (a GitHub `url` in `setup.cfg` does, \
too)."""
WITH_BADGES = """Binder installs the package by itself, which takes minutes. Colab opens the \
notebook alone; there, run
this first, in a cell of its own.

```
!git clone --depth 1 https://github.com/{repository}
%pip install -q ./{name}
%cd {name}/lessons
```"""


def words(source: Path) -> int:
    """Words of prose in a source, without formulas and listings."""
    text = "\n\n".join(cell.source for cell in read_source(source).cells
                       if cell.cell_type == "markdown")
    return len(re.sub(r"\$\$.*?\$\$|```.*?```", "", text, flags=re.S).split())


def row(source: Path, repository: str = "") -> str:
    """A lesson's line; its seconds are those in the stamp of its notebook."""
    import nbformat

    lessons = source.parents[1]
    notebook = read_source(source)
    built = nbformat.read(lessons / f"{source.stem}.ipynb", as_version=4)
    title = notebook.cells[0].source.splitlines()[0].removeprefix("# ")
    answers = lessons.parent / "tests" / "lessons" / "wrong" / f"{source.name[:2]}.py"
    wrong = len(exercise_answers(answers))
    columns = (f"[{title}]({source.stem}.ipynb)", notebook.metadata["lesson"]["question"],
               built.metadata["tinynnclr"]["seconds"], f"{words(source):,}",
               len(exercise_cells(notebook)), wrong)
    badges = [f"[![{where}]({image})]({address.format(repository=repository, name=source.stem)})"
              for where, (image, address) in BADGES.items() if repository]
    return f"| {' | '.join(map(str, [*columns, *badges]))} |"


def table(sources: list[Path], repository: str = "") -> str:
    """The lines of all lessons, with badges if the repository, OWNER/NAME, is given.

    Raises ValueError for what is no OWNER/NAME.
    """
    if repository and not REPOSITORY.fullmatch(repository):
        raise ValueError("table: repository: expected OWNER/NAME, as on GitHub, got "
                         f"{repository!r}")
    columns = [*COLUMNS, *(BADGES if repository else ())]
    lines = [f"| {' | '.join(columns)} |", "|" + "---|" * len(columns)]
    lines += [row(source, repository) for source in sources]
    note = NO_BADGES
    if repository:
        note = WITH_BADGES.format(repository=repository, name=repository.split("/")[-1])
    return "\n".join((BEGIN, "", *lines, "", note, "", END))


def repository_in(metadata: Path) -> str:
    """OWNER/NAME of the first GitHub address in a setup.cfg's url and project_urls, or ""."""
    parser = configparser.ConfigParser()
    parser.read(metadata, encoding="utf-8")
    urls = " ".join(parser.get("metadata", key, fallback="") for key in ("url", "project_urls"))
    match = re.search(rf"https://github\.com/({REPOSITORY.pattern})", urls)
    return match[1].removesuffix(".git") if match else ""


def write_table(readme: Path, text: str) -> None:
    """Replace the table in a README by the text of `table`, atomically.

    Raises ValueError if the README does not have one place for it.
    """
    before, *rest = readme.read_text(encoding="utf-8").split(BEGIN)
    if len(rest) != 1 or rest[0].count(END) != 1:
        raise ValueError(f"{readme}: expected one line '{BEGIN}' and below it one '{END}'; the "
                         "table goes between")
    after = rest[0].split(END)[1]
    write_whole(readme, lambda file: file.write((before + text + after).encode()))


def exercise_answers(path: Path) -> list[tuple[str, str]]:
    """[(exercise, code)] of a file of answers: a cell tagged exercise:ID for each."""
    return [(tag.removeprefix(TAG), cell.source) for cell in read_source(path).cells
            if cell.cell_type == "code" for tag in cell.metadata.get("tags", [])
            if tag.startswith(TAG)]
