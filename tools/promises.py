"""The promises of SECURITY.md, and the tests of each: `python tools/promises.py [--full]`.

Runs the tests and writes docs/promises.json, which pages.py makes a page of. A test says how many
cases it goes through by record_property("cases", n), or counts as one.
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

from tinynnclr.storage.text_tables import markdown_table

ROOT = Path(__file__).parents[1]
STORED = ROOT / "docs" / "promises.json"


class Promise(NamedTuple):
    """A sentence, how it is tested, and the tests: FILE or FILE::NAME in tests/."""

    words: str
    how: str
    tests: tuple[str, ...]


PROMISES = (
    Promise("A killed training run loses at most one epoch, and resumes to the same bytes",
            "kill -9 at random moments: inside a step, inside a save, between two files; then "
            "`--resume`, and no temporary file is left",
            ("train/test_killed.py::test_a_killed_run_ends_as_an_uninterrupted_one",)),
    Promise("Only one process uses a folder at a time",
            "a second process is refused; the temporary files of a killed one are removed, and "
            "nothing else",
            ("train/test_killed.py::test_only_files_of_killed_processes_are_removed",
             "train/test_killed.py::test_a_second_process_is_refused",
             "train/test_killed.py::test_the_owner_may_lock_it_again")),
    Promise("A full, read-only or missing disk loses nothing that was saved",
            "small file systems, mounted for the test; a limit on the size of files; failing "
            "writes and renames",
            ("storage/test_full_disk.py", "storage/test_checkpoint.py::test_whole_or_not_at_all",
             "storage/test_checkpoint.py::test_a_failing_rename_leaves_the_old_file",
             "storage/test_checkpoint.py::test_an_array_that_cannot_be_saved_spoils_nothing")),
    Promise("NaN and infinity stop the run, are traced to an op, and are never saved",
            "NaN in weights, pixels and gradients; learning rates that are far too large",
            ("train/test_not_finite.py",)),
    Promise("An invalid data file or archive gives a one-line error",
            "CIFAR, IDX and image files and archives: truncated, changed, spliced and swapped",
            ("train/test_bad_files.py",)),
    Promise("An invalid checkpoint or comparison file gives a one-line error",
            "damaged bytes, and valid files with impossible contents",
            ("train/test_bad_runs.py",
             "storage/test_checkpoint.py::test_every_kind_of_damage_is_noticed")),
    Promise("An invalid flag or option gives a one-line error",
            "values of every kind for every flag, and words that are no flag",
            ("kernels/test_bad_arguments.py", "cli/test_cli_mistakes.py")),
    Promise("A kernel refuses arrays that do not fit, or computes the right result",
            "each argument of each kernel in turn with another shape, type, order, stride or "
            "values, or empty",
            ("kernels/test_bad_arrays.py",)),
    Promise("No kernel accesses memory outside its arrays",
            "arrays that end just before a page of memory that may not be accessed",
            ("kernels/test_guarded_pages.py",)),
    Promise("An archive writes only the expected files, and a checkpoint uses no more memory than "
            "its bytes",
            "paths upward and absolute, links, devices, larger files, false sizes, objects",
            ("datasets/test_archive.py",
             "storage/test_checkpoint.py::test_an_array_with_a_false_claim")),
    Promise("A download is checked before it is unpacked, and uses https unless told otherwise",
            "a server that truncates, redirects and sends other files",
            ("datasets/test_download.py", "datasets/test_http.py")),
    Promise("Nothing is unpickled", "a search of every source file",
            ("test_architecture.py::test_nothing_is_unpickled",)),
    Promise("The same seed gives the same bytes",
            "1 and 2 threads and three hash seeds, for train, evaluate and compare",
            ("train/test_determinism.py",
             "train/test_train.py::test_the_number_of_threads_does_not_matter")),
    Promise("Every gradient is right, also for unusual shapes and numbers",
            "random shapes, strides and axes, broadcasts, axes of length 0 and 1, very large and "
            "small numbers, against finite differences",
            ("autograd/test_gradients_stress.py",)),
    Promise("A long run does not use more memory, time, files or threads over time",
            "many steps; memory within 1 % after the first tenth, processor time a step within "
            "20 %",
            ("train/test_long_run.py",)),
)


def measure(full: bool) -> dict:
    """Run the tests of all promises; returns the results with versions and system."""
    tests = [f"tests/{name}" for promise in PROMISES for name in promise.tests]
    environment = {**os.environ, **({"FULL_COUNTS": "1"} if full else {})}
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        subprocess.run([sys.executable, "-m", "pytest", "-q", "--all", f"--junitxml={report}",
                        *tests], cwd=ROOT, env=environment, check=False)
        outcomes = [outcome(case) for case in ElementTree.parse(report).iter("testcase")]
    rows = [{"promise": promise.words, "how": promise.how, "tests": list(promise.tests),
             **sums(promise, outcomes)} for promise in PROMISES]
    return {"command": "python tools/promises.py" + (" --full" if full else ""),
            "python": platform.python_version(), "system": platform.system(),
            **{name: version(name) for name in ("tinynnclr", "numpy", "numba")}, "rows": rows}


def outcome(case: ElementTree.Element) -> dict:
    """A test in pytest's report: its file, name, result, and number of cases."""
    properties = {p.get("name"): p.get("value") for p in case.iter("property")}
    tags = {child.tag for child in case} & {"failure", "error", "skipped"}
    return {"file": case.get("classname", "").partition(".")[2].replace(".", "/") + ".py",
            "name": case.get("name", "").partition("[")[0],
            "result": "skipped" if tags == {"skipped"} else "failed" if tags else "passed",
            "cases": int(properties.get("cases") or 1)}


