"""A run's folder: train into it, and continue it."""
import contextlib
import csv
import dataclasses
import io
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from tqdm import tqdm

from .. import datasets, distributed, kernels
from ..config import Config
from ..datasets.dataset import Dataset, digests, expect_same_data
from ..datasets.views import augmentation_pair
from ..methods import Method, make_config
from ..models import Encoder
from ..storage import checkpoint
from ..storage.atomic import HeldOpen, expect_ours, temporary, write_text
from ..storage.validate import Bounded, expect_finite_arrays
from .hooks import train_run
from .run import Run

CHECKPOINT, METRICS, RESULT = "checkpoint.npz", "metrics.csv", "result.json"
PICTURES = ("curves.png", "neighbors.png", "embedding.png", "views.png")
# of a run's
BEGINS = {METRICS: rb"epoch,", RESULT: rb'(?s)\{.*"baselines"',
          **dict.fromkeys(PICTURES, rb"\x89PNG")}


def load_data(config: Config) -> tuple[Dataset, Dataset]:
    """The training and the test set that a configuration names."""
    return datasets.load(config.dataset, config.data_dir, train_size=config.train_size)


def open_dir(folder: Path) -> None:
    """Make the folder if need be, and fail now rather than after an hour if nothing can be written
    there.
    """
    if distributed.rank():
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = temporary(folder / "probe")
        probe.touch()
        probe.unlink()
    except OSError as error:
        there = os.path.lexists(folder) and not os.path.isdir(folder)
        why = "it is a file, or a link to a folder that does not exist" if there else error.strerror
        raise OSError(f"--out {folder}: cannot write there ({why})") from None


def expect_free(folder: Path) -> None:
    """Raise ValueError if the folder has no checkpoint, but files that a new run would overwrite.
    """
    expect_ours([folder / name for name in (CHECKPOINT, METRICS, RESULT, *PICTURES)], Path.is_file,
                "--out ")


def expect_own(folder: Path, *names: str) -> None:
    """Raise ValueError for a file that a run would overwrite and that no run wrote."""
    for name in names:
        expect_ours([folder / name],
                    lambda path: bool(re.match(BEGINS[path.name], path.read_bytes())))


def write_metrics(folder: Path, rows: list[dict]) -> None:
    """Write metrics.csv, one row per epoch, if there is an epoch; a number that does not exist is
    left empty.
    """
    if not rows:
        return
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, rows[0].keys(), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({k: "" if v != v else f"{v:.6g}" if isinstance(v, float) else v for k,
                         v in row.items()})
    write_text(folder / METRICS, text.getvalue())


def train_into(folder: Path, run: Run, data: Dataset, progress: bool | None = None,
               detect_anomaly: bool = False, saved: Callable[[Run],
                                                             None] = lambda run: None) -> None:
    """Train on, with a checkpoint and metrics.csv after every epoch, and a checkpoint on Ctrl-C;
    then saved(run).

    If another program holds one of the two files open, one line reports it, and the next save tries
    again.
    """
    held: list[str] = []  # an error for each file that the last save could not replace

    def write(run):
        held.clear()
        for save_file in (lambda: run.save(folder / CHECKPOINT),
                          lambda: write_metrics(folder, run.metrics)):
            try:
                save_file()
            except HeldOpen as error:
                held.append(str(error))

    def save(run):
        write(run)
        for error in held:
            tqdm.write(f"epoch {run.epoch}: {error}; training continues, and the next save tries "
                       "again", file=sys.stderr)
        saved(run)

    augmentations = augmentation_pair(run.config.augmentation)
    if run.target != kernels.target():
        print(f"note: this run was begun with kernels for {run.target} and resumes with kernels "
              f"for {kernels.target()}; the results may differ in their last digits",
              file=sys.stderr)
    if run.step == 0:
        run.save(folder / CHECKPOINT)
    else:
        expect_own(folder, METRICS, RESULT)
        with contextlib.suppress(HeldOpen):
            write_metrics(folder, run.metrics)  # an interrupt may have come between the two files
    train_run(run, data, augmentations, save=save, progress=progress,
              detect_anomaly=detect_anomaly)
    if held:
        write(run)
    for error in held:
        print(f"training is complete, but {error}; train with --resume to write it",
              file=sys.stderr)


def stored_config(folder: Path, kind: type[Method] | None = None) -> Config:
    """The configuration of the run in a folder; kind: its method, if it is not a registered one."""
    return _config(folder, checkpoint.load(folder / CHECKPOINT)[1], kind)


def load_run(folder: str | Path, method: type[Method] | None = None) -> Run:
    """The run that `fit` or `tinynnclr train` wrote into a folder; its data are not needed.

    method: the run's Method class, if it is one of your own. To train on, call `fit` with the same
    folder. Raises FileNotFoundError, or ValueError where the checkpoint is damaged.

    >>> import tempfile
    >>> import tinynnclr as tn
    >>> train, test = tn.datasets.load("toybox", train_size=64)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     run = tn.fit(tn.SimCLR.Config(width=2), train, epochs=1, batch_size=32, out=folder)
    ...     tn.load_run(folder)
    Run(simclr on 64 images of toybox, epoch 1 of 1, step 2 of 2, seed 0)
    """
    folder = Path(folder)
    path = folder / CHECKPOINT
    groups, info = checkpoint.load(path)
    config = _config(folder, info, method)
    try:
        stand_in = shape_of_data(info["data"])
        run = Run(config, stand_in, limit=_limit(groups.get("method", {})))
        run.data = info["data"]
    except (KeyError, ValueError, TypeError) as error:
        raise ValueError(f"{path} does not fit this run ({error})") from None
    run.load(path)
    return run


