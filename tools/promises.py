"""What is promised, how that is tested, in how many cases, with what result: `python
tools/promises.py [--full]`.

It runs the tests and writes docs/promises.json from their report; pages.py makes the page of it.
Every number is the tests' own: a test says how many cases it went through, or is one.
"""
import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
STORED = ROOT / "docs" / "promises.json"


class Promise(NamedTuple):
    """A sentence, how it is tested, and the tests: files in tests/, or single ones of them after
    `::`.
    """

    words: str
    how: str
    tests: tuple[str, ...]


PROMISES = (
    Promise("A killed training loses no more than the epoch it was in, and goes on to the same bytes",
            "kill -9 at random moments: inside a step, inside a save, between two files; then `--resume`, and no stray "
            "file is left", ("train/test_killed.py::test_a_killed_run_ends_as_one_that_never_was",)),
    Promise("A folder has one process at a time",
            "a second one is refused, and what a dead one left is cleaned up, nothing else",
            ("train/test_killed.py::test_what_a_killed_process_left_goes_and_nothing_else",
             "train/test_killed.py::test_a_second_process_is_refused",
              "train/test_killed.py::test_the_owner_may_come_back")),
    Promise("A full, read-only or vanished disk costs nothing that was saved",
            "small file systems, mounted for the test; a limit on the size of files; failing writes and renames",
            ("storage/test_full_disk.py", "storage/test_checkpoint.py::test_whole_or_not_at_all",
             "storage/test_checkpoint.py::test_a_failing_rename_leaves_the_old_file",
             "storage/test_checkpoint.py::test_an_array_that_cannot_be_saved_spoils_nothing")),
    Promise("NaN and infinity stop the run, are traced to an op, and are never saved",
            "poisoned weights, pixels and gradients; rates far too large", ("train/test_not_finite.py",)),
    Promise("A data file or archive that is none ends in one line",
            "CIFAR's, IDX and picture files and archives, cut, flipped, spliced and mixed up",
             ("train/test_bad_files.py",)),
    Promise("So does a checkpoint, or a file of a comparison",
            "damaged bytes, and whole files whose contents lie", ("train/test_bad_runs.py", "storage/test_checkpoint.py"
                                                                 "::test_every_kind_of_damage_is_noticed")),
    Promise("So does any flag or setting", "values of every kind for every flag, and words that are none",
            ("kernels/test_bad_arguments.py", "cli/test_cli_mistakes.py")),
    Promise("A kernel refuses arrays that do not fit, or computes what it should",
            "each argument of each kernel in turn: other shape, type, order, stride, emptiness, values",
            ("kernels/test_bad_arrays.py",)),
    Promise("No kernel touches a byte outside its arrays",
            "arrays that end where the next page of memory is forbidden", ("kernels/test_guarded_pages.py",)),
    Promise("An archive writes nothing but the expected files, and a checkpoint takes no more memory than its bytes",
            "paths upward and absolute, links, devices, larger files, false claims, objects",
            ("datasets/test_archive.py", "storage/test_checkpoint.py::test_an_array_with_a_false_claim")),
    Promise("A download is checked before it is unpacked, over https unless told otherwise",
            "a server that cuts, redirects and sends other files",
            ("datasets/test_download.py", "datasets/test_http.py")),
    Promise("Nothing is unpickled", "every source file is walked",
            ("test_architecture.py::test_nothing_is_unpickled",)),
    Promise("The same seed gives the same bytes", "1 and 2 threads, three hash seeds, through train, evaluate and "
            "compare",
             ("train/test_determinism.py", "train/test_train.py::test_the_number_of_threads_does_not_matter")),
    Promise("Every gradient is right, also where shapes and numbers are odd",
            "drawn shapes, strides, axes, broadcasts, axes of length 0 and 1, large and tiny numbers, against "
            "differences", ("autograd/test_gradients_stress.py",)),
    Promise("A long run takes no more memory, time, files or threads as it goes",
            "so many steps; memory within 1 % after the first tenth, processor time a step within 20 %",
            ("train/test_long_run.py",)),
)


def measure(full: bool) -> dict:
    """Run the tests of all promises; what each came to, and on what machine."""
    tests = [f"tests/{name}" for promise in PROMISES for name in promise.tests]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        subprocess.run([sys.executable, "-m", "pytest", "-q", "--all", f"--junitxml={report}",
                        *tests], cwd=ROOT, env={**os.environ,
                                                **({"FULL_COUNTS": "1"} if full else {})},
                       check=False)
        found = [outcome(case) for case in ElementTree.parse(report).iter("testcase")]
    rows = [{"promise": p.words, "how": p.how, "tests": list(p.tests), **added(p, found)} for p
            in PROMISES]
    return {"command": f"python tools/promises.py{' --full' * full}",
            "python": platform.python_version(), "system": platform.system(),
            **{name: version(name) for name in ("tinynnclr", "numpy", "numba")}, "rows": rows}


def outcome(case: ElementTree.Element) -> dict:
    """Of a test in pytest's report: its file, its name, how it ended, how many cases it says it
    went through.
    """
    said = {p.get("name"): p.get("value") for p in case.iter("property")}
    ends = {child.tag for child in case} & {"failure", "error", "skipped"}
    return {"file": case.get("classname", "").partition(".")[2].replace(".", "/") + ".py",
            "name": case.get("name", "").partition("[")[0],
            "ended": "skipped" if ends == {"skipped"} else "failed" if ends else "passed",
            "cases": int(said.get("cases", 1))}


def added(promise: Promise, found: list[dict]) -> dict:
    """The sums over a promise's tests. Skipped ones count nothing."""
    mine = [test for test in found if {test["file"], f"{test['file']}::{test['name']}"}
            & set(promise.tests)]
    sums = {end: sum(test["ended"] == end for test in mine) for end
            in ("passed", "failed", "skipped")}
    return {"cases": sum(test["cases"] for test in mine if test["ended"] != "skipped"), **sums}


def page() -> str:
    """The page of what is stored."""
    stored = json.loads(STORED.read_text(encoding="utf-8"))
    lines = ["# Hard to break", "", "What a learner's laptop may do to a training, and what a file "
             "from somewhere may hold; how each promise is tested, and what came of it. A case is "
             "one input, one kill, one step of the long run; a test that says nothing about its "
             "cases is one.", "", "| promise | how it is tested | cases | result |",
             "|---|---|---|---|"]
    for row in stored["rows"]:
        skipped = f", {row['skipped']} skipped" * bool(row["skipped"])
        result = f"{row['failed']} of {row['passed'] + row['failed']} tests failed" if row[
                "failed"] else f"all {row['passed']} tests passed" if row[
                "passed"] > 1 else "passed"
        lines.append(f"| {row['promise']} | {row['how']} | {row['cases']:,} | {result}{skipped} |")
    total = sum(row["cases"] for row in stored["rows"])
    lines += ["", f"{total:,} cases in all, by `{stored['command']}` (tinynnclr "
              f"{stored['tinynnclr']}, Python {stored['python']}, NumPy {stored['numpy']}, Numba "
              f"{stored['numba']}, {stored['system']}). With `--full` the same tests have larger "
              "counts than in `pytest --all`, and `pytest` has the smallest. What is promised to "
              "whom, and what is not, says `SECURITY.md`. Another page tells [whether the tests "
              "would see a fault](mutants.md).", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true", help="full counts: more than an hour")
    result = measure(parser.parse_args().full)
    STORED.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(page())
    sys.exit(any(row["failed"] for row in result["rows"]))
