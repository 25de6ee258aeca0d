"""The table of promises: its tests exist, its numbers are complete, and a failure would show."""
import json
import re
from xml.etree import ElementTree

import promises
import pytest
from places import TESTS

STORED = json.loads(promises.STORED.read_text(encoding="utf-8"))


@pytest.mark.parametrize("promise", promises.PROMISES, ids=lambda promise: promise.tests[0])
def test_its_tests_exist(promise):
    for test in promise.tests:
        file, _, name = test.partition("::")
        text = (TESTS / file).read_text(encoding="utf-8")
        assert re.search(rf"^def {name or 'test_'}", text, re.M), test


def test_the_stored_table_is_of_these_promises_and_full():
    assert [(row["promise"], row["tests"]) for row in STORED["rows"]] == \
        [(p.words, list(p.tests)) for p in promises.PROMISES]
    for row in STORED["rows"]:
        assert row["failed"] == 0
        assert row["cases"] >= row["passed"] > 0
    full = "--full" in STORED["command"]
    kills, steps, inputs = (200, 20_000, 10_000) if full else (24, 2400, 500)
    cases = {row["tests"][0]: row["cases"] for row in STORED["rows"]}
    assert cases["train/test_killed.py::test_a_killed_run_ends_as_an_uninterrupted_one"] >= kills
    assert cases["train/test_long_run.py"] >= steps
    assert sum(n for name, n in cases.items() if "test_bad_" in name) >= inputs


def test_a_failure_is_counted():
    """Of pytest's own report."""
    report = ElementTree.fromstring("""<testsuite>
        <testcase classname="tests.test_a" name="test_one[x]">
        <properties><property name="cases" value="40"/></properties></testcase>
        <testcase classname="tests.test_a" name="test_one[y]"><failure/></testcase>
        <testcase classname="tests.test_a" name="test_two"><skipped/></testcase>
        <testcase classname="tests.test_b" name="test_one"/></testsuite>""")
    outcomes = [promises.outcome(case) for case in report.iter("testcase")]

    def sums(test):
        return promises.sums(promises.Promise("", "", (test,)), outcomes)

    assert sums("test_a.py") == {"cases": 41, "passed": 1, "failed": 1, "skipped": 1}
    assert sums("test_a.py::test_two")["cases"] == 0
    assert sums("test_b.py")["passed"] == 1
    assert promises.describe(sums("test_a.py")) == "1 of 2 tests failed, 1 skipped"


def test_the_page():
    text = promises.page()
    assert text.count("\n| ") == len(promises.PROMISES) + 1
    assert f"{sum(row['cases'] for row in STORED['rows']):,} cases in all" in text
