"""Read a run from its folder: the whole run with or without its data, or only its encoder."""
import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from .. import kernels
from ..config import Config
from ..datasets.dataset import Dataset
from ..datasets.digests import digests, expect_same_data
from ..methods import METHODS, Method, make_config
from ..models import Encoder
from ..storage import checkpoint
from ..storage.validate import Bounded, expect_finite_arrays
from . import run_dir
from .run import Run
from .run_dir import CHECKPOINT

Arrays = dict[str, np.ndarray]


def load_run(folder: str | Path, method: type[Method] | None = None) -> Run:
    """The run that `fit` or `tinynnclr train` wrote into a folder; its data are not needed.

    method: the run's Method class, if it is one of your own. To train on, call `fit` with the same
    folder. Raises FileNotFoundError, or ValueError if the checkpoint is damaged.

    >>> import tempfile
    >>> import tinynnclr as tn
    >>> train, test = tn.datasets.load("toybox", train_size=64)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     run = tn.fit(tn.SimCLR.Config(width=2), train, epochs=1, batch_size=32, out=folder)
    ...     tn.load_run(folder)
    Run(simclr on 64 images of toybox, epoch 1 of 1, step 2 of 2, seed 0)
    """
    if method is not None and not (isinstance(method, type) and issubclass(method, Method)):
        raise ValueError(f"method: expected a Method class, got {method!r}")
    path = Path(folder)
    path = path if path.name == CHECKPOINT else path / CHECKPOINT
    groups, info = checkpoint.load(path)
    config = config_in(path, info, method)
    try:
        run = Run(config, shape_of_data(info["data"]), limit=size_limit(groups.get("method", {})))
        run.data = info["data"]
    except (KeyError, ValueError, TypeError) as error:
        raise does_not_fit(path, error) from None
    run.load(path)
    return run


def load_encoder(folder: Path) -> tuple[Encoder, Config, dict]:
    """The encoder in a run's checkpoint, the configuration and the checkpoint's info; no data.

    Raises FileNotFoundError, or ValueError if the checkpoint is damaged or does not fit its
    configuration.
    """
    path = folder / CHECKPOINT
    groups, info = checkpoint.load(path)
    config = config_in(path, info)
    prefix = "encoder."
    state = {name.removeprefix(prefix): array for name, array in groups.get("method", {}).items()
             if name.startswith(prefix)}
    try:
        encoder = config.kind.make_encoder(config, Bounded(config.seed, size_limit(state)))
        encoder.load_state_dict(state)
    except (KeyError, ValueError) as error:
        raise does_not_fit(path, error) from None
    expect_finite_arrays(path, state)
    return encoder, config, info


def restore(folder: Path, threads: int | None = None, data_dir: str | None = None,
            dataset: str | None = None) -> tuple[Run, tuple[Dataset, Dataset]]:
    """The run in a folder, and its data. Raises FileNotFoundError or ValueError.

    data_dir and dataset (folder:PATH) are where the same data are now, if they have moved.
    """
    path = folder / CHECKPOINT
    groups, info = checkpoint.load(path)
    state = groups.get("method", {})
    config = with_moved_data(config_in(path, info), info, data_dir, dataset)
    threads = config.threads if threads is None else threads
    if threads is not None:
        kernels.set_num_threads(threads)
    if config.train_size is not None:  # before any image is drawn
        expect_size(path, config.train_size, state, info)
        expect_steps(path, config, info)
    try:
        data = run_dir.load_data(config)
    except (FileNotFoundError, NotADirectoryError) as error:
        flag = "--dataset folder:PATH" if config.dataset.startswith("folder:") else "--data-dir DIR"
        raise type(error)(f"{error}; if the data of this run have moved, add {flag}") from None
    expect_same_data(path, info.get("data"), digests(*data))
    try:
        run = Run(config, *data, limit=size_limit(state))
    except ValueError as error:
        raise does_not_fit(path, error) from None
    run.load(path)
    return run, data


def stored_config(folder: Path, kind: type[Method] | None = None) -> Config:
    """The configuration of the run in a folder; kind: its method, if it is not a registered one."""
    path = folder / CHECKPOINT
    return config_in(path, checkpoint.load(path)[1], kind)


