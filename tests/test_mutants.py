"""The faults that the tests were tried on: every file has some, and each that no test saw has its
reason.
"""
import json
import sqlite3

import mutants
from places import ROOT

STORED = json.loads(mutants.STORED.read_text(encoding="utf-8"))


def test_every_file_is_tried_by_tests_that_exist():
    files = {path.relative_to(ROOT / "tinynnclr").with_suffix("").as_posix()
             for folder in mutants.COUNTS for path in (ROOT / "tinynnclr" / folder).rglob("*.py")}
    assert set(mutants.TESTS) == {name for name in files if not name.endswith("__init__")}
    for name in mutants.TESTS:
        files = [word for word in mutants.words(name) if word.endswith(".py")]
        assert files
        assert all((ROOT / file).exists() for file in files)


def test_what_is_stored_is_of_these_files_and_explained():
    assert [(row["file"], row["tests"]) for row in STORED["rows"]] == [*mutants.TESTS.items()]
    for row in STORED["rows"]:
        assert len(row["unseen"]) <= row["drawn"] <= min(row["possible"],
                                                         mutants.COUNTS[row["file"].split("/")[0]])
    unseen = {(row["file"], became) for row in STORED["rows"] for _, became in row["unseen"]}
    assert unseen == set(mutants.WHY)


def test_files_that_were_not_tried_stay_as_they_are_stored(tmp_path):
    assert mutants.every_row(tmp_path) == STORED["rows"]


def test_the_page():
    text = mutants.page()
    assert text.count("\n| `") == len(mutants.TESTS)
    assert text.count("```diff") == sum(len(row["unseen"]) for row in STORED["rows"])
    assert "not explained" not in text


def test_a_fault_is_read_from_its_diff():
    diff = "--- a/x.py\n+++ b/x.py\n@@ -1,2 +1,2 @@\n def f(a):\n-    return a + 1\n+    return a - 1"
    assert mutants.changed(diff) == ("return a + 1", "return a - 1")


def test_a_draw_leaves_so_many_and_none_of_the_trivial_ones(tmp_path):
    session = tmp_path / "a.sqlite"
    db = sqlite3.connect(session)
    db.execute("create table mutation_specs (job_id text, operator_name text)")
    db.execute("create table work_results (job_id text, worker_outcome text)")
    db.executemany("insert into mutation_specs values (?, ?)",
                   [(str(i), "core/NumberReplacer" if i % 2 else "core/Add_Sub") for i
                    in range(40)])
    db.commit()
    mutants.draw(session, 6)
    skipped = {int(job) for job, in db.execute("select job_id from work_results where "
                                               "worker_outcome = 'SKIPPED'")}
    left = set(range(40)) - skipped
    assert len(left) == 6
    assert all(i % 2 == 0 for i in left)
    db.close()
