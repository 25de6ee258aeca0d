"""Mutation testing of ops/, methods/ and kernels/: `python tools/mutants.py FOLDER [FILE...]`.

cosmic-ray makes small faults (`<` for `<=`, `-` for `+`, `break` for `continue`...), one at a time,
in a copy of the project, and runs the tests of the changed file. A few faults of each file are
drawn with a fixed seed, because all would take days. FOLDER keeps the results: call it again to
resume. Faults that no test detected, or that took long, are then tried again, and
docs/mutants.json, which pages.py makes a page of, is updated. There, each fault that no test
detects needs a "reason". When a file of the package has changed, begin with a new FOLDER.
"""
import argparse
import json
import os
import random
import shlex
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

from tqdm import tqdm

from tinynnclr.storage.text_tables import markdown_table

ROOT = Path(__file__).parents[1]
STORED = ROOT / "docs" / "mutants.json"
COUNTS = {"ops": 14, "methods": 12, "kernels": 5}  # faults of each file; kernels must be compiled
FILES = sorted(path.relative_to(ROOT / "tinynnclr").with_suffix("").as_posix()
               for folder in COUNTS for path in (ROOT / "tinynnclr" / folder).rglob("*.py")
               if path.name != "__init__.py")
# operators that are left out: sizes of tiles, and code that never compiles
TRIVIAL = ("NumberReplacer", "RemoveDecorator")
INLINED = "exp", "small_matrix", "load_row", "simd", "winograd_tiles"
OPS = "autograd/test_ops.py autograd/test_gradients_stress.py"
# pytest's arguments for files whose tests are not FOLDER/test_NAME.py
TESTS = {
    **dict.fromkeys((f"ops/{name}" for name in ("reduce", "elementwise", "matmul", "conv", "loss",
                                                "shape")), OPS),
    "ops/norm": f"{OPS} kernels/test_norm.py test_distributed.py -k 'norm or distributed'",
    "ops/attention": f"{OPS} kernels/test_attention.py",
    "ops/roi_align": f"{OPS} kernels/test_roi_align.py",
    "methods/losses": "methods/test_losses.py methods/test_snclr.py test_distributed.py",
    "methods/support_set": "methods/test_support_set.py train/test_bad_runs.py "
                           "methods/test_variants.py",
    "methods/clustering": "methods/test_clustering.py methods/test_deepcluster.py",
    "methods/bank_loss": "methods/test_memory_bank.py methods/test_losses.py methods/test_cmc.py",
    "methods/instance_discrimination": "methods/test_memory_bank.py methods/test_methods.py",
    "methods/byol": "methods/test_moco.py",
    "methods/momentum_encoder": "methods/test_moco.py",
    "methods/oracle_nnclr": "methods/test_oracle.py",
    "methods/feature_nnclr": "methods/test_feature_nnclr.py",
    "methods/nnclr": "methods/test_nnclr.py methods/test_variants.py",
    "methods/supervised": "methods/test_losses.py methods/test_methods.py -k 'losses or "
                          "supervised'",
    "methods/method": "test_config.py lab/test_arms.py methods/test_methods.py -k 'config or arms "
                      "or simclr or nnclr'",
    "methods/registry": "test_config.py lab/test_arms.py methods/test_methods.py -k 'config or "
                        "arms or option'",
    "methods/random_weights": "methods/test_methods.py -k random",
    "kernels/engine/checks": "kernels/test_small_kernels.py kernels/test_roi_align.py "
                             "kernels/test_bad_arrays.py",
    "kernels/l2_normalize": "kernels/test_small_kernels.py autograd/test_ops.py",
    "kernels/color": "methods/test_cmc.py",
    "kernels/engine/small_matrix": "kernels/test_winograd.py",
    "kernels/matmul": "kernels/test_matmul.py kernels/test_small_kernels.py",
    "kernels/engine/malloc": "kernels/test_memory.py",
    "kernels/engine/parallel": "kernels/test_parallel.py kernels/test_pool_failures.py",
    "kernels/pool": "kernels/test_pool.py kernels/test_small_kernels.py",
    "kernels/engine/load_row": "kernels/test_conv.py kernels/test_winograd.py",
    "kernels/engine/simd": "kernels/test_simd.py kernels/test_matmul.py kernels/test_nearest.py "
                           "kernels/test_conv.py",
    "kernels/softmax": "kernels/test_small_kernels.py",
    "kernels/engine/spin_wait": "kernels/test_spin.py",
    "kernels/detrend": "kernels/test_detrend.py autograd/test_ops.py",
    "kernels/engine/target": "kernels/test_simd.py",
    "kernels/optim": "kernels/test_small_kernels.py",
    "kernels/engine/winograd_tiles": "kernels/test_winograd.py"}