def shape_of_data(stored: dict[str, str]) -> Dataset:
    """A data set with as many images and classes as the stored digests count, and no content."""
    count, classes = (int(stored[name].partition(" ")[0])
                      for name in ("training images", "class names"))
    if not (0 < count < 2**31 and 0 < classes < 2**31):
        raise ValueError(f"data: expected numbers of images and classes, got {count} and {classes}")
    images = np.broadcast_to(np.zeros(3, np.uint8), (count, 1, 1, 3))  # takes no memory
    return Dataset(images, np.zeros(count, np.int64), ("",) * classes)


def _config(folder, info, kind=None) -> Config:
    """The configuration in a checkpoint's info."""
    if not {"config", "epoch", "step"} <= info.keys():
        raise ValueError(f"{folder / CHECKPOINT} holds no run")
    try:
        if kind is None:
            return make_config(info["config"])
        return kind.Config(**{k: v for k, v in info["config"].items() if k != "method"})
    except (ValueError, TypeError) as error:
        raise ValueError(f"{folder / CHECKPOINT}: {error}; the file was changed, or another "
                         "version of tinynnclr wrote it: use that version, or train a new run with "
                         "another --out") from None


def load_encoder(folder: Path) -> tuple[Encoder, Config, dict]:
    """The encoder as the run's checkpoint holds it, the configuration and the checkpoint's info; no
    data is loaded.

    Raises FileNotFoundError, or ValueError where the checkpoint is damaged or does not fit its
    configuration.
    """
    groups, info = checkpoint.load(folder / CHECKPOINT)
    config, prefix = _config(folder, info), "encoder."
    state = {name.removeprefix(prefix): array for name, array in groups.get("method", {}).items()
             if name.startswith(prefix)}
    try:
        encoder = config.kind.make_encoder(config, Bounded(config.seed, _limit(state)))
        encoder.load_state_dict(state)
    except (KeyError, ValueError) as error:
        raise ValueError(f"{folder / CHECKPOINT} does not fit this run ({error})") from None
    expect_finite_arrays(folder / CHECKPOINT, state)
    return encoder, config, info


def restore(folder: Path, threads: int | None = None, data_dir: str | None = None,
            dataset: str | None = None) -> tuple[Run, tuple[Dataset, Dataset]]:
    """The run as its checkpoint holds it, and its data. Raises FileNotFoundError or ValueError.

    data_dir and dataset (folder:PATH) are where the same data are now, if they have moved.
    """
    path = folder / CHECKPOINT
    groups, info = checkpoint.load(path)
    config = moved(_config(folder, info), info, data_dir, dataset)
    threads = config.threads if threads is None else threads
    if threads is not None:
        kernels.set_num_threads(threads)
    _expect_size(path, config, groups.get("method", {}), info)
    try:
        data = load_data(config)
    except (FileNotFoundError, NotADirectoryError) as error:
        where = "--dataset folder:PATH" if config.dataset.startswith(
                "folder:") else "--data-dir DIR"
        raise type(error)(f"{error}; if the data of this run have moved, add {where}") from None
    expect_same_data(path, info.get("data"), digests(*data))
    try:
        run = Run(config, *data, limit=_limit(groups.get("method", {})))
    except ValueError as error:
        raise ValueError(f"{path} does not fit this run ({error})") from None
    run.load(path)
    return run, data


def moved(config: Config, info: dict, data_dir: str | None, dataset: str | None) -> Config:
    """The configuration of a stored run, with the folder that contains its data now.

    Raises ValueError for another data set than the run's.
    """
    if dataset is not None and dataset != config.dataset:
        if not (dataset.startswith("folder:") and config.dataset.startswith("folder:")):
            raise ValueError(f"--dataset {dataset}: the run was begun with {config.dataset}; "
                             "expected that, or folder:PATH if the images of a folder have moved")
        if not info.get("data"):
            raise ValueError(f"--dataset {dataset}: an earlier version began this run and stored "
                             f"no digest of its data; move the images back to {config.dataset}")
        config = dataclasses.replace(config, dataset=dataset)
    return config if data_dir is None else dataclasses.replace(config, data_dir=data_dir)


def _limit(arrays):
    """How many numbers a network for these arrays may have: a few more, so that a shape error names
    the array.
    """
    return sum(a.size for a in arrays.values()) + (1 << 18)


def _expect_size(path, config, state, info):
    """Raise ValueError, before any data are drawn, if train_size contradicts the stored arrays or
    digests.
    """
    sizes = {str(len(a)) for name, a in state.items()
             if a.ndim and (name.endswith("bank.rows") or name == "assignment")}
    stored = info.get("data")
    if isinstance(stored, dict):
        sizes |= set(str(stored.get("training images", "")).split()[:1])
    wrong = ", ".join(sorted(sizes - {str(config.train_size)}))
    if config.train_size is not None and wrong:
        raise ValueError(f"{path} does not fit this run (expected train_size {wrong}, as in its "
                         f"arrays, got {config.train_size})")
    # no digest counts the images: the steps do
    if config.train_size is not None and not isinstance(stored, dict):
        epoch, step, whole = info["epoch"], info["step"], config.train_size // config.batch_size
        if not (type(epoch) is type(step) is int and epoch * whole <= step <= (epoch + 1) * whole):
            raise ValueError(f"{path} does not fit this run (step {step!r} is not in epoch "
                             f"{epoch!r} of {whole} steps, as train_size {config.train_size} makes "
                             "them)")