def config_in(path: Path, info: dict[str, Any], kind: type[Method] | None = None) -> Config:
    """The configuration in a checkpoint's info. Raises ValueError if it holds none."""
    if not {"config", "epoch", "step"} <= info.keys():
        raise ValueError(f"{path} holds no run")
    name = info["config"].get("method") if isinstance(info["config"], dict) else None
    if kind is None and isinstance(name, str) and name not in METHODS:
        raise ValueError(f"{path}: this is a run of the method {name!r}, which tinynnclr does not "
                         "have; if it is your own, load_run(folder, ITS_CLASS) loads it")
    try:
        if kind is None:
            return make_config(info["config"])
        if name != kind.name:
            raise ValueError(f"it is a run of the method {name}, not of {kind.name}")
        return kind.Config(**{name: value for name, value in info["config"].items()
                              if name != "method"})
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path}: {error}; the file was changed, or another version of tinynnclr "
                         "wrote it: use that version, or train a new run with another --out"
                         ) from None


def with_moved_data(config: Config, info: dict, data_dir: str | None,
                    dataset: str | None) -> Config:
    """The configuration of a stored run, with the place where its data are now.

    Raises ValueError for another data set than the run's.
    """
    if dataset is not None and dataset != config.dataset:
        if not (dataset.startswith("folder:") and config.dataset.startswith("folder:")):
            raise ValueError(f"--dataset {dataset}: the run was started with {config.dataset}; "
                             "expected that, or folder:PATH if the images of a folder have moved")
        if not info.get("data"):
            raise ValueError(f"--dataset {dataset}: an earlier version wrote this run and stored "
                             f"no digest of its data; move the images back to {config.dataset}")
        config = dataclasses.replace(config, dataset=dataset)
    return config if data_dir is None else dataclasses.replace(config, data_dir=data_dir)


def shape_of_data(stored: dict[str, str]) -> Dataset:
    """A data set with as many images and classes as the stored digests count, and no content."""
    count, classes = (int(stored[name].partition(" ")[0])
                      for name in ("training images", "class names"))
    if not (0 < count < 2**27 and 0 < classes < 2**20):
        raise ValueError(f"data: expected numbers of images and classes, got {count} and {classes}")
    images = np.broadcast_to(np.zeros(3, np.uint8), (count, 1, 1, 3))  # takes no memory
    return Dataset(images, np.zeros(count, np.int64), ("",) * classes)


def size_limit(arrays: Arrays) -> int:
    """How many numbers a network for these arrays may have.

    That is a few more than the arrays have, so that an error names the array of the wrong shape.
    """
    return sum(array.size for array in arrays.values()) + (1 << 18)


def expect_size(path: Path, train_size: int, state: Arrays, info: dict) -> None:
    """Raise ValueError if train_size contradicts the stored arrays or digests."""
    sizes = {str(len(array)) for name, array in state.items()
             if array.ndim and (name.endswith("bank.rows") or name == "assignment")}
    stored = info.get("data")
    if isinstance(stored, dict):
        sizes |= set(str(stored.get("training images", "")).split()[:1])
    expected = ", ".join(sorted(sizes - {str(train_size)}))
    if expected:
        raise does_not_fit(path, f"expected train_size {expected}, as in its arrays, got "
                           f"{train_size}")


def expect_steps(path: Path, config: Config, info: dict) -> None:
    """Raise ValueError if train_size contradicts the number of steps; only without digests."""
    if isinstance(info.get("data"), dict):
        return
    epoch, step = info["epoch"], info["step"]
    per_epoch = config.train_size // config.batch_size  # type: ignore[operator]
    if not (type(epoch) is type(step) is int
            and epoch * per_epoch <= step <= (epoch + 1) * per_epoch):
        raise does_not_fit(path, f"step {step!r} is not in epoch {epoch!r} of {per_epoch} steps, "
                           f"as train_size {config.train_size} makes them")


def does_not_fit(path: Path, reason: object) -> ValueError:
    """The error for a checkpoint that contradicts its configuration or its data."""
    return ValueError(f"{path} does not fit this run ({reason})")