def tests_of(name: str) -> str:
    """pytest's arguments for a file such as "ops/norm", with paths in tests/."""
    return TESTS.get(name, f"{name.partition('/')[0]}/test_{name.rpartition('/')[2]}.py")


def pytest_words(name: str) -> list[str]:
    """pytest's arguments for a file, as paths in the project."""
    text = tests_of(name)
    if name.startswith("kernels/"):
        text += " test_architecture.py::test_kernels_are_kept_compiled"
    return [f"tests/{word}" if ".py" in word else word for word in shlex.split(text)]


def try_faults(name: str, tree: Path, folder: Path) -> None:
    """Draw the faults of a file, once, and run its tests with each that was not detected yet."""
    config = folder / f"{name.replace('/', '.')}.toml"
    session = session_of(name, folder)
    test = [sys.executable, str(Path(__file__).resolve()), str(folder), "--test", name]
    config.write_text(f'[cosmic-ray]\nmodule-path = "tinynnclr/{name}.py"\ntimeout = 240.0\n'
                      f'excluded-modules = []\ntest-command = {json.dumps(shlex.join(test))}\n'
                      '[cosmic-ray.distributor]\nname = "local"\n', encoding="utf-8")
    if not session.exists():
        cosmic_ray("init", config, session, cwd=tree)
        draw(session, COUNTS[name.partition("/")[0]])
    with closing(sqlite3.connect(session)) as db, db:
        db.execute("delete from work_results where test_outcome = 'SURVIVED' or output = 'timeout'")
    cosmic_ray("exec", config, session, cwd=tree)
    # pytest fails as well where it finds no test, which means nothing
    with closing(sqlite3.connect(session)) as db, db:
        if db.execute("delete from work_results where output like '%no tests ran%'").rowcount:
            raise SystemExit(f"{name}: pytest ran no test with some faults: are {tests_of(name)} "
                             "all in the copy?")


def session_of(name: str, folder: Path) -> Path:
    """cosmic-ray's database for a file."""
    return folder / f"{name.replace('/', '.')}.sqlite"


def cosmic_ray(command: str, *paths: Path, cwd: Path) -> None:
    """Run cosmic-ray on the copy; on failure, exit with its message."""
    done = subprocess.run(["cosmic-ray", command, *map(str, paths)], cwd=cwd, capture_output=True,
                          encoding="utf-8")
    if done.returncode:
        raise SystemExit(f"cosmic-ray {command}: {done.stderr}")


def draw(session: Path, count: int) -> None:
    """Choose `count` faults to try; the others are marked as skipped."""
    with closing(sqlite3.connect(session)) as db, db:
        rows = db.execute("select job_id, operator_name from mutation_specs "
                          "order by rowid").fetchall()
        jobs = [job for job, operator in rows if not operator.endswith(TRIVIAL)]
        chosen = set(random.Random(0).sample(jobs, min(count, len(jobs))))
        db.executemany("insert into work_results (job_id, worker_outcome) values (?, 'SKIPPED')",
                       [(job,) for job, _ in rows if job not in chosen])


def run_tests(name: str, folder: Path) -> int:
    """Run the tests of one file until the first fails.

    If other kernels inline this file, Numba's cache does not notice a change: it starts empty.
    """
    with tempfile.TemporaryDirectory() as empty:
        cache = empty if name.rpartition("/")[2] in INLINED else folder / "cache"
        return subprocess.call([sys.executable, "-m", "pytest", "-q", "-x", "-p",
                                "no:cacheprovider", *pytest_words(name)],
                               env={**os.environ, "NUMBA_CACHE_DIR": str(cache)})


