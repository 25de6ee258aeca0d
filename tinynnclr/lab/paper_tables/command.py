"""Make a table: find or train its runs, judge them, and leave CSV, Markdown and a picture:
`tinynnclr reproduce`.
"""
import sys
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from ... import kernels
from ...config import Config
from ...evaluate import protocol as judging
from ...methods.registry import USUAL, make_config, suited
from ...storage.atomic import expect_ours, write_text
from ...storage.messages import nearest, shell_words
from ...train import run_dir
from ...train.run import Run
from ..sweep.comparison import Job
from .neighbor_precision import FRIENDS, answer, elsewhere
from .page import CEILING, csv_text, markdown, paired_rows
from .store import Store
from .table import Arm, Cells, Table
from .tables import tables


class Budget(NamedTuple):
    """How much a table may cost: options for all runs, and how many test images judge them (None:
    all).
    """

    meaning: str
    options: dict[str, Any]
    tests: int | None = None


BUDGETS = {"small": Budget("toybox, 5,000 images, 8 epochs: minutes",
                           {"dataset": "toybox", "train_size": 5000, "queue_size": 1024,
                            "epochs": 8}), "medium": Budget("CIFAR-10, 15 epochs: a night",
                                                            {"dataset": "cifar10",
                                                             "augmentation": "simclr",
                                                             "detrend": False, "epochs": 15}),
           "tiny": Budget("a smoke test of seconds, whose numbers mean nothing",
                          {"dataset": "toybox", "train_size": 320, "queue_size": 64, "epochs": 2,
                           "width": 2, "batch_size": 32, "dim": 8, "projector_hidden": 16,
                           "predictor_hidden": 12, "bank_negatives": 64, "pca": 8, "clusters": 10,
                           "view_size": 16}, 200),}


def images_of(budget: Budget) -> int:
    """How many training images a budget's runs see."""
    return budget.options.get("train_size", 50_000)


def shortened(budget: Budget, epochs: int | None) -> Budget:
    """The budget with so many epochs instead of its own; None leaves it."""
    return budget if epochs is None else budget._replace(options={**budget.options,
                                                                  "epochs": epochs})


def tables_of(budget: str) -> dict[str, Table]:
    """The tables at a budget."""
    options = BUDGETS[budget].options
    return tables(images_of(BUDGETS[budget]), options.get("batch_size", Config.batch_size),
                  options["dataset"])


def parse_tables(text: str, budget: str) -> list[Table]:
    """The tables that a command names, with commas between, or all. Raises ValueError for an
    unknown one.
    """
    known = tables_of(budget)
    names = [word.strip() for word in text.split(",")]
    for name in names:
        if name not in known and name != "all":
            raise ValueError(f"TABLE: expected all or some of {', '.join(known)}; got "
                             f"{name!r}{nearest(name, known)}")
    return [known[name] for name in dict.fromkeys(n for word in names for n
                                                  in (known if word == "all" else [word]))]


def plan(table: Table, budget: Budget, seeds: list[int], given: dict[str, Any],
         store: Store) -> list[Job]:
    """Every arm with the first seed, then with the next: a table that is stopped is a fair one,
    too.
    """
    arms = [*table.arms]
    if not any(arm.name == CEILING for arm in arms):
        arms.append(Arm(CEILING, {"method": "supervised"}))
    jobs = []
    for i, seed in enumerate(seeds):
        for arm in arms:
            if arm.seeds is None or i < arm.seeds:
                shared = suited({**given, **budget.options, **table.options}, arm.options["method"])
                config = make_config({**shared, **arm.options, "seed": seed})
                jobs.append(store.job(arm.name, config))
    return jobs


