"""Every lesson: its exercises in three ways, its notebook from its source, and the rules that a
machine can check.
"""
import ast
import re

import pytest
from needed import need

nbformat = need("nbformat")
need("jupytext")
need("nbclient")
need("ipykernel")

import numpy as np  # noqa: E402
from lesson_files import ROOT, SOURCES, answers, exercises, function_of, number, tried  # noqa: E402
from support.check import WrongAnswer, check  # noqa: E402
from support.exercises.lesson_10 import entries  # noqa: E402
from support.notebook import answer, printed, read_source, run, stale  # noqa: E402
from support.table import words  # noqa: E402

each = pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
QUICK = "08"  # the lesson that `pytest` runs as a whole; `pytest --all` runs every one, twice
FRONT = {"question", "picture", "budget_s", "derives", "imports", "exercises", "needs"}
RIGHT = [(s, *found) for s in SOURCES for found in answers("solutions", s)]
WRONG = [(s, *found) for s in SOURCES for found in answers("wrong", s)]


def code_cells(source):
    return [cell for cell in read_source(source).cells if cell.cell_type == "code"]


def prose(source):
    return [cell.source for cell in read_source(source).cells if cell.cell_type == "markdown"]


# ---------------------------------------------------------------- exercises


@pytest.mark.parametrize(("source", "name", "code"), RIGHT, ids=[f"{name}" for _, name, _ in RIGHT])
def test_a_right_answer_passes(source, name, code, capsys):
    function = tried(source, code)
    assert check(name, function) is function
    assert f"✓ {name}: passed" in capsys.readouterr().out


@pytest.mark.parametrize(("source", "name", "code"), WRONG,
                         ids=[f"{name}-{i}" for i, (_, name, _) in enumerate(WRONG)])
def test_a_wrong_answer_fails_and_shows_why(source, name, code):
    assert code.startswith("# diagnosis: "), "what is wrong with it, in one line"
    assert function_of(code) == function_of(exercises(source)[name])
    with pytest.raises(WrongAnswer) as caught:
        check(name, tried(source, code))
    assert str(caught.value).startswith(f"✗ {name}: ")
    assert not re.search(r"\b(NameError|ImportError|SyntaxError)\b",
                         str(caught.value)), "a slip of ours, no mistake"
    assert len(str(caught.value).splitlines()) >= 2 or "bytes were allocated" in str(
            caught.value) or len(str(caught.value)) > 60, "it shows with what, or says what to do"


WITHOUT_ARRAYS = {"02.a", "02.c", "04.a", "04.b", "04.c", "05.a", "14.a", "14.b", "14.c", "14.d",
                  "15.b"}
SHAPED = [(s, name, code) for s, name, code in RIGHT if name not in WITHOUT_ARRAYS]


@pytest.mark.parametrize(("source", "name", "code"), SHAPED, ids=[name for _, name, _ in SHAPED])
def test_an_answer_that_looks_at_shapes_alone_fails(source, name, code):
    """It gives its first result again wherever the arrays have the same shapes."""
    function, kept = tried(source, code), {}

    def lazy(*args):
        key = tuple(np.shape(a) if isinstance(a, np.ndarray) else a
                    if isinstance(a, float | int | str) else type(a) for a in args)
        if key not in kept:
            kept[key] = function(*args)
        return kept[key]

    with pytest.raises(WrongAnswer):
        check(name, lazy)


@each
def test_every_exercise_has_its_answers(source, capsys):
    stubs = exercises(source)
    assert list(stubs) == list(read_source(source).metadata["lesson"]["exercises"])
    right, wrong = ([name for name, _ in answers(kind, source)] for kind in ("solutions", "wrong"))
    assert sorted(right) == sorted(stubs)
    for name, code in stubs.items():
        assert wrong.count(name) >= 3, f"{name}: at least three plausible wrong answers"
        check(name, tried(source, code))
        assert f"○ {name}: not attempted" in capsys.readouterr().out


@each
def test_the_notebook_is_what_the_source_makes(source):
    assert stale(source, ROOT / f"{source.stem}.ipynb") is None, "python -m support build"