def read_session(name: str, folder: Path) -> dict | None:
    """A file's results: how many faults are possible, were drawn, and were not detected."""
    session = session_of(name, folder)
    if not session.exists():
        return None
    with closing(sqlite3.connect(session)) as db:
        possible = db.execute("select count(*) from mutation_specs").fetchone()[0]
        rows = db.execute("select test_outcome, diff from work_results where worker_outcome = "
                          "'NORMAL'").fetchall()
    survivors = sorted(changed(diff) for outcome, diff in rows if outcome == "SURVIVED")
    return {"file": name, "tests": tests_of(name), "possible": possible, "drawn": len(rows),
            "unseen": [{"before": before, "after": after, "reason": ""}
                       for before, after in survivors]}


def every_row(folder: Path) -> list[dict]:
    """The results of each file: from its session, with stored reasons, or as they are stored."""
    stored = {row["file"]: row for row in json.loads(STORED.read_bytes())["rows"]}
    reasons = {(name, fault["after"]): fault["reason"] for name, row in stored.items()
               for fault in row["unseen"]}
    rows = [row for name in FILES if (row := read_session(name, folder) or stored.get(name))]
    for row in rows:
        for fault in row["unseen"]:
            fault["reason"] = reasons.get((row["file"], fault["after"]), "")
    return rows


def changed(diff: str) -> tuple[str, str]:
    """The line before and after, without its comment, in a diff of one line."""
    lines = [line for line in diff.splitlines() if not line.startswith(("---", "+++"))]
    before, after = (next(line[1:] for line in lines if line[:1] == sign) for sign in "-+")
    return before.partition("  # ")[0].strip(), after.partition("  # ")[0].strip()


def page() -> str:
    """The page of the stored results."""
    stored = json.loads(STORED.read_bytes())
    rows = stored["rows"]
    drawn = sum(row["drawn"] for row in rows)
    unseen = sum(len(row["unseen"]) for row in rows)
    text = (f"The tests of a file should fail when the file has a fault. {drawn:,} small faults "
            f"were made, one at a time, and the tests did not detect {unseen} of them "
            f"(`{stored['command']}`, cosmic-ray {stored['cosmic_ray']}). A fault that makes a "
            "test run forever counts as detected. Changed numbers are left out, because most of "
            "them are sizes of tiles, and so are removed decorators.")
    table = markdown_table(["file", "possible", "drawn", "not detected"],
                           [[f"`{row['file']}.py`", row["possible"], row["drawn"],
                             len(row["unseen"])] for row in rows])
    parts = ["# Mutation testing", text, table, "## Faults that were not detected"]
    for row in rows:
        for fault in row["unseen"]:
            parts += [f"`{row['file']}.py`: {fault['reason'] or 'not explained.'}",
                      f"```diff\n-{fault['before']}\n+{fault['after']}\n```"]
    return "\n\n".join(parts) + "\n"


def copy_project(folder: Path) -> Path:
    """A fresh copy of the project's files in folder/tree, first on Python's path."""
    tree = folder / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    for file in subprocess.check_output(["git", "ls-files"], cwd=ROOT,
                                        encoding="utf-8").splitlines():
        (tree / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / file, tree / file)
    os.environ["PYTHONPATH"] = str(tree)
    return tree


def main() -> None:
    """The command in the first line of this file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="keeps the copy and the results")
    parser.add_argument("file", nargs="*", help="such as ops/norm; all if none is given")
    parser.add_argument("--unchecked", action="store_true",
                        help="do not first run all the tests without a fault")
    parser.add_argument("--test", help=argparse.SUPPRESS)  # what cosmic-ray calls
    options = parser.parse_intermixed_args()
    if unknown := [name for name in options.file if name not in FILES]:
        parser.error(f"file: expected some of {', '.join(FILES)}; got {', '.join(unknown)}")
    if options.test:
        sys.exit(run_tests(options.test, options.folder))
    folder = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    tree = copy_project(folder)
    if not options.unchecked:
        tests = {word for name in options.file or FILES for word in pytest_words(name)
                 if ".py" in word}
        subprocess.run([sys.executable, "-m", "pytest", "-q", *sorted(tests)], cwd=tree, check=True)
    for name in tqdm(options.file or FILES, unit="file"):
        try_faults(name, tree, folder)
    text = json.dumps({"command": "python tools/mutants.py FOLDER",
                       "tinynnclr": version("tinynnclr"), "cosmic_ray": version("cosmic-ray"),
                       "rows": every_row(folder)}, indent=1)
    STORED.write_text(f"{text}\n", encoding="utf-8")
    print(page())


if __name__ == "__main__":
    main()
