"""Pre-trained runs, each kept under its configuration: whichever table asks first trains it, the
others find it.
"""
import csv
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ... import datasets, kernels
from ...config import Config
from ...datasets.dataset import Dataset, changes, digests
from ...evaluate import evaluate_into
from ...methods import DeepCluster
from ...metrics.nmi import normalized_mutual_information
from ...storage import checkpoint
from ...storage.atomic import write_text
from ...storage.folder_lock import lock_folder
from ...train import run_dir
from ...train.run import Run
from ...train.run_dir import CHECKPOINT, METRICS
from ..protocols.context import EvalContext
from ..registry import PROTOCOLS
from ..sweep.baseline_cache import FloorCache
from ..sweep.comparison import WHERE, Job, begun, finished, go_on


def key(config: Config) -> str:
    """The name of a run's folder: method, data, seed, and a digest of the options that make its
    result another one.

    Of those, the ones that differ from the defaults: a option that a later version brings leaves
    old runs their names.
    """
    usual = type(config)().to_dict()
    options = {name: value for name,
               value in config.to_dict().items() if name not in WHERE and value != usual[name]}
    digest = hashlib.sha256(json.dumps(options, sort_keys=True).encode()).hexdigest()[:12]
    return f"{config.method}-{_plain(config.dataset)}-{config.seed}-{digest}"


class Store:
    """The runs of one budget, in a folder that is there; `tests` says how many test images judge
    (None: all).
    """

    def __init__(self, folder: Path, tests: int | None = None):
        self.folder, self.tests = folder, tests
        self._data: dict[tuple[str, int | None], tuple[Dataset, Dataset]] = {}

    def data(self, config: Config) -> tuple[Dataset, Dataset]:
        """(train, test) of a configuration, loaded once. Raises FileNotFoundError where its files
        are not there.
        """
        name = config.dataset, config.train_size
        if name not in self._data:
            train, test = datasets.load(config.dataset, config.data_dir,
                                        train_size=config.train_size)
            self._data[name] = train, test if self.tests is None else evenly(test, self.tests)
        return self._data[name]

    def job(self, arm: str, config: Config) -> Job:
        """Where a run is, or will be."""
        return Job(arm, config, self.folder / key(config))

    def steps(self, config: Config) -> int:
        """How many steps a run has in all."""
        return config.epochs * (len(self.data(config)[0]) // config.batch_size)

    def steps_done(self, job: Job) -> int:
        """How many of them are saved."""
        data = self.data(job.config)
        if finished(job, data):
            return self.steps(job.config)
        return checkpoint.load(job.folder / CHECKPOINT)[1]["step"] if begun(job, data) else 0

    def measured(self, job: Job, advanced: Callable[[int], None]) -> dict[str, float]:
        """What the run measured, trained and judged now if it is not done; advanced(steps) is told
        of each epoch.

        Raises FloatingPointError where its loss is not finite.
        """
        result = finished(job, self.data(job.config))
        if result is None:
            result = self._train(job, advanced)
        found = {"knn": result["knn"], "linear": result["linear"],
                 **_over_epochs(job.folder / METRICS)}
        for floor in ("pixels", "random"):
            found |= {f"{floor} {judge}": value for judge,
                      value in result["baselines"][floor].items()}
        if job.config.method == "deepcluster":
            found["nmi with classes"] = self._nmi_with_classes(job)
        return found

    def finding(self, job: Job, protocol: str, floors: bool) -> list[dict]:
        """The rows of a protocol on a run that is done, with or without its floors, kept beside its
        checkpoint.
        """
        path = job.folder / f"{protocol}{'' if floors else '-alone'}.json"
        data = self.data(job.config)
        try:
            stored = json.loads(path.read_text(encoding="utf-8"))
            if not changes(stored.get("data", {}), digests(*data)):
                return stored["rows"]
        except (FileNotFoundError, ValueError, KeyError, AttributeError):
            pass
        with lock_folder(job.folder):
            run = self._loaded(job)
            found = PROTOCOLS[protocol].evaluate(EvalContext(run.config, run.method.encoder, data,
                                                          baselines=floors))
            write_text(path, json.dumps({**found.to_dict(), "data": run.data}, indent=1) + "\n")
        return found.to_dict()["rows"]

    def rules(self, job: Job, protocol: str) -> str:
        """How a finding was measured."""
        return json.loads((job.folder / f"{protocol}.json").read_text(encoding="utf-8"))["description"]

    def _train(self, job, advanced):
        data = self.data(job.config)
        run = Run(job.config, *data)
        floors = FloorCache(self.folder / f"floors-{_plain(job.config.dataset)}.json", job.config,
                            data)
        # now, while its weights are the first ones
        below = floors.of(job.config, run.method.encoder)
        run_dir.open_dir(job.folder)
        with lock_folder(job.folder):
            # another process may have finished it in the meantime
            if result := finished(job, data):
                return result
            go_on(job, run, data)
            run_dir.train_into(job.folder, run, data[0], progress=False,
                               saved=lambda run: advanced(run.steps_per_epoch))
            return evaluate_into(job.folder, run, data, below)

    def _loaded(self, job):
        kernels.set_num_threads(job.config.threads or kernels.get_num_threads())
        run = Run(job.config, *self.data(job.config))
        run.load(job.folder / CHECKPOINT)
        return run

    def _nmi_with_classes(self, job):
        method = self._loaded(job).method
        assert isinstance(method, DeepCluster)
        return normalized_mutual_information(method.assignment, self.data(job.config)[0].labels)


def evenly(data: Dataset, n: int) -> Dataset:
    """n images spread evenly over all of them, so that a set sorted by class keeps every class."""
    chosen = np.linspace(0, len(data) - 1, min(n, len(data))).round().astype(np.int64)
    return Dataset(data.images[chosen], data.labels[chosen], data.class_names)


def _plain(name):
    """A data set's name as a part of a file's."""
    return name.replace(":", "-").replace("/", "-")


def _over_epochs(path):
    """Of metrics.csv: each health number in the last epoch, and "mean neighbor_accuracy" over the
    epochs that have one.
    """
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    found = {name: float(value) for name,
             value in rows[-1].items() if value and name
             in ("self_match_rate", "neighbor_accuracy", "unique_neighbors", "entropy", "nmi",
                 "neighbor_age", "embedding_variance")}
    agreements = [float(row["neighbor_accuracy"]) for row in rows if row.get("neighbor_accuracy")]
    return {**found, "mean neighbor_accuracy": float(np.mean(agreements))} if agreements else found
