"""Run the jobs of a sweep one after the other, and keep their results."""
import contextlib
import dataclasses
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ... import kernels
from ...config import Config
from ...datasets.dataset import Dataset
from ...metrics.confidence import mean_and_interval
from ...storage.atomic import HeldOpen
from ...train import run_dir
from ...train.run import Run
from .baseline_cache import BaselineCache
from .jobs import Data, Job, finished, naming_the_arm, steps_saved, train_job


class Sweep:
    """Jobs, with the results of those that are done and the messages of those that failed.

    folder holds the cache of baselines, which `train` writes. tests: evaluate on so many test
    images, spread evenly; None: on all. A subclass may write the results so far in `write`. Raises
    ValueError if a job's folder holds another run.
    """

    def __init__(self, jobs: Sequence[Job], folder: Path, command: str,
                 tests: int | None = None):
        self.jobs = list(jobs)
        self.folder = folder
        self.command = command  # resumes this sweep
        self.tests = tests
        self.data: dict[tuple[str, int | None], Data] = {}
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

    def data_of(self, config: Config) -> Data:
        """The (training, test) data of a configuration, loaded once.

        Raises FileNotFoundError if their files are missing.
        """
        name = config.dataset, config.train_size
        if name not in self.data:
            train, test = run_dir.load_data(config)
            self.data[name] = train, test if self.tests is None else evenly(test, self.tests)
        return self.data[name]

    def find_finished(self, check_data: bool = False) -> None:
        """Look for finished jobs, and check what the folders of the others hold."""
        self.done = {}
        for job in self.jobs:
            data = self.data_of(job.config) if check_data else None
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
                Run(job.config, self.data_of(job.config)[0])
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
            result = train_job(job, self.data_of(job.config), baselines)
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


def evenly(data: Dataset, n: int) -> Dataset:
    """n images spread evenly, so that data sorted by class keep every class."""
    chosen = np.linspace(0, len(data) - 1, min(n, len(data))).round().astype(np.int64)
    return dataclasses.replace(data, images=data.images[chosen], labels=data.labels[chosen])
