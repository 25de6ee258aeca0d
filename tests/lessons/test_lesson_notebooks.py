"""From a source to a notebook, with a toy lesson: run, answered right and wrong, stamped."""
import os

import pytest
from needed import need
from one_line import fails
from places import ROOT

nbformat = need("nbformat")
need("jupytext")
nbclient = need("nbclient")
need("ipykernel")

from support.__main__ import main  # noqa: E402
from support.notebook import answer, code_hash, exercise_cells, printed, read_source, run, stale  # noqa: E402

LESSON = '''# %% [markdown]
# # 90 · A toy

# %%
import numpy as np
from support import check, exercise

@exercise("90.a", reference=np.negative)
def _(trial):
    for x in (np.ones(1), np.arange(4.0)):
        trial.equal(trial(x), -x, x=x)

# %% tags=["exercise:90.a"]
def negative(x):
    raise NotImplementedError

# %%
negative = check("90.a", negative)
print(negative(np.arange(3)))
'''


@pytest.fixture
def lessons(tmp_path, monkeypatch):
    """(the folder, the source) of a toy lesson, whose kernel finds `support`."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(ROOT / "lessons")]))
    source = tmp_path / "lessons" / "src" / "90_toy.py"
    source.parent.mkdir(parents=True)
    source.write_text(LESSON, encoding="utf-8")
    return source.parents[1], source


@pytest.mark.parametrize(("code", "message"), [
    (None, "○ 90.a: not attempted"),
    ("def negative(x):\n    return 0 - x", "✓ 90.a: passed, 2 checks")])
def test_a_lesson_runs_as_it_is_and_with_a_right_answer(lessons, code, message):
    folder, source = lessons
    notebook = read_source(source)
    if code:
        answer(notebook, {"90.a": code})
    assert run(notebook, folder) > 0
    assert message in printed(notebook)
    assert "[ 0 -1 -2]" in printed(notebook)


def test_a_wrong_answer_stops_it_and_says_why(lessons):
    folder, source = lessons
    notebook = read_source(source)
    answer(notebook, {"90.a": "def negative(x):\n    return 1 - 2 * x"})  # right for 1 alone
    with pytest.raises(nbclient.exceptions.CellExecutionError) as caught:
        run(notebook, folder)
    for line in ("WrongAnswer", "✗ 90.a: not what was expected", "expected: [-0., -1., -2., -3.]",
                 "got: [ 1., -1., -3., -5.]", "x: [0., 1., 2., 3.]"):
        assert line in str(caught.value)


def test_the_cell_must_really_be_replaced(lessons):
    notebook = read_source(lessons[1])
    assert list(exercise_cells(notebook)) == ["90.a"]
    stub = exercise_cells(notebook)["90.a"].source
    with fails(ValueError, "exercise 90.a: the answer is the stub itself"):
        answer(notebook, {"90.a": stub + "\n"})
    with fails(ValueError, "exercise 90.b: no cell has the tag exercise:90.b"):
        answer(notebook, {"90.b": "x = 1"})
    notebook.cells[1].metadata["tags"] = ["exercise:90.a"]
    with fails(ValueError, "exercise 90.a: expected one cell of its own"):
        exercise_cells(notebook)


def test_built_stamped_and_found_stale(lessons, capsys):
    folder, source = lessons
    target = folder / "90_toy.ipynb"
    assert stale(source, target) == "90_toy.ipynb is not there"
    main(["build", "--lessons", str(folder)])
    assert capsys.readouterr().out.startswith("90_toy: ")
    notebook = nbformat.read(target, as_version=4)
    nbformat.validate(notebook)
    stamp = notebook.metadata["tinynnclr"]
    assert set(stamp) == {"code", "version", "python", "numpy", "numba", "seconds", "date"}
    assert stamp["code"] == code_hash(notebook)
    assert "not attempted" in printed(notebook)
    assert not any("execution" in cell.metadata for cell in notebook.cells)
    assert stale(source, target) is None
    main(["status", "--lessons", str(folder)])
    assert capsys.readouterr().out == "90_toy: up to date\n"
    before = target.read_bytes()
    main(["build", "--lessons", str(folder)])  # nothing to do
    assert (capsys.readouterr().out, target.read_bytes()) == ("", before)
    source.write_text(LESSON.replace("arange(3)", "arange(4)"), encoding="utf-8")
    assert stale(source, target) == "90_toy.ipynb has other cells than 90_toy.py"
    notebook.metadata["tinynnclr"]["code"] = "0"
    source.write_text(LESSON, encoding="utf-8")
    nbformat.write(notebook, target)
    assert stale(source, target) == "90_toy.ipynb has outputs of other code than 90_toy.py"


@pytest.mark.parametrize("arguments", [["build", "91"], ["status", "--lessons", "nowhere"]])
def test_a_lesson_that_does_not_exist(arguments, lessons, capsys):
    with pytest.raises(SystemExit) as end:
        main(["--lessons", str(lessons[0]), *arguments])
    assert end.value.code == 2
    assert "no lesson" in capsys.readouterr().err
