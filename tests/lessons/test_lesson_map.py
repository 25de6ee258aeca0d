"""The map in lesson 00 is true: what a lesson says it needs lies above it, and the ways in are
where they are said.
"""
import pytest
from needed import need

need("jupytext")

from lesson_files import SOURCES, number  # noqa: E402
from support.notebook import read_source  # noqa: E402


def lessons():
    """The table in the notebook: {number: (place, seconds, title, question, needs)}."""
    cells = read_source(SOURCES[0]).cells
    code = next(cell.source for cell in cells if cell.source.startswith("LESSONS = ("))
    names: dict = {}
    exec(code, names)
    return {row[0]: row[1:] for row in names["LESSONS"]}


def above(table, lesson):
    """All that come before a lesson, along the arrows."""
    return {lesson}.union(*(above(table, other) for other in table[lesson][-1]))


def test_twenty_lessons_each_in_a_place_of_its_own_below_what_it_needs():
    table = lessons()
    assert list(table) == list(range(20))
    assert len({place for place, *_ in table.values()}) == 20
    for place, *_, needs in table.values():
        for other in needs:
            across = table[other][0]
            assert across[0] <= place[0]  # the same row, or one below
    assert {other for row in table.values() for other in row[-1]} < set(table)


def test_only_speed():
    """The dashed road is unbroken: each lesson on it needs the one before."""
    table = lessons()
    for before, after in ((2, 3), (3, 4), (4, 11), (11, 18)):
        assert before in table[after][-1]
        assert table[before][0][1] == table[after][0][1] == "a"


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_what_a_lesson_needs_lies_above_it(source):
    table = lessons()
    missing = set(read_source(source).metadata["lesson"]["needs"]) - above(table,
                                                                           int(number(source)))
    assert not missing, f"the map of lesson 00 has no way from {sorted(missing)}"
