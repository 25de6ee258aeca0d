"""`tinynnclr reproduce`: make a table from its runs, which are trained if they are missing."""
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ...config import Config
from ...methods.registry import applicable
from ...storage.atomic import expect_ours, write_text
from ...storage.messages import shell_words
from ...storage.text_tables import csv_text
from ...train import run_dir
from ..protocols.context import Row
from ..provenance import stamp
from ..registry import parse_names
from ..sweep.arms import Arm
from ..sweep.jobs import WHERE, plan
from ..sweep.report import UPPER_BOUND, csv_rows, page, protocol_text, runs_of
from ..sweep.sweep import Sweep, flags_of
from .neighbor_map import NAME, points, stored_groups
from .page import draw, mean_accuracies, parts
from .runs import key, nmi_with_classes, protocol_result
from .table import Table
from .tables import tables


class Budget(NamedTuple):
    """How much a table may cost: options of all runs, and the number of test images (None: all)."""

    meaning: str
    options: dict[str, Any]
    tests: int | None = None


BUDGETS = {
    "default": Budget("toybox, 5,000 images, 950 steps: what `tinynnclr train` does",
                      {"dataset": "toybox", "train_size": 5000, "queue_size": 2048, "epochs": 50}),
    "small": Budget("toybox, 1,000 images, 900 steps: 2 minutes a run",
                    {"dataset": "toybox", "train_size": 1000, "queue_size": 500, "epochs": 300}),
    "medium": Budget("toybox, 2,000 images, 1,050 steps",
                     {"dataset": "toybox", "train_size": 2000, "queue_size": 1000, "epochs": 150}),
    "large": Budget("toybox, 20,000 images, 1,872 steps, neighbours from a quarter of them",
                    {"dataset": "toybox", "train_size": 20000, "queue_size": 4096, "epochs": 24,
                     "neighbors_after": 0.25}),
    "cifar10": Budget("CIFAR-10, 50,000 images, 40 epochs, 7,800 steps: half an hour a run",
                      {"dataset": "cifar10", "train_size": 50000, "augmentation": "simclr",
                       "detrend": False, "temperature": 0.1, "lr": 0.48, "queue_size": 16384,
                       "epochs": 40}),
    "tiny": Budget("a test that takes seconds; its numbers mean nothing",
                   {"dataset": "toybox", "train_size": 320, "queue_size": 64, "epochs": 2,
                    "width": 2, "batch_size": 32, "dim": 8, "projector_hidden": 16,
                    "predictor_hidden": 12, "bank_negatives": 64, "pca": 8, "clusters": 10,
                    "view_size": 16}, 200)}


def tables_of(budget: str) -> dict[str, Table]:
    """The tables at a budget."""
    options = BUDGETS[budget].options
    return tables(options["train_size"], options.get("batch_size", Config.batch_size))


def parse_tables(text: str, budget: str, arms: str | None = None) -> list[Table]:
    """The tables in "linear,top-k"; "all" is every one. Raises ValueError for an unknown name.

    arms: "nnclr,simclr", the arms of these tables to make; None: all.
    """
    known = tables_of(budget)
    chosen = [known[name] for name in parse_names(text, known, "TABLE")]
    if arms is None:
        return chosen
    return [table.only(parse_names(arms, [arm.name for arm in table.arms], "--arms"))
            for table in chosen]


def reproduce(table: Table, budget: str, seeds: Sequence[int], given: dict[str, Any], out: Path,
              runs: Path | None = None) -> list[Path]:
    """Make a table in the folder out, from runs in `runs` (out/runs); returns the files' paths.

    given: "epochs", "threads" and "data_dir" for all runs. Raises ValueError for a mistake; on
    Ctrl-C, SystemExit(130): the same call resumes.
    """
    base = out / f"{table.name}-{budget}"
    expect_free(base)
    folder = runs or out / "runs"
    options = {**BUDGETS[budget].options, **given}
    arms = [*table.arms]
    if not any(arm.name == UPPER_BOUND for arm in arms):
        arms.append(Arm(UPPER_BOUND, {"method": "supervised"}, seeds=1))
    options = {name: value for name, value in options.items()
               if any(name in applicable(options, arm.options["method"]) for arm in arms)}
    jobs = plan(arms, seeds, options, lambda _, config: folder / key(config))
    resume = shell_words(*command_line(table, budget, seeds, given), "--out", out)
    sweep = Sweep(jobs, folder, resume, BUDGETS[budget].tests)
    sweep.check()
    run_dir.open_dir(folder)
    with sweep.resumable():
        sweep.train()
        if not sweep.done:
            raise ValueError(f"{table.name}: no run was completed: {' '.join(sweep.notes())}")
        results, rows, method = measure(table, sweep)
    run_dir.open_dir(out)
    expect_free(base)
    published = {name: value for name, value in given.items() if name not in WHERE}
    if table.protocol == "transfer":  # other sets than the toybox, where they are
        published["data_dir"] = "DIR"
    command = shell_words(*command_line(table, budget, seeds, published))
    return write(table, budget, sweep, results, rows, method, command, base)