def sums(promise: Promise, outcomes: list[dict]) -> dict[str, int]:
    """How many of a promise's tests passed, failed and were skipped, and the cases of the first
    two."""
    tests = [test for test in outcomes
             if {test["file"], f"{test['file']}::{test['name']}"} & set(promise.tests)]
    counts = {result: sum(test["result"] == result for test in tests)
              for result in ("passed", "failed", "skipped")}
    return {"cases": sum(test["cases"] for test in tests if test["result"] != "skipped"), **counts}


def page() -> str:
    """The page of the stored results."""
    stored = json.loads(STORED.read_text(encoding="utf-8"))
    rows = stored["rows"]
    table = markdown_table(["promise", "how it is tested", "cases", "result"],
                           [[row["promise"], row["how"], f"{row['cases']:,}", describe(row)]
                            for row in rows])
    return "\n\n".join([
        "# Promises and their tests",
        "What the package promises when something goes wrong, how each promise is tested, and the "
        "result. A case is one input, one killed process, or one step of the long run; a test that "
        "reports no cases counts as one.", table,
        f"{sum(row['cases'] for row in rows):,} cases in all, by `{stored['command']}` (tinynnclr "
        f"{stored['tinynnclr']}, Python {stored['python']}, NumPy {stored['numpy']}, Numba "
        f"{stored['numba']}, {stored['system']}). `--full` has the largest counts, `pytest --all` "
        "fewer, and `pytest` the fewest. `SECURITY.md` says what is promised and what is not. "
        "Another page shows [which faults the tests detect](mutants.md)."]) + "\n"


def describe(row: dict) -> str:
    """The result of a promise's tests in words."""
    if row["failed"]:
        text = f"{row['failed']} of {row['passed'] + row['failed']} tests failed"
    else:
        text = "passed" if row["passed"] == 1 else f"all {row['passed']} tests passed"
    return text + (f", {row['skipped']} skipped" if row["skipped"] else "")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true", help="full counts: more than an hour")
    result = measure(parser.parse_args().full)
    STORED.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(page())
    sys.exit(any(row["failed"] for row in result["rows"]))
