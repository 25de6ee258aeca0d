"""The jobs of a sweep, an arm with a seed each: plan them, train and evaluate what is missing."""
import contextlib
import dataclasses
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ... import kernels
from ...config import Config
from ...datasets.dataset import Dataset, digests, expect_same_data
from ...evaluate import evaluate_into, read_result
from ...methods.registry import flag_names, make_config, options_of, owners, suited
from ...metrics.confidence import mean_and_interval
from ...storage import checkpoint
from ...storage.atomic import HeldOpen
from ...storage.folder_lock import lock_folder
from ...storage.messages import shell_words
from ...storage.text_tables import read_csv
from ...train import run_dir
from ...train.run import Run
from ...train.run_dir import CHECKPOINT, METRICS
from ..provenance import stamped
from .arms import Arm
from .baseline_cache import BaselineCache

Data = tuple[Dataset, Dataset]
WHERE = ("data_dir", "threads")  # options that do not change a result


@dataclass(frozen=True)
class Job:
    """One run of a sweep: an arm with a seed, and its folder."""

    arm: str
    config: Config
    folder: Path
    options: dict = field(default_factory=dict, compare=False)  # those of the arm

    def __str__(self):
        return f"{self.arm}, seed {self.config.seed}"


def plan(arms: Sequence[Arm], seeds: Sequence[int], given: dict,
         folder_of: Callable[[str, Config], Path]) -> list[Job]:
    """All arms with the first seed, then with the next, so that an interrupted sweep is balanced.

    given: options of all arms. folder_of(arm, config) is the folder of a run. Raises ValueError for
    a mistake in the options, or two arms that are the same run.
    """
    methods = {arm.options["method"] for arm in arms}
    for name in given:
        if owners(name) and not any(name in options_of(method) for method in methods):
            raise ValueError(f"{name}: it is an option of {', '.join(owners(name))}, and of no arm "
                             "here")
    jobs: list[Job] = []
    for i, seed in enumerate(seeds):
        for arm in arms:
            if arm.seeds is not None and i >= arm.seeds:
                continue
            shared = suited(given, arm.options["method"])
            with naming_the_arm(arm.name, arm.options):
                config = make_config({**shared, **arm.options, "seed": seed})
            twin = next((job.arm for job in jobs if job.config == config), None)
            if twin:
                raise ValueError(f"--methods: {twin} and {arm.name} are the same run: leave one of "
                                 "them out")
            jobs.append(Job(arm.name, config, folder_of(arm.name, config), arm.options))
    return jobs


@contextlib.contextmanager
def naming_the_arm(name: str, options: dict) -> Iterator[None]:
    """Begin the message of a ValueError with the name of the arm; its options are no flags."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"arm {name}: {flag_names(str(error), options)}") from None


def expect_same(job: Job, stored: dict, stored_digests: object, data: Data | None) -> None:
    """Raise ValueError if the folder holds a run with other options or other data than the job's.

    A folder of images may have moved if the run stored digests, which `data` are compared with.
    """
    try:
        before = make_config(stored).to_dict()
    except ValueError as error:
        raise ValueError(f"{job.folder}: a run of another version: {error}") from None
    # the method first: only another method has other options
    for name, value in job.config.to_dict().items():
        moved = (name == "dataset" and stored_digests
                 and all(str(v).startswith("folder:") for v in (value, before[name])))
        if value != before[name] and name not in WHERE and not moved:
            raise ValueError(f"{job.folder} holds a run with {name} {before[name]}, and now it is "
                             f"{value}: give {before[name]} again, name another --out, or delete "
                             "that folder")
    if data:
        expect_same_data(job.folder, stored_digests, digests(*data))


def complete(job: Job, result: dict) -> dict:
    """A job's result, stamped, with numbers of its metrics.csv.

    "last_epoch" is the last row; "over_epochs" has the mean of the neighbours' accuracy over the
    epochs in which neighbours were used.
    """
    try:
        rows = [{name: float(value) if value else None for name, value in row.items()}
                for row in read_csv(job.folder / METRICS)]
        last_epoch = rows[-1]
    except (ValueError, IndexError):
        command = shell_words("tinynnclr", "train", "--resume", "--out", job.folder)
        raise ValueError(f"{job.folder / METRICS} is damaged: `{command}` writes it anew") from None
    accuracies = [value for row in rows if (value := row.get("neighbor_accuracy")) is not None]
    over_epochs = {"mean neighbor_accuracy": float(np.mean(accuracies))} if accuracies else {}
    return {**stamped(result, job.arm), "last_epoch": last_epoch, "over_epochs": over_epochs}


def finished(job: Job, data: Data | None = None) -> dict | None:
    """The complete result of a finished job; None if it is not finished.

    Raises ValueError as `expect_same` does.
    """
    try:
        result = read_result(job.folder)
        expect_same(job, result["config"], result.get("data"), data)
        # `tinynnclr evaluate` may have evaluated it before the end of training
        return complete(job, result) if result["epochs"] == job.config.epochs else None
    except (FileNotFoundError, NotADirectoryError):
        return None


def steps_saved(job: Job, data: Data | None = None) -> int:
    """How many steps the job's checkpoint has; before the first step its options do not count."""
    try:
        _, info = checkpoint.load(job.folder / CHECKPOINT)
    except FileNotFoundError:
        return 0
    if "config" not in info or type(info.get("step")) is not int:
        raise ValueError(f"{job.folder / CHECKPOINT} holds no run")
    if info["step"]:
        expect_same(job, info["config"], info.get("data"), data)
    return info["step"]