def measure(table: Table, sweep: Sweep) -> tuple[list[dict], list[Row], str]:
    """(results, rows of the table's protocol, how they were measured) of the runs that are done."""
    if table.protocol:
        rows: list[Row] = []
        names = {arm.name for arm in table.arms}
        jobs = [job for job in sweep.jobs if job in sweep.done and job.arm in names]
        for job in jobs:
            result = protocol_result(job, sweep.data_of(job.config), table.protocol,
                                     baselines=job.arm == table.arms[0].name)
            rows += [{"arm": job.arm, "seed": str(job.config.seed), **row}
                     for row in result["rows"]]
        return sweep.results, rows, result["description"]
    if "nmi with classes" in table.measures:
        for job, result in sweep.done.items():
            if job.config.method == "deepcluster":
                nmi = nmi_with_classes(job, sweep.data_of(job.config))
                result["over_epochs"]["nmi with classes"] = nmi
    return sweep.results, [], protocol_text(sweep.results[0]["protocol"])


def write(table: Table, budget: str, sweep: Sweep, results: list[dict], rows: list[Row],
          method: str, command: str, base: Path) -> list[Path]:
    """TABLE-BUDGET.csv, .md and .png of what was measured."""
    config = sweep.jobs[0].config
    images = len(sweep.data_of(config)[0])
    runs = mean_accuracies(rows, table.focus) if rows else runs_of(results)
    map_points = points(runs, stored_groups(base.parent)) if table.name == NAME else None
    lines = [{**row, **stamp()} for row in rows] if rows else csv_rows(results)
    write_text(base.with_suffix(".csv"),
               csv_text([{"table": table.name, "budget": budget, **line} for line in lines]))
    title = describe(config, images, len({job.config.seed for job in sweep.jobs}), budget)
    write_text(base.with_suffix(".md"),
               page(f"{table.name}: {table.question}",
                    [title, *parts(table, runs, rows, map_points), *sweep.notes()], method,
                    stamp(), command))
    draw(table, runs, rows, map_points, base.with_suffix(".png"), title, images)
    return [base.with_suffix(ending) for ending in (".csv", ".md", ".png")]


def describe(config: Config, images: int, seeds: int, budget: str) -> str:
    """Data, encoder, length and seeds, in a line."""
    return (f"{config.dataset}, {images} training images, {config.encoder} of width "
            f"{config.width}, {config.epochs} epoch{'' if config.epochs == 1 else 's'}, {seeds} "
            f"seeds (budget {budget})")


def command_line(table: Table, budget: str, seeds: Sequence[int],
                 given: dict[str, Any]) -> list[str]:
    """The words of the command that makes a table."""
    changed = {name: value for name, value in given.items()
               if value != BUDGETS[budget].options.get(name)}
    names = [arm.name for arm in table.arms]
    arms = [] if len(names) == len(tables_of(budget)[table.name].arms) else [
        "--arms", ",".join(names)]
    return ["tinynnclr", "reproduce", table.name, "--budget", budget, "--seeds",
            ",".join(map(str, seeds)), *arms, *flags_of(changed)]


def expect_free(base: Path) -> None:
    """Raise ValueError if a file that this command did not write would be overwritten."""
    expect_ours([base.with_suffix(ending) for ending in (".csv", ".md", ".png")],
                lambda path: path.read_text(encoding="utf-8").startswith("table,budget,"),
                "--out ")
