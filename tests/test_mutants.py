"""The stored results of mutation testing: every file has some, each undetected fault a reason."""
import json
import sqlite3

import mutants
from places import ROOT

STORED = json.loads(mutants.STORED.read_text(encoding="utf-8"))


def test_every_file_has_tests_that_exist():
    assert set(mutants.TESTS) <= set(mutants.FILES)
    for name in mutants.FILES:
        files = [word for word in mutants.pytest_words(name) if word.endswith(".py")]
        assert files
        assert all((ROOT / file).exists() for file in files), name


def test_the_stored_results_are_of_these_files_and_explained():
    assert [(row["file"], row["tests"]) for row in STORED["rows"]] == [
        (name, mutants.tests_of(name)) for name in mutants.FILES]
    for row in STORED["rows"]:
        count = mutants.COUNTS[row["file"].split("/")[0]]
        assert len(row["unseen"]) <= row["drawn"] <= min(row["possible"], count)
        assert all(fault["reason"] for fault in row["unseen"])


def test_results_of_files_that_were_not_tried_again_stay(tmp_path):
    assert mutants.every_row(tmp_path) == STORED["rows"]
    text = mutants.page()
    assert text.count("\n| `") == len(mutants.FILES)
    assert text.count("```diff") == sum(len(row["unseen"]) for row in STORED["rows"])


def test_a_fault_is_read_from_its_diff():
    diff = ("--- a/x.py\n+++ b/x.py\n@@ -1,2 +1,2 @@\n def f(a):\n-    return a + 1  # a comment\n"
            "+    return a - 1")
    assert mutants.changed(diff) == ("return a + 1", "return a - 1")


def test_so_many_faults_are_drawn_and_no_trivial_one(tmp_path):
    session = tmp_path / "a.sqlite"
    db = sqlite3.connect(session)
    db.execute("create table mutation_specs (job_id text, operator_name text)")
    db.execute("create table work_results (job_id text, worker_outcome text)")
    db.executemany("insert into mutation_specs values (?, ?)",
                   [(str(i), "core/NumberReplacer" if i % 2 else "core/Add_Sub")
                    for i in range(40)])
    db.commit()
    mutants.draw(session, 6)
    skipped = {int(job) for job, in db.execute("select job_id from work_results where "
                                               "worker_outcome = 'SKIPPED'")}
    drawn = set(range(40)) - skipped
    assert len(drawn) == 6
    assert all(i % 2 == 0 for i in drawn)
    db.close()