def train_job(job: Job, data: Data, baselines: BaselineCache) -> dict:
    """Train a job, or resume it, and evaluate it; returns its complete result.

    Raises FloatingPointError if the loss is not finite, ValueError if the folder contains files
    that no run wrote.
    """
    run = Run(job.config, *data)
    # now, while the weights are random
    accuracies = baselines.of(job.config, run.method.encoder, data)
    run_dir.open_dir(job.folder)
    with lock_folder(job.folder):
        result = finished(job, data)  # another process may have finished it in the meantime
        if result is not None:
            return result
        if steps_saved(job, data):
            run.load(job.folder / CHECKPOINT)
        else:
            run_dir.expect_free(job.folder)
        run_dir.train_into(job.folder, run, data[0])
        return complete(job, evaluate_into(job.folder, run, data, accuracies))


class DataSets:
    """The (training, test) data of configurations, loaded once each.

    tests: evaluate on so many test images, spread evenly over all; None: on all.
    """

    def __init__(self, tests: int | None = None):
        self.tests = tests
        self.loaded: dict[tuple[str, int | None], Data] = {}

    def of(self, config: Config) -> Data:
        """The data of a configuration. Raises FileNotFoundError if its files are missing."""
        name = config.dataset, config.train_size
        if name not in self.loaded:
            train, test = run_dir.load_data(config)
            self.loaded[name] = train, test if self.tests is None else evenly(test, self.tests)
        return self.loaded[name]


def evenly(data: Dataset, n: int) -> Dataset:
    """n images spread evenly, so that data sorted by class keep every class."""
    chosen = np.linspace(0, len(data) - 1, min(n, len(data))).round().astype(np.int64)
    return dataclasses.replace(data, images=data.images[chosen], labels=data.labels[chosen])


