"""Training from Python in one call."""
import contextlib
import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .. import kernels
from ..config import Config
from ..datasets.dataset import Dataset
from ..datasets.views import augmentation_pair
from ..methods import Method
from ..methods.registry import owners
from ..storage.folder_lock import lock_folder
from ..storage.messages import nearest
from . import run_dir
from .hooks import train_run
from .restore import stored_config
from .run import Run

OF_DATA = ("dataset", "data_dir", "train_size")  # options that follow from the data
WITHOUT_EFFECT = ("threads", "data_dir")  # options that change no weight


def fit(method: Config | type[Method], train: Dataset, *, out: str | Path | None = None,
        progress: bool | None = None, detect_anomaly: bool = False, **options: Any) -> Run:
    """Train a method on images, and return the run: its encoder, its metrics, its configuration.

    method: a configuration, for example `NNCLR.Config(queue_size=2048)`, or a Method class, which
    may be your own. train: the images, as `datasets.load` returns them. options: options of the
    configuration, for example epochs=8 or batch_size=128; they override those in `method`.

    out: a folder for checkpoints and metrics.csv. If it contains a run with the same configuration,
    that run resumes, to the same bytes; Ctrl-C saves. Without `out` nothing is written. progress:
    None shows a bar on a terminal and in a notebook, False never. detect_anomaly: stop at the first
    gradient that is not finite, too.

    Raises ValueError for an unknown option, for a value out of range, and for an `out` that
    contains another run; FloatingPointError if the loss is not finite.

    >>> import tinynnclr as tn
    >>> train, test = tn.datasets.load("toybox", train_size=64)
    >>> tn.fit(tn.NNCLR.Config(width=2, queue_size=16), train, epochs=1, batch_size=32)
    Run(nnclr on 64 images of toybox, epoch 1 of 1, step 2 of 2, seed 0)
    """
    with naming_arguments():
        config = configure(method, train, options)
        if config.threads is not None:
            kernels.set_num_threads(config.threads)
        if out is None:
            run = Run(config, train)
            train_run(run, train, augmentation_pair(config.augmentation), progress=progress,
                      detect_anomaly=detect_anomaly)
            return run
        if not str(out):
            raise ValueError("out: expected a folder, got an empty text; . is the current one")
        folder = Path(out).expanduser()
        run_dir.open_dir(folder)
        with lock_folder(folder):
            run = start_or_resume(folder, config, train)
            run_dir.train_into(folder, run, train, progress, detect_anomaly)
    return run


@contextlib.contextmanager
def naming_arguments() -> Iterator[None]:
    """Inside this context, errors name options as Python does: batch_size, not --batch-size."""
    try:
        yield
    except (ValueError, OSError, FloatingPointError) as error:
        message = re.sub(r"--out (?=\S*[/\\])", "out: ", str(error))
        message = re.sub(r"(?<![\w-])--([a-z][a-z-]*)",
                         lambda flag: flag[1].replace("-", "_"), message)
        if message == str(error):
            raise
        raise type(error)(message) from None


def configure(method: Config | type[Method], train: Dataset, options: dict[str, Any]) -> Config:
    """The configuration with these options, and with the name and the size of the data set."""
    config = method.Config() if isinstance(method, type) and issubclass(method, Method) else method
    if not isinstance(config, Config) or config.kind is None:
        raise ValueError("method: expected a configuration, such as NNCLR.Config(), or a Method "
                         f"class, got a {type(method).__name__}")
    if not isinstance(train, Dataset):
        raise ValueError("train: expected a Dataset, as datasets.load returns, got "
                         f"{type(train).__name__}")
    names = [field.name for field in dataclasses.fields(config)]
    usual = type(config)()
    for name in OF_DATA:
        if name in options or getattr(config, name) not in (getattr(usual, name),
                                                            train.options.get(name)):
            raise ValueError(f"{name}: it follows from train; use datasets.load(name, data_dir, "
                             "train_size=n)")
    for name in options:
        if name not in names:
            belongs = f"; it is an option of {', '.join(owners(name))}" if owners(name) else ""
            raise ValueError(f"{name}: {config.method} has no such option"
                             f"{nearest(name, names) or belongs}")
    of_data = {"dataset": train.name, "data_dir": usual.data_dir, "train_size": None}
    return config.with_options(**{**of_data, **train.options, **options})


def start_or_resume(folder: Path, config: Config, train: Dataset) -> Run:
    """The run in the folder, or a new one. Raises ValueError if the two configurations differ."""
    run = Run(config, train)
    if not (folder / run_dir.CHECKPOINT).exists():
        run_dir.expect_free(folder)
        return run
    before = stored_config(folder, type(run.method)).to_dict()
    for name, value in config.to_dict().items():
        if name not in WITHOUT_EFFECT and before.get(name) != value:
            raise ValueError(f"out: the run in {folder} was started with {name} "
                             f"{before.get(name)!r}, not {value!r}; choose another folder")
    run.load(folder / run_dir.CHECKPOINT)
    return run
