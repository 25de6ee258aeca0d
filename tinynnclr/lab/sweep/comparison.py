"""A comparison: arms x seeds, each trained and judged once in a folder of its own; stopped, it goes
on where it was.
"""
import csv
import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from ... import kernels
from ...config import Config
from ...datasets.dataset import Dataset, expect_same_data
from ...datasets.dataset import digests as data_digests
from ...evaluate import evaluate_into, read_result
from ...methods.registry import flag_names, make_config, options_of, owners, suited
from ...metrics.confidence import mean_and_interval
from ...storage import checkpoint
from ...storage.atomic import HeldOpen, expect_ours, rows_with, write_text
from ...storage.folder_lock import lock_folder
from ...storage.messages import shell_words
from ...train import run_dir
from ...train.run import Run
from ...train.run_dir import CHECKPOINT, METRICS
from ..provenance import stamped
from .arms import parse_arm, parse_arms, parse_seeds
from .baseline_cache import FloorCache
from .report import csv_table, markdown, summary, title

OUTPUTS = ("compare.json", "compare.md", "compare.csv", "compare.png")
Data = tuple[Dataset, Dataset]
WHERE = ("data_dir", "threads")  # options that change no result


@dataclass(frozen=True)
class Job:
    """One run of a comparison: an arm with a seed, and the folder it has."""

    arm: str
    config: Config
    folder: Path

    def __str__(self):
        return f"{self.arm}, seed {self.config.seed}"


def plan(arms: dict[str, dict], seeds: list[int], given: dict, out: Path) -> list[Job]:
    """All arms with the first seed, then all with the next: a comparison that is stopped is a fair
    one, too.
    """
    jobs: list[Job] = []
    for name in given:
        if owners(name) and not any(name in options_of(options["method"]) for options
                                    in arms.values()):
            raise ValueError(f"{name}: it is an option of {', '.join(owners(name))}, and of no arm "
                             "here")
    for seed in seeds:
        for arm, options in arms.items():
            try:
                config = make_config({**suited(given, options["method"]), **options, "seed": seed})
            except ValueError as error:
                raise ValueError(f"arm {arm}: {flag_names(str(error), options)}") from None
            twin = next((job.arm for job in jobs if job.config == config), None)
            if twin:
                raise ValueError(f"--methods: {twin} and {arm} are the same run: leave one of them "
                                 "out")
            jobs.append(Job(arm, config, out / re.sub(r"[^A-Za-z0-9_.+]+", "-",
                                                      f"{arm.replace('=', '_')}-{seed}")))
    return jobs


def expect_same(job: Job, found: dict, digests: object, data: Data | None) -> None:
    """Raise ValueError if the folder holds a run with other options or, by its digests, with other
    data than the job's.

    A folder of images may have moved if the run stored digests of them: `data` are compared with
    these.
    """
    try:
        before = make_config(found).to_dict()
    except ValueError as error:
        raise ValueError(f"{job.folder}: a run of another version: {error}") from None
    # the method first: only another method has other options
    for name, value in job.config.to_dict().items():
        moved = name == "dataset" and digests and all(str(v).startswith("folder:") for v
                                                      in (value, before[name]))
        if value != before[name] and name not in WHERE and not moved:
            raise ValueError(f"{job.folder} holds a run with {name} {before[name]}, and now it is "
                             f"{value}: give {before[name]} again, name another --out, or delete "
                             "that folder")
    if data:
        expect_same_data(job.folder, digests, data_digests(*data))


def complete(job: Job, result: dict) -> dict:
    """A job's result, stamped, with its last row of metrics.csv as "last_epoch"."""
    try:
        with open(job.folder / METRICS, newline="", encoding="utf-8") as file:
            *_, last = csv.DictReader(file)
        numbers = {k: float(v) if v else None for k, v in last.items()}
    except (ValueError, TypeError, csv.Error):
        command = shell_words("tinynnclr", "train", "--resume", "--out", job.folder)
        raise ValueError(f"{job.folder / METRICS} is damaged: `{command}` writes it anew") from None
    return {**stamped(result, job.arm), "last_epoch": numbers}


