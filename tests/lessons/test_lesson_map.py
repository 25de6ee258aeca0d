"""The map in lesson 00: each lesson lies below the lessons that it needs."""
from needed import need

need("jupytext")

import pytest  # noqa: E402
from lesson_files import SOURCES, number  # noqa: E402
from support.notebook import read_source  # noqa: E402


@pytest.fixture(scope="module")
def lessons():
    """The table in the notebook: {number: (place, seconds, title, question, needs)}."""
    code = next(cell.source for cell in read_source(SOURCES[0]).cells
                if cell.source.startswith("LESSONS = ("))
    names: dict = {}
    exec(code, names)
    return {row[0]: row[1:] for row in names["LESSONS"]}


def above(table, lesson):
    """All lessons that come before one, along the arrows, and the lesson itself."""
    return {lesson}.union(*(above(table, other) for other in table[lesson][-1]))


def test_twenty_lessons_each_in_its_place_below_what_it_needs(lessons):
    assert list(lessons) == list(range(20))
    assert len({place for place, *_ in lessons.values()}) == 20
    for place, *_, needs in lessons.values():
        assert all(lessons[other][0][0] <= place[0] for other in needs)  # the same row, or below
    for source in SOURCES:
        needs = set(read_source(source).metadata["lesson"]["needs"])
        assert needs <= above(lessons, int(number(source))), source.stem


def test_only_speed(lessons):
    """The dashed line is unbroken: each lesson on it needs the one before."""
    for before, after in ((2, 3), (3, 4), (4, 11), (11, 18)):
        assert before in lessons[after][-1]
        assert lessons[before][0][1] == lessons[after][0][1] == "a"