class Sweep:
    """Jobs, with the results of those that are done and the messages of those that failed.

    folder holds the cache of baselines, which is written there by `train`. A subclass may write
    the results so far in `write`. Raises ValueError if a job's folder holds another run.
    """

    def __init__(self, jobs: Sequence[Job], folder: Path, command: str,
                 tests: int | None = None):
        self.jobs = list(jobs)
        self.folder = folder
        self.command = command  # resumes this sweep
        self.data = DataSets(tests)
        self.done: dict[Job, dict] = {}
        self.failed: dict[Job, str] = {}
        self.find_finished()

    @property
    def left(self) -> list[Job]:
        """The jobs that are neither done nor failed, in order."""
        return [job for job in self.jobs if job not in self.done and job not in self.failed]

    @property
    def results(self) -> list[dict]:
        """The results of the jobs that are done, in the order of the plan."""
        return [self.done[job] for job in self.jobs if job in self.done]

    def find_finished(self, check_data: bool = False) -> None:
        """Look for finished jobs, and check what the folders of the others hold."""
        self.done = {}
        for job in self.jobs:
            data = self.data.of(job.config) if check_data else None
            result = finished(job, data)
            if result is None:
                steps_saved(job, data)
            else:
                self.done[job] = result

    def check(self) -> bool:
        """Load the data; compare stored runs with them, and the options of the jobs that are left.

        Returns False, with a note, if the data are missing but nothing is left to train. Raises
        ValueError for a mistake.
        """
        config = self.jobs[0].config
        kernels.set_num_threads(config.threads or kernels.get_num_threads())
        try:
            self.find_finished(check_data=True)
        except (FileNotFoundError, NotADirectoryError) as error:
            self.find_finished()
            if self.left:
                raise
            print(f"note: {error}; the stored runs are not compared with their data",
                  file=sys.stderr)
            return False
        for job in {job.arm: job for job in self.left}.values():
            with naming_the_arm(job.arm, job.options):
                Run(job.config, self.data.of(job.config)[0])
        return True

    def train(self) -> None:
        """Train and evaluate the jobs that are left, and print a line for each.

        A job whose loss is not finite fails, and the others continue.
        """
        if not self.left:
            return
        baselines = BaselineCache(self.folder / "baselines.json")
        while self.left:
            message = self.run_next(baselines)
            try:
                self.write()
            except HeldOpen as error:
                if not self.left:
                    raise
                message += f"; {error}; the next run writes it again"
            if self.left and self.done:
                message += f"; about {duration(time_left(self.left, self.results))} left"
            print(message, flush=True)

    def run_next(self, baselines: BaselineCache) -> str:
        """Train and evaluate the first job that is left; returns a line about it."""
        job = self.left[0]
        try:
            result = train_job(job, self.data.of(job.config), baselines)
            self.done[job] = result
            message = (f"kNN {100 * result['knn']:.1f} %, linear {100 * result['linear']:.1f} % "
                       f"({duration(result['seconds'] + result['evaluation_seconds'])})")
        except FloatingPointError as error:
            self.failed[job] = " ".join(str(error).split())
            message = f"failed: {self.failed[job]}"
        return f"[{len(self.done) + len(self.failed)}/{len(self.jobs)}] {job}: {message}"

    def write(self) -> None:
        """Write the results so far; called after each run."""

    def notes(self) -> list[str]:
        """Sentences about jobs that failed or are left."""
        notes = [f"Failed: {job}: {message}." for job, message in self.failed.items()]
        if self.left:
            notes.append(f"So far: {len(self.done)} of {len(self.jobs)} runs.")
        return notes

    @contextlib.contextmanager
    def resumable(self) -> Iterator[None]:
        """On Ctrl-C, print what is saved and the command that resumes; raise SystemExit(130)."""
        try:
            yield
        except KeyboardInterrupt:
            message = f"\nstopped; {len(self.done)} of {len(self.jobs)} runs are done"
            if self.left and (steps := steps_saved(self.left[0])):
                message += f", {steps} steps of {self.left[0]}, are saved"
            print(f"{message}. Resume with:\n  {self.command}", file=sys.stderr)
            raise SystemExit(130) from None


def flags_of(options: dict) -> list[str]:
    """Options as flags of a command: --lr 0.1 --no-neighbors."""
    words: list[str] = []
    for name, value in options.items():
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{flag}" if value else f"--no-{flag}")
        else:
            words += [f"--{flag}", str(value)]
    return words


def duration(seconds: float) -> str:
    """A time in the two largest units that it has."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def time_left(left: Sequence[Job], results: Sequence[dict]) -> float:
    """Seconds for the jobs that are left: those of their arm so far, or of all arms."""
    seconds: dict[str, list[float]] = {}
    for result in results:
        seconds.setdefault(result["arm"], []).append(result["seconds"]
                                                     + result["evaluation_seconds"])
    means = {arm: mean_and_interval(times)[0] for arm, times in seconds.items()}
    return sum(means.get(job.arm, sum(means.values()) / len(means)) for job in left)
