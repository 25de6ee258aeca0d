"""The folder of a run: what training writes into it, and which files it may overwrite."""
import contextlib
import os
import re
import sys
from pathlib import Path

from tqdm import tqdm

from .. import datasets, distributed, kernels
from ..config import Config
from ..datasets.dataset import Dataset
from ..datasets.views import augmentation_pair
from ..storage.atomic import HeldOpen, expect_ours, temporary, write_text
from ..storage.text_tables import csv_text
from .hooks import train_run
from .run import Run

CHECKPOINT, METRICS, RESULT = "checkpoint.npz", "metrics.csv", "result.json"
PICTURES = ("curves.png", "neighbors.png", "embedding.png", "views.png")
# how the files of a run begin
BEGINNINGS = {METRICS: rb"epoch,", RESULT: rb'(?s)\{.*"baselines"',
              **dict.fromkeys(PICTURES, rb"\x89PNG")}


def load_data(config: Config) -> tuple[Dataset, Dataset]:
    """The training and the test set that a configuration names."""
    return datasets.load(config.dataset, config.data_dir, train_size=config.train_size)


def open_dir(folder: Path) -> None:
    """Make the folder if it does not exist. Raises OSError now if it cannot be written to."""
    if distributed.rank():
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = temporary(folder / "probe")
        probe.touch()
        probe.unlink()
    except OSError as error:
        is_file = os.path.lexists(folder) and not os.path.isdir(folder)
        reason = ("it is a file, or a link to a folder that does not exist" if is_file
                  else error.strerror)
        raise OSError(f"--out {folder}: cannot write there ({reason})") from None


def expect_free(folder: Path) -> None:
    """Raise ValueError if the folder has no checkpoint, but files that a run would overwrite."""
    expect_ours([folder / name for name in (CHECKPOINT, METRICS, RESULT, *PICTURES)], Path.is_file,
                "--out ")


def expect_own(folder: Path, *names: str) -> None:
    """Raise ValueError for a file that a run would overwrite and that no run wrote."""
    for name in names:
        expect_ours([folder / name],
                    lambda path: bool(re.match(BEGINNINGS[path.name], path.read_bytes())))


def write_metrics(folder: Path, rows: list[dict]) -> None:
    """Write metrics.csv, one row per epoch, if there are any; NaN becomes an empty field."""
    if not rows:
        return
    write_text(folder / METRICS, csv_text(rows))


class Saver:
    """Saves a run into its folder: checkpoint and metrics.csv.

    If another program holds one of the two files open, one line reports it, and the next save
    tries again.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.errors: list[str] = []  # one for each file that the last save could not replace

    def __call__(self, run: Run) -> None:
        self.write(run)
        for error in self.errors:
            tqdm.write(f"epoch {run.epoch}: {error}; training continues, and the next save tries "
                       "again", file=sys.stderr)

    def write(self, run: Run) -> None:
        """Write both files; a file that another program holds open adds an error."""
        self.errors.clear()
        for write_file in (lambda: run.save(self.folder / CHECKPOINT),
                           lambda: write_metrics(self.folder, run.metrics)):
            try:
                write_file()
            except HeldOpen as error:
                self.errors.append(str(error))

    def finish(self, run: Run) -> None:
        """Try once more to write what the last save could not, and report what still fails."""
        if self.errors:
            self.write(run)
        for error in self.errors:
            print(f"training is complete, but {error}; train with --resume to write it",
                  file=sys.stderr)


def train_into(folder: Path, run: Run, data: Dataset, progress: bool | None = None,
               detect_anomaly: bool = False) -> None:
    """Train a run to its end; save it in the folder after every epoch and on Ctrl-C."""
    if run.target != kernels.target():
        print(f"note: this run was started with kernels for {run.target} and resumes with kernels "
              f"for {kernels.target()}; the results may differ in their last digits",
              file=sys.stderr)
    if run.step == 0:
        run.save(folder / CHECKPOINT)
    else:
        expect_own(folder, METRICS, RESULT)
        with contextlib.suppress(HeldOpen):
            write_metrics(folder, run.metrics)  # an interrupt may have come between the two files
    saver = Saver(folder)
    train_run(run, data, augmentation_pair(run.config.augmentation), save=saver, progress=progress,
              detect_anomaly=detect_anomaly)
    saver.finish(run)