def finished(job: Job, data: Data | None = None) -> dict | None:
    """The complete result of a finished job; None if the job is not finished.

    Raises ValueError as `expect_same` does.
    """
    try:
        result = read_result(job.folder)
        expect_same(job, result["config"], result.get("data"), data)
        # `tinynnclr evaluate` may have judged it before it was through
        return complete(job, result) if result["epochs"] == job.config.epochs else None
    except (FileNotFoundError, NotADirectoryError):
        return None


def begun(job: Job, data: Data | None = None) -> bool:
    """Whether there is a checkpoint to go on from; one of no step does not count, whatever its
    options.
    """
    try:
        _, info = checkpoint.load(job.folder / CHECKPOINT)
    except FileNotFoundError:
        return False
    if "config" not in info or type(info.get("step")) is not int:
        raise ValueError(f"{job.folder / CHECKPOINT} holds no run")
    if info["step"]:
        expect_same(job, info["config"], info.get("data"), data)
    return info["step"] > 0


def go_on(job: Job, run: Run, data: Data) -> None:
    """Load the run's checkpoint if there is one; raise ValueError if its folder contains files that
    no run wrote.
    """
    if begun(job, data):
        run.load(job.folder / CHECKPOINT)
    else:
        run_dir.expect_free(job.folder)


def command_line(methods: str, seeds: str, options: dict, out: Path | None = None) -> str:
    """The command that makes a comparison."""
    words = ["tinynnclr", "compare", "--methods", methods, "--seeds", seeds]
    for name, value in options.items():
        flag = name.replace("_", "-")
        words += [f"--{flag}" if value else f"--no-{flag}"] if isinstance(value,
                                                                          bool) else [f"--{flag}",
                                                                                      str(value)]
    return shell_words(*(words if out is None else [*words, "--out", out]))


def duration(seconds: float) -> str:
    """In words: 0.4 s, 45 s, 1 min 2 s, 2 h 5 min."""
    s = round(seconds)
    if s < 60:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{s} s"
    return f"{s // 60} min {s % 60} s" if s < 3600 else f"{s // 3600} h {s % 3600 // 60} min"


def time_left(left: list[Job], results: list[dict]) -> float:
    """Seconds: a run will take what its arm's others took, or the mean of all arms where there is
    none yet.
    """
    spent: dict[str, list[float]] = {}
    for r in results:
        spent.setdefault(r["arm"], []).append(r["seconds"] + r["evaluation_seconds"])
    means = {arm: mean_and_interval(times)[0] for arm, times in spent.items()}
    return sum(means.get(job.arm, sum(means.values()) / len(means)) for job in left)


