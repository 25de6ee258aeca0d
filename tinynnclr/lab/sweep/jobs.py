"""The jobs of a sweep, an arm with a seed each: plan them, and find, train or resume one."""
import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ...config import Config
from ...datasets.dataset import Dataset
from ...datasets.digests import digests, expect_same_data
from ...evaluate import evaluate_into, read_result
from ...methods.registry import applicable, flag_names, make_config, options_of, owners
from ...storage import checkpoint
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
            shared = applicable(given, arm.options["method"])
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
