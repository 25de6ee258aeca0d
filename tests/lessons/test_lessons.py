"""Every lesson: its exercises, its notebook from its source, and the form of all lessons."""
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
WITHOUT_ARRAYS = {"02.a", "02.c", "04.a", "04.b", "04.c", "05.a", "14.a", "14.b", "14.c", "14.d",
                  "15.b"}


def code_cells(source):
    return [cell for cell in read_source(source).cells if cell.cell_type == "code"]


def code_of(source):
    return "\n".join(cell.source for cell in code_cells(source))


# ---------------------------------------------------------------- exercises


@pytest.mark.parametrize(("source", "name", "code"), RIGHT, ids=[name for _, name, _ in RIGHT])
def test_a_right_answer_passes_and_one_that_uses_shapes_alone_fails(source, name, code, capsys):
    """The latter returns its first result again wherever the arrays have the same shapes."""
    function, results = tried(source, code), {}
    assert check(name, function) is function
    assert f"✓ {name}: passed" in capsys.readouterr().out

    def lazy(*args):
        key = tuple(np.shape(a) if isinstance(a, np.ndarray) else a
                    if isinstance(a, float | int | str) else type(a) for a in args)
        if key not in results:
            results[key] = function(*args)
        return results[key]

    if name not in WITHOUT_ARRAYS:
        with pytest.raises(WrongAnswer):
            check(name, lazy)


@pytest.mark.parametrize(("source", "name", "code"), WRONG,
                         ids=[f"{name}-{i}" for i, (_, name, _) in enumerate(WRONG)])
def test_a_wrong_answer_fails_and_shows_why(source, name, code):
    assert code.startswith("# diagnosis: "), "what is wrong with it, in one line"
    assert function_of(code) == function_of(exercises(source)[name])
    with pytest.raises(WrongAnswer) as caught:
        check(name, tried(source, code))
    message = str(caught.value)
    assert message.startswith(f"✗ {name}: ")
    assert not re.search(r"\b(NameError|ImportError|SyntaxError)\b", message), "our mistake"
    # it shows with what, or says what to do
    assert "\n" in message or "bytes were allocated" in message or len(message) > 60


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
def test_the_notebook_matches_its_source(source):
    assert stale(source, ROOT / f"{source.stem}.ipynb") is None, "python -m support build"


@pytest.mark.parametrize("source", [
    pytest.param(source, id=source.stem, marks=[] if number(source) == QUICK else pytest.mark.slow)
    for source in SOURCES])
def test_it_runs_with_nothing_attempted(source):
    notebook = read_source(source)
    seconds = run(notebook, ROOT)
    text = printed(notebook)
    assert text.count("not attempted") == len(exercises(source))
    assert "✗" not in text
    # a busy machine is no reason to fail
    assert seconds < 5 * notebook.metadata["lesson"]["budget_s"]


@pytest.mark.slow
@each
def test_it_runs_with_every_exercise_solved(source):
    notebook = read_source(source)
    answer(notebook, dict(answers("solutions", source)))
    run(notebook, ROOT)
    assert printed(notebook).count("✓") == len(exercises(source))


@pytest.mark.parametrize("size", [1e-40, 1e-30, 1, 1e30, 3e38])
def test_the_reference_of_10c_takes_every_row_with_a_direction(size):
    """Also where a square would overflow float32; a warning would fail here."""
    rows = entries(np.array([[size, 0], [0, -size]], np.float32))
    assert (rows.dtype, rows.tolist()) == (np.float32, [[1, 0], [0, -1]])


# ---------------------------------------------------------------- the form of a lesson


@each
def test_the_frame(source):
    notebook = read_source(source)
    lesson = notebook.metadata["lesson"]
    text = "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert set(lesson) == FRONT
    headings = re.findall(r"^(#+) (.*)$", text, re.M)
    levels = [len(marks) for marks, _ in headings]
    assert levels.count(1) == 1
    assert headings[0][1].startswith(f"{number(source)} · ")
    assert all(b - a <= 1 for a, b in zip(levels, levels[1:], strict=False)), "no level is skipped"
    for part in ("Broken on purpose", "Three sentences"):
        assert any(part in name for _, name in headings)
    for part in ("**In practice", "**You will need**", "**It takes**", "**The picture to keep:**"):
        assert part in text
    assert lesson["question"].endswith("?")
    assert 900 <= words(source) <= 1800


@each
def test_cells_are_small(source):
    lines = [sum(bool(line.strip()) for line in cell.source.splitlines())
             for cell in code_cells(source)]
    assert np.median(lines) <= 8
    assert max(lines) <= 30
    assert len(read_source(source).cells) <= 60


@each
def test_figures_guesses_and_timings(source):
    cells, code = code_cells(source), code_of(source)
    assert code.count("predict(") >= 2
    assert code.count("show(") >= 1
    assert "plt.show" not in code
    assert "%time" not in code
    tags = [tag for cell in cells for tag in cell.metadata.get("tags", [])]
    assert tags.count("picture") == 1
    assert tags.count("broken") >= 1
    compared = False
    for cell in cells:
        ast.parse(cell.source)
        compared |= "assert" in cell.source or "check(" in cell.source
        assert compared or "bench(" not in cell.source, "a check stands before every timing"


@each
def test_derived_functions_are_compared_with_the_package(source):
    code = code_of(source)
    for name in read_source(source).metadata["lesson"]["derives"]:
        assert re.search(rf"^(def|class) {name}\b", code, re.M), name
        assert re.search(rf"# compare: {name}\b", code), f"{name}: a cell with '# compare: {name}'"


@each
def test_figures_in_the_notebook_have_a_description(source):
    path = ROOT / f"{source.stem}.ipynb"
    figures = [cell for cell in nbformat.read(path, as_version=4).cells
               if any("image/png" in output.get("data", {}) for output in cell.get("outputs", []))]
    assert figures
    for cell in figures:
        assert "Figure: " in "".join(output.get("text", "") for output in cell.outputs)
    assert path.stat().st_size < 400_000
