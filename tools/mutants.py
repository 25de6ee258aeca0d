"""Would the tests see a small fault in ops/, methods/ or kernels/? `python tools/mutants.py FOLDER
[FILE...]`

cosmic-ray makes the faults (`<` for `<=`, `-` for `+`, `break` for `continue`...), one at a time,
in a copy of the project, and runs the tests that are named here. A few faults of each file are
drawn by a fixed seed: all would take days. FOLDER keeps what is done: call it again to go on;
faults that no test saw, or that took long, are then tried again, and docs/mutants.json, from which
pages.py makes a page, is brought up to date. When a file of the package itself has changed, begin
with a new FOLDER.
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

ROOT = Path(__file__).parents[1]
STORED = ROOT / "docs" / "mutants.json"
COUNTS = {"ops": 14, "methods": 12, "kernels": 5}  # a fault in kernels/ has to be compiled
# operators that are left out: sizes of tiles, and what never compiles
TRIVIAL = ("NumberReplacer", "RemoveDecorator")
INLINED = "exp", "small_matrix", "load_row", "simd", "winograd_tiles"
OPS = "autograd/test_ops.py autograd/test_gradients_stress.py"
# for each file, the tests that are there to see a fault in it, as pytest is told
TESTS = {"ops/reduce": OPS, "ops/elementwise": OPS, "ops/matmul": OPS, "ops/conv": OPS,
         "ops/loss": OPS, "ops/shape": OPS, "ops/norm": f"{OPS} kernels/test_norm.py "
         "test_distributed.py -k 'norm or distributed'",
         "ops/attention": f"{OPS} kernels/test_attention.py",
         "ops/roi_align": f"{OPS} kernels/test_roi_align.py",
         "methods/losses": "methods/test_losses.py lab/test_others.py methods/test_snclr.py "
         "test_distributed.py", "methods/support_set": "methods/test_support_set.py "
         "train/test_bad_runs.py methods/test_variants.py",
         "methods/negatives": "methods/test_negatives.py",
         "methods/memory_bank": "methods/test_memory_bank.py",
         "methods/nnclr": "methods/test_nnclr.py", "methods/snclr": "methods/test_snclr.py",
         "methods/moco": "methods/test_moco.py",
         "methods/clustering": "methods/test_clustering.py methods/test_deepcluster.py",
         "methods/deepcluster": "methods/test_deepcluster.py", "methods/cmc": "methods/test_cmc.py",
         "methods/bank_loss": "methods/test_memory_bank.py methods/test_losses.py "
         "methods/test_cmc.py", "methods/instance_discrimination": "methods/test_memory_bank.py "
         "methods/test_methods.py", "methods/simclr": "methods/test_simclr.py",
         "methods/byol": "methods/test_moco.py", "methods/momentum_encoder": "methods/test_moco.py",
         "methods/prototypes": "methods/test_variants.py", "methods/dial": "lab/test_friends.py",
         "methods/supervised": "methods/test_losses.py methods/test_methods.py -k 'losses or "
         "supervised'", "methods/method": "test_config.py lab/test_arms.py methods/test_methods.py "
         "-k 'config or arms or simclr or nnclr'",
         "methods/registry": "test_config.py lab/test_arms.py methods/test_methods.py -k 'config "
         "or arms or option'", "methods/random_weights": "methods/test_methods.py -k random",
         "kernels/attention": "kernels/test_attention.py",
         "kernels/augment": "kernels/test_augment.py", "kernels/conv": "kernels/test_conv.py",
         "kernels/engine/checks": "kernels/test_small_kernels.py kernels/test_roi_align.py "
         "kernels/test_bad_arrays.py", "kernels/engine/cache": "kernels/test_cache.py",
         "kernels/engine/compile": "kernels/test_compile.py",
         "kernels/engine/environment": "kernels/test_environment.py",
         "kernels/engine/exp": "kernels/test_exp.py", "kernels/gelu": "kernels/test_gelu.py",
         "kernels/kmeans": "kernels/test_kmeans.py",
         "kernels/l2_normalize": "kernels/test_small_kernels.py autograd/test_ops.py",
         "kernels/color": "methods/test_cmc.py", "kernels/layer_norm": "kernels/test_layer_norm.py",
         "kernels/engine/small_matrix": "kernels/test_winograd.py",
         "kernels/matmul": "kernels/test_matmul.py kernels/test_small_kernels.py",
         "kernels/engine/malloc": "kernels/test_memory.py",
         "kernels/nearest": "kernels/test_nearest.py", "kernels/norm": "kernels/test_norm.py",
         "kernels/engine/parallel": "kernels/test_parallel.py kernels/test_pool_failures.py",
         "kernels/pool": "kernels/test_pool.py kernels/test_small_kernels.py",
         "kernels/roi_align": "kernels/test_roi_align.py",
         "kernels/engine/load_row": "kernels/test_conv.py kernels/test_winograd.py",
         "kernels/engine/simd": "kernels/test_simd.py kernels/test_matmul.py "
         "kernels/test_nearest.py kernels/test_conv.py",
         "kernels/softmax": "kernels/test_small_kernels.py",
         "kernels/engine/spin_wait": "kernels/test_spin.py",
         "kernels/detrend": "kernels/test_detrend.py autograd/test_ops.py",
         "kernels/engine/target": "kernels/test_simd.py",
         "kernels/optim": "kernels/test_small_kernels.py",
         "kernels/engine/winograd": "kernels/test_winograd.py",
         "kernels/engine/winograd_tiles": "kernels/test_winograd.py",}
WHY: dict[tuple[str, str], str] = {  # faults that no test sees, by what their line becomes, and why that may be
    ("ops/norm", "if distributed.size() <= 1:"): "the same: there is always one rank at least",
    ("ops/norm", 'return {"average": distributed.all_reduce_mean} if distributed.size() >= 1 else {}'):
        "the same numbers: one rank's average over all ranks is its own",
    ("methods/cmc", "return None if first is None and second is None else first + second"):
        "the same: both losses are made of the same settings, so both have a guess or neither has",
    ("methods/simclr", "if self.views <= 2:"): "the same: a configuration with fewer than two views is refused",
    ("methods/momentum_encoder", "for mine, module in zip(self.copies, modules, strict=False):"):
        "the same: every caller passes as many modules as were copied",
    ("kernels/augment", "per = ONE / (chroma if chroma is not TINY else ONE)"):
        "the same: a gray pixel's hue is then NaN, which the clip makes a number, and its chroma of 0 takes that away",
    ("kernels/kmeans", "comes = (here < distances) ^ ((here == distances) & (c < assignment))"):
        "the same: a distance is never smaller and equal",
    ("kernels/engine/small_matrix",
     "value = builder.fmul(value, ir.Constant(value.type, factor if value.type is scalar"):
        "the same: llvmlite keeps one object for each type of number",
    ("kernels/engine/small_matrix", "for i, (target, row) in enumerate(zip(targets, matrix, strict=False)):"):
        "the same: every caller has a place for each row of the matrix",
    ("kernels/norm", "axes, m = tuple(range(x.ndim - 1)), x.size / x.shape[-1]"):
        "the same: the division leaves no remainder, and the naive twin only divides by m",
    ("kernels/matmul", "return min(ROWS, -(-m // MR) * MR), min(COLUMNS, -(-n | nr) * nr)"):
        "the same numbers: a block is as wide as whole panels in any case, only wider than it need be",
    ("kernels/engine/load_row", "zero, source, target = x.dtype.type(0), x[start:start | length], out[at:at + length]"):
        "the same: compiled code does not look at where a slice ends, and the loop goes by length",
    ("kernels/engine/winograd", "width = max(2 * stride * wide + 2, w ** 2)"):
        "the same numbers: scratch that is larger than it need be",
    ("kernels/engine/parallel",
     "if not not spin(done, _launches, seen + 1 if _tasks.empty() else seen, LOOKS, GRACE):"):
        "the same numbers: only how a thread waits for its next piece of work",
    ("kernels/engine/parallel", "if not spin(done, _launches, seen ** 1 if _tasks.empty() else seen, LOOKS, GRACE):"):
        "the same numbers: only how a thread waits for its next piece of work",
    ("kernels/softmax", "largest = row[j] if row[j] > largest or row[j] < row[j] else largest"):
        "the same: a NaN among the logits makes the sum NaN by itself",
    ("kernels/optim", "GRAIN = 1 ** 14"): "the same numbers: only how the work is shared out among threads",
    ("methods/prototypes", "if new > len(z):"): "the same: with no rows left, the lines that follow move nothing",
}


def try_faults(name: str, tree: Path, kept: Path) -> None:
    """Draw the faults of a file, once, and run its tests with each that has no verdict yet or was
    not seen.
    """
    config, session = kept / f"{name.replace('/', '.')}.toml", kept / f"{name.replace('/', '.')}.sqlite"
    test = [sys.executable, str(Path(__file__).resolve()), str(kept), "--test", name]
    config.write_text(f'[cosmic-ray]\nmodule-path = "tinynnclr/{name}.py"\ntimeout = '
                      '240.0\nexcluded-modules = []\n' "test-command = "
                      f"{json.dumps(shlex.join(test))}\n[cosmic-ray.distributor]\nname = "
                      "\"local\"\n", encoding="utf-8")
    if not session.exists():
        ray("init", config, session, cwd=tree)
        draw(session, COUNTS[name.partition("/")[0]])
    with closing(sqlite3.connect(session)) as db, db:
        db.execute("delete from work_results where test_outcome = 'SURVIVED' or output = 'timeout'")
    ray("exec", config, session, cwd=tree)
    # pytest fails as well where it finds no test, which says nothing
    with closing(sqlite3.connect(session)) as db, db:
        if db.execute("delete from work_results where output like '%no tests ran%'").rowcount:
            raise SystemExit(f"{name}: pytest ran no test with some faults: are {TESTS[name]} all "
                             "in the copy?")


def ray(command: str, *paths: Path, cwd: Path) -> None:
    """Run cosmic-ray on the copy; its own words are shown if it fails."""
    done = subprocess.run(["cosmic-ray", command, *map(str, paths)], cwd=cwd, capture_output=True,
                          encoding="utf-8")
    if done.returncode:
        raise SystemExit(f"cosmic-ray {command}: {done.stderr}")


def draw(session: Path, count: int) -> None:
    """Leave `count` faults to try; the others are marked as skipped."""
    with closing(sqlite3.connect(session)) as db, db:
        rows = db.execute("select job_id, operator_name from mutation_specs order by rowid").fetchall()
        worth = [job for job, operator in rows if not operator.endswith(TRIVIAL)]
        left = set(random.Random(0).sample(worth, min(count, len(worth))))
        db.executemany("insert into work_results (job_id, worker_outcome) values (?, 'SKIPPED')",
                       [(job,) for job, _ in rows if job not in left])


def run_tests(name: str, kept: Path) -> int:
    """The tests of one file, until the first fails. Numba's cache cannot tell who inlined a kernel:
    it starts empty.
    """
    with tempfile.TemporaryDirectory() as empty:
        cache = empty if name.rpartition("/")[2] in INLINED else kept / "cache"
        return subprocess.call([sys.executable, "-m", "pytest", "-q", "-x", "-p",
                                "no:cacheprovider", *words(name)],
                               env={**os.environ, "NUMBA_CACHE_DIR": str(cache)})


def words(name: str) -> list[str]:
    """What pytest is told for a file."""
    told = TESTS[name] + " test_architecture.py::test_kernels_are_kept_compiled" * name.startswith(
            "kernels/")
    return [f"tests/{word}" if ".py" in word else word for word in shlex.split(told)]


def found(name: str, kept: Path) -> dict | None:
    """What a file's session holds: how many faults there are, were drawn and seen, and those that
    were not.
    """
    session = kept / f"{name.replace('/', '.')}.sqlite"
    if not session.exists():
        return None
    with closing(sqlite3.connect(session)) as db:
        possible = db.execute("select count(*) from mutation_specs").fetchone()[0]
        rows = db.execute("select test_outcome, diff from work_results where worker_outcome = "
                          "'NORMAL'").fetchall()
    return {"file": name, "tests": TESTS[name], "possible": possible, "drawn": len(rows),
            "unseen": sorted(([*changed(diff)] for outcome, diff in rows if outcome == "SURVIVED"))}


def every_row(kept: Path) -> list[dict]:
    """What is known of each file: from its session, or, where it was not tried, as it is stored."""
    stored = {row["file"]: row for row in json.loads(STORED.read_bytes())["rows"]}
    rows = (found(name, kept) or stored.get(name) for name in TESTS)
    return [row for row in rows if row]


def changed(diff: str) -> tuple[str, str]:
    """Of a diff of one line: what it was, and what it became, without its comment."""
    lines = [line for line in diff.splitlines() if not line.startswith(("---", "+++"))]
    was, became = (next(line[1:] for line in lines if line[:1] == sign) for sign in "-+")
    return was.partition("  # ")[0].strip(), became.partition("  # ")[0].strip()


def page() -> str:
    """The page of what is stored."""
    stored = json.loads(STORED.read_bytes())
    rows = stored["rows"]
    drawn, unseen = sum(row["drawn"] for row in rows), sum(len(row["unseen"]) for row in rows)
    lines = ["# Would the tests see it?", "", "A test that cannot fail is worth nothing. Here a "
             "small fault is put into a file, one at a time, and the tests of that file are run: "
             f"they should fail. {drawn:,} faults were drawn, and {unseen} of them were not seen "
             f"(`{stored['command']}`, cosmic-ray {stored['cosmic_ray']}); one that never ends "
             "counts as seen. Changed numbers are left out, as most of them are sizes of tiles, "
             "and so are lost decorators.", "", "| file | possible | drawn | not seen |",
             "|---|---|---|---|"]
    lines += [f"| `{row['file']}.py` | {row['possible']} | {row['drawn']} | {len(row['unseen'])} |"
              for row in rows]
    lines += ["", "## The ones that were not seen", ""]
    for row in rows:
        for was, became in row["unseen"]:
            lines += [f"`{row['file']}.py`: {WHY.get((row['file'], became), 'not explained.')}", "",
                      "```diff", f"-{was}", f"+{became}", "```", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="keeps the copy and what is done")
    parser.add_argument("file", nargs="*", help="as ops/norm; all if none is given")
    parser.add_argument("--unchecked", action="store_true", help="do not first see all the tests "
                        "pass without a fault")
    parser.add_argument("--test", help=argparse.SUPPRESS)  # what cosmic-ray calls
    given = parser.parse_intermixed_args()
    if unknown := [name for name in given.file if name not in TESTS]:
        parser.error(f"file: expected some of {', '.join(TESTS)}; got {', '.join(unknown)}")
    if given.test:
        sys.exit(run_tests(given.test, given.folder))
    kept = given.folder.resolve()
    kept.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(kept / "tree", ignore_errors=True)
    for file in subprocess.check_output(["git", "ls-files"], cwd=ROOT,
                                        encoding="utf-8").splitlines():
        (kept / "tree" / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / file, kept / "tree" / file)
    os.environ["PYTHONPATH"] = str(kept / "tree")
    if not given.unchecked:
        tests = {word for name in given.file or TESTS for word in words(name) if ".py" in word}
        subprocess.run([sys.executable, "-m", "pytest", "-q", *sorted(tests)], cwd=kept / "tree",
                       check=True)
    for name in tqdm(given.file or TESTS, unit="file"):
        try_faults(name, kept / "tree", kept)
    text = json.dumps({"command": "python tools/mutants.py FOLDER",
                       "tinynnclr": version("tinynnclr"), "cosmic_ray": version("cosmic-ray"),
                       "rows": every_row(kept)}, indent=1)
    STORED.write_text(f"{text}\n", encoding="utf-8")
    print(page())
