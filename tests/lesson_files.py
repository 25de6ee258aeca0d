"""The lessons as tests use them: sources, the code of exercises, and answers kept beside them."""
import ast
import functools

from places import ROOT, TESTS
from support.notebook import exercise_cells, read_source
from support.table import exercise_answers

ROOT = ROOT / "lessons"
SOURCES = sorted((ROOT / "src").glob("[0-9][0-9]_*.py"))


def number(source):
    return source.name[:2]


def answers(kind, source):
    """[(exercise, code)] of lessons/solutions/NN.py or of tests/lessons/wrong/NN.py."""
    folder = TESTS / "lessons" / "wrong" if kind == "wrong" else ROOT / kind
    return exercise_answers(folder / f"{number(source)}.py")


def function_of(code):
    """The name of the last function or class that a cell defines at its top level."""
    kinds = ast.FunctionDef | ast.ClassDef
    return [node.name for node in ast.parse(code).body if isinstance(node, kinds)][-1]


@functools.cache
def opening(source):
    """A lesson's first code cell, its imports, compiled."""
    first = next(cell for cell in read_source(source).cells if cell.cell_type == "code")
    return compile(first.source, source.name, "exec")


def tried(source, code):
    """The function that a cell defines, after the lesson's imports."""
    names: dict = {}
    exec(opening(source), names)
    exec(compile(code, source.name, "exec"), names)
    return names[function_of(code)]


@functools.cache
def exercises(source):
    """{exercise: code of its stub}."""
    return {name: cell.source for name, cell in exercise_cells(read_source(source)).items()}