class Comparison:
    """Arms x seeds as a command names them (see `arms`); which of their jobs are done, left, or
    failed and why.

    given: options for all arms. A mistake in any of it, and a folder that holds a run of other
    options, is a ValueError here; one that only the data tell, such as too large a batch, in `run`,
    before anything is trained.
    """

    def __init__(self, methods: str, seeds: str, given: dict, out: Path | None = None):
        name = re.sub("[^A-Za-z0-9_.]+", "-", given.get("dataset", Config.dataset))
        self.out = out or Path("runs") / f"compare-{name}"
        self.jobs = plan(parse_arms(methods), parse_seeds(seeds), given, self.out)
        self.failed: dict[Job, str] = {}
        self.look()
        self.command = command_line(methods, seeds, given, out)
        self.shown = command_line(methods, seeds, {option: v for option,
                                                   v in given.items() if option != "data_dir"})

    def look(self, data: Data | None = None) -> None:
        """Find the jobs that are done and those that are left. Raises ValueError as `expect_same`
        does.
        """
        self.done = {job: result for job in self.jobs if (result := finished(job, data))}
        self.left = [job for job in self.jobs if job not in self.done]
        for job in self.left:
            begun(job, data)

    def run(self) -> list[str]:
        """Train and judge what is left, a line each; returns the names of the runs that failed.

        A loss that is not finite ends its own run alone. Ctrl-C saves, says how to go on, and ends
        as SystemExit(130).
        """
        config = self.jobs[0].config
        kernels.set_num_threads(config.threads or kernels.get_num_threads())
        data = self.load_data(config)
        self.look(data)
        if data:
            self.expect_fit(data[0])
        run_dir.open_dir(self.out)  # last: a mistake leaves no folder behind
        with lock_folder(self.out):
            self.look(data)  # again: another process may have changed the folders in the meantime
            expect_ours([self.out / name for name in OUTPUTS], rows_with("arm"), "--out ")
            print(f"{len(self.jobs)} runs on {config.dataset}, {len(self.done)} of them done "
                  f"before, {kernels.get_num_threads()} threads, into {self.out}", flush=True)
            self.write()
            if data:
                self.train(data)
        return [str(job) for job in self.failed]

    def load_data(self, config: Config) -> Data | None:
        """The data, to train with and to check stored runs; None if they are missing and no run is
        left to train.
        """
        try:
            return run_dir.load_data(config)
        except (FileNotFoundError, NotADirectoryError) as error:
            if self.left:
                raise
            print(f"note: {error}; the stored runs are not compared with their data",
                  file=sys.stderr)
            return None

    def expect_fit(self, train_data: Dataset) -> None:
        """Raises ValueError for an arm whose options do not fit the data."""
        for arm, job in {job.arm: job for job in self.left}.items():
            try:
                Run(job.config, train_data)
            except ValueError as error:
                raise ValueError(f"arm {arm}: {flag_names(str(error), parse_arm(arm))}") from None

    def train(self, data: Data) -> None:
        """One job that is left after the other, until Ctrl-C."""
        try:
            floors = FloorCache(self.out / "floors.json", self.jobs[0].config, data)
            while self.left:
                said = self.run_next(data, floors)
                try:
                    self.write()
                except HeldOpen as error:
                    if not self.left:
                        raise
                    said += f"; {error}; the next run writes it again"
                rest = f"; about {duration(time_left(self.left, [*self.done.values()]))} left"
                print(said + (rest if self.left and self.done else ""), flush=True)
        except KeyboardInterrupt:
            self.say_how_to_go_on()
            raise SystemExit(130) from None

    def run_next(self, data: Data, floors: FloorCache) -> str:
        """Train the first job that is left, or train it on, and judge it; returns how it went."""
        job = self.left[0]
        run = Run(job.config, *data)
        # now, while its weights are the first ones
        below = floors.of(job.config, run.method.encoder)
        run_dir.open_dir(job.folder)
        try:
            with lock_folder(job.folder):
                result = finished(job, data)  # another process may have finished it in the meantime
                if result is None:
                    go_on(job, run, data)
                    run_dir.train_into(job.folder, run, data[0])
                    result = complete(job, evaluate_into(job.folder, run, data, below))
            self.done[job] = result
            said = (f"kNN {100 * result['knn']:.1f} %, linear {100 * result['linear']:.1f} % "
                    f"({duration(result['seconds'] + result['evaluation_seconds'])})")
        except FloatingPointError as error:
            self.failed[job] = " ".join(str(error).split())
            said = f"failed: {self.failed[job]}"
        del self.left[0]
        return f"[{len(self.done) + len(self.failed)}/{len(self.jobs)}] {job}: {said}"

    def say_how_to_go_on(self) -> None:
        """After Ctrl-C: what is done, what is saved, and the command that goes on."""
        said = f"\nstopped; {len(self.done)} of {len(self.jobs)} runs are done"
        if self.left and begun(self.left[0]):
            step = checkpoint.load(self.left[0].folder / CHECKPOINT)[1]["step"]
            said += f", {step} steps of {self.left[0]}, are saved"
        print(f"{said}. Resume with:\n  {self.command}", file=sys.stderr)

    def write(self) -> None:
        """compare.csv, compare.json, compare.md and compare.png of what is done so far."""
        from ..plots.comparison import draw_comparison  # matplotlib takes a second to import

        results = [self.done[job] for job in self.jobs if job in self.done]
        if not results:
            return
        notes = [f"Failed: {job}: {why}." for job, why in self.failed.items()]
        if self.left:
            notes.append(f"So far: {len(self.done)} of {len(self.jobs)} runs.")
        write_text(self.out / "compare.json", json.dumps(results, indent=1) + "\n")
        write_text(self.out / "compare.csv", csv_table(results))
        write_text(self.out / "compare.md", markdown(results, self.jobs[0].arm, self.shown, notes))
        rows = summary(results)
        draw_comparison([(row["name"], row["knn"]) for row in rows if not row["floor"]],
                        [(row["name"], mean_and_interval(row["knn"])[0]) for row in rows
                         if row["floor"]], self.out / "compare.png", title=title(results))