@pytest.mark.parametrize("source",
                         [pytest.param(source, id=source.stem,
                                       marks=[] if number(source) == QUICK else pytest.mark.slow)
                          for source in SOURCES])
def test_it_runs_with_nothing_attempted(source):
    notebook = read_source(source)
    seconds = run(notebook, ROOT)
    text = printed(notebook)
    assert text.count("not attempted") == len(exercises(source))
    assert "✗" not in text
    # a busy machine is no reason to fail
    assert seconds < 5 * read_source(source).metadata["lesson"]["budget_s"]


@pytest.mark.slow
@each
def test_it_runs_with_every_exercise_solved(source):
    notebook = read_source(source)
    answer(notebook, dict(answers("solutions", source)))
    run(notebook, ROOT)
    assert printed(notebook).count("✓") == len(exercises(source))


@pytest.mark.parametrize("size", [1e-40, 1e-30, 1, 1e30, 3e38])
def test_what_stands_in_for_10c_takes_every_row_with_a_direction(size):
    """Also where a square would leave float32; a warning would fail here."""
    rows = entries(np.array([[size, 0], [0, -size]], np.float32))
    assert (rows.dtype, rows.tolist()) == (np.float32, [[1, 0], [0, -1]])


# ---------------------------------------------------------------- rules of a lesson


@each
def test_the_frame(source):
    lesson, text = read_source(source).metadata["lesson"], "\n\n".join(prose(source))
    assert set(lesson) == FRONT
    headings = re.findall(r"^(#+) (.*)$", text, re.M)
    assert [len(marks) for marks, _ in headings].count(1) == 1
    assert headings[0][1].startswith(f"{number(source)} · ")
    levels = [len(marks) for marks, _ in headings]
    assert all(b - a <= 1 for a, b in zip(levels, levels[1:], strict=False)), "no level is skipped"
    names = [name for _, name in headings]
    assert any("Broken on purpose" in name for name in names)
    assert any("Three sentences" in name for name in names)
    assert "**In practice" in text
    for part in ("**You will need**", "**It takes**", "**The picture to keep:**"):
        assert part in text
    assert lesson["question"].endswith("?")
    assert 900 <= words(source) <= 1800


@each
def test_cells_are_small(source):
    lines = [len([line for line in cell.source.splitlines() if line.strip()]) for cell
             in code_cells(source)]
    assert np.median(lines) <= 8
    assert max(lines) <= 30
    assert len(read_source(source).cells) <= 60


@each
def test_pictures_and_guesses(source):
    code = "\n".join(cell.source for cell in code_cells(source))
    assert code.count("predict(") >= 2
    assert code.count("show(") >= 1
    assert "plt.show" not in code
    assert "%time" not in code
    assert sum("picture" in cell.metadata.get("tags", []) for cell in code_cells(source)) == 1
    assert sum("broken" in cell.metadata.get("tags", []) for cell in code_cells(source)) >= 1
    for cell in code_cells(source):
        ast.parse(cell.source)


@each
def test_a_check_stands_before_every_timing(source):
    compared = False
    for cell in code_cells(source):
        compared |= "assert" in cell.source or "check(" in cell.source
        assert compared or "bench(" not in cell.source


@each
def test_what_is_derived_equals_the_package(source):
    """Each derived function is compared with the package's own in a cell that says so."""
    code = "\n".join(cell.source for cell in code_cells(source))
    for name in read_source(source).metadata["lesson"]["derives"]:
        assert re.search(rf"^(def|class) {name}\b", code, re.M), name
        assert re.search(rf"# compare: {name}\b", code), f"{name}: a cell with '# compare: {name}'"


@each
def test_figures_in_the_notebook_have_words(source):
    notebook = nbformat.read(ROOT / f"{source.stem}.ipynb", as_version=4)
    pictures = [cell for cell in notebook.cells if cell.cell_type == "code"
                and any("image/png" in output.get("data", {}) for output in cell.outputs)]
    assert pictures
    for cell in pictures:
        assert "Figure: " in "".join(output.get("text", "") for output in cell.outputs)
    size = (ROOT / f"{source.stem}.ipynb").stat().st_size
    assert size < 400_000, f"{size} bytes"