def reproduce(table: Table, budget: str, seeds: list[int], given: dict[str, Any], out: Path,
              runs: Path | None = None) -> list[Path]:
    """Make one table into the folder out; its runs go to out/runs, or to `runs`. Returns the files
    made.

    Goes on where it was stopped. Raises ValueError for a mistake, KeyboardInterrupt after Ctrl-C,
    when all is saved.
    """
    expect_free(out, table.name, budget)
    setting = shortened(BUDGETS[budget], given.get("epochs"))
    kernels.set_num_threads(given.get("threads") or kernels.get_num_threads())
    store = Store(runs or out / "runs", setting.tests)
    store.data(make_config(suited({**given, **setting.options}, USUAL)))
    run_dir.open_dir(store.folder)
    jobs = plan(table, setting, seeds, given, store)
    for job in {job.arm: job for job in jobs}.values():
        Run(job.config, store.data(job.config)[0])  # a mistake shows now
    cells: dict[tuple[str, int], dict[str, float]] = {}
    rows: list[dict] = []
    failed: list[str] = []
    done = [store.steps_done(job) for job in jobs]
    with tqdm(total=sum(store.steps(job.config) for job in jobs), initial=sum(done), unit="step",
              disable=None, desc=table.name, dynamic_ncols=True, smoothing=0.02) as bar:
        for i, job in enumerate(jobs):
            bar.set_postfix_str(f"run {i + 1} of {len(jobs)}: {job}")
            try:
                cells[job.arm, job.config.seed] = store.measured(job, bar.update)
                if table.protocol and job.arm in {arm.name for arm in table.arms}:
                    rows += [{"arm": job.arm, "seed": str(job.config.seed), **row} for row
                             in store.finding(job, table.protocol, job.arm == table.arms[0].name)]
            except FloatingPointError as error:
                failed.append(f"{job} failed: {' '.join(str(error).split())}.")
                tqdm.write(failed[-1], file=sys.stderr)
    if table.protocol:
        cells = paired_rows(rows, table.focus)
    return write(table, budget, cells, rows, store, jobs, failed, out, seeds)


def expect_free(out: Path, name: str, budget: str) -> None:
    """Raise ValueError if a file that this command did not write would be overwritten."""
    expect_ours([out / f"{name}-{budget}.{ending}" for ending in ("csv", "md", "png")],
                lambda path: path.read_text(encoding="utf-8").startswith("table,budget,"),
                "--out ")


def write(table: Table, budget: str, cells: Cells, rows: list[dict], store: Store, jobs: list[Job],
          failed: list[str], out: Path, seeds: list[int]) -> list[Path]:
    """TABLE-BUDGET.csv, .md and .png in the folder out."""
    # matplotlib takes a second to import
    from .picture import draw_findings, draw_friends, draw_table

    config = jobs[0].config
    images = len(store.data(config)[0])
    title = (f"{config.dataset}, {images} training images, {config.encoder} of width "
             f"{config.width}, {config.epochs} epoch{'s' * (config.epochs > 1)}, {len(seeds)} "
             f"seeds (budget {budget})")
    command = ["tinynnclr", "reproduce", table.name, "--budget", budget, "--seeds",
               ",".join(map(str, seeds))]
    if config.epochs != BUDGETS[budget].options["epochs"]:
        command += ["--epochs", str(config.epochs)]
    if "toybox" not in config.dataset or table.protocol == "transfer":
        command += ["--data-dir", "DIR"]
    whole = [job for job in jobs if (job.arm, job.config.seed) in cells]
    if not whole:
        raise ValueError(f"{table.name}: no run came through: {' '.join(failed)}")
    rules = store.rules(whole[0], table.protocol) if table.protocol else _rules(config, store)
    steps = {job.arm: store.steps(job.config) for job in jobs}
    run_dir.open_dir(out)
    expect_free(out, table.name, budget)
    base, lent, notes = out / f"{table.name}-{budget}", {}, failed
    if table.name == FRIENDS:
        lent = elsewhere({str(other.options["dataset"]): out / f"{table.name}-{name}.csv"
                          for name, other in BUDGETS.items() if name not in (budget, "tiny")})
        notes = [answer(cells, lent), *failed]
    write_text(base.with_suffix(".csv"), csv_text(table, cells, rows, budget, steps))
    page = markdown(table, cells, rows, title, rules, shell_words(*command), notes)
    write_text(base.with_suffix(".md"), page)
    path = base.with_suffix(".png")
    if table.protocol:
        draw_findings(table, rows, path, title)
    elif table.name == FRIENDS:
        draw_friends(table, cells, lent, path, title)
    else:
        draw_table(table, cells, path, title, images)
    return [base.with_suffix(ending) for ending in (".csv", ".md", ".png")]


def _rules(config, store):
    rules = judging(config, *store.data(config))
    return (f"Features: {rules['features']}, fitted on {rules['fitted_on']}, measured on "
            f"{rules['measured_on']}; {rules['selection']}. kNN: {rules['knn']}. Linear: "
            f"{rules['linear']}. Chance: {rules['chance']:.1%}.")
