"""The command train: start or resume a run, train it, evaluate it and draw figures."""
import argparse
import contextlib
import re
import sys
from pathlib import Path
from typing import Any

from .. import distributed, kernels
from ..config import Config
from ..evaluate import Evaluation, evaluate_into, table
from ..methods import SupportSet, make_config
from ..storage import checkpoint
from ..storage.folder_lock import lock_folder
from ..storage.messages import shell_words
from ..train import restore, run_dir
from ..train.run import Run
from ..train.run_dir import CHECKPOINT, PICTURES
from .config_flags import given_options


def run_train(options: argparse.Namespace) -> None:
    """Start or resume a run, train it to the end, evaluate it and draw figures."""
    given = given_options(options)
    folder = options.out or default_folder(make_config(given))
    if options.compare and not options.resume:
        expect_neighbors(make_config(given).to_dict())
    result = run_in(options, given, folder, options.resume)
    if options.compare:
        expect_neighbors(result["config"])
        compare_off(options, folder, result)


def expect_neighbors(config: dict[str, Any]) -> None:
    """Raise ValueError unless a configuration uses neighbours."""
    if not config.get("neighbors"):
        raise ValueError("--compare off: expected a run with neighbours, such as --method nnclr; "
                         f"{config['method']} uses none here")


def compare_off(options: argparse.Namespace, folder: Path, result: Evaluation) -> None:
    """Train the same run without neighbours, in the folder `off` of the run's, and print both."""
    resume = (folder / "off" / CHECKPOINT).exists()
    given = {} if resume else {**result["config"], "neighbors": False}
    off = run_in(options, given, folder / "off", resume, result["baselines"])
    print(f"\nneighbours on and off, seed {result['seed']}:\n"
          + table({result["method"]: result, "off": off}))


def run_in(options: argparse.Namespace, given: dict[str, Any], folder: Path,
           resume: bool, baselines: dict | None = None) -> Evaluation:
    """Start or resume the run of a folder, train and evaluate it; returns its result."""
    with contextlib.ExitStack() as locks:
        existed = folder.is_dir()
        if existed:  # lock it before reading anything in it
            locks.enter_context(lock_folder(folder))
        if resume:
            run, data = resumed_run(given, folder)
        else:
            run, data = new_run(given, folder)
        if not existed:
            locks.enter_context(lock_folder(folder))
            expect_free(folder)  # another process may have written a run there in the meantime
        return train_and_evaluate(options, folder, run, data, baselines)


def default_folder(config: Config) -> Path:
    """The folder of a run without --out."""
    dataset = re.sub("[^A-Za-z0-9_.]+", "-", config.dataset)
    return Path("runs") / f"{config.method}-{dataset}-{config.seed}"


def new_run(given: dict[str, Any], folder: Path) -> tuple[Run, tuple]:
    """A run at its first step, and its data; makes the folder last, after all checks."""
    config = make_config(given)
    expect_free(folder)
    kernels.set_num_threads(config.threads or kernels.get_num_threads())
    data = run_dir.load_data(config)
    run = Run(config, *data)
    run_dir.open_dir(folder)
    return run, data


def resumed_run(given: dict[str, Any], folder: Path) -> tuple[Run, tuple]:
    """The run in the folder, and its data. Raises ValueError if an option differs from its own."""
    run, data = restore.restore(folder, given.get("threads"), given.get("data_dir"),
                                given.get("dataset"))
    stored = run.config.to_dict()
    for name, value in given.items():
        before = stored.get(name, "another method")
        if name != "threads" and value != before:
            raise ValueError(f"--{name.replace('_', '-')} {value}: the run in {folder} was started "
                             f"with {before}, which --resume cannot change")
    return run, data


def has_trained(folder: Path) -> bool:
    """Whether the run in this folder has completed at least one step, so it is not overwritten."""
    try:
        return checkpoint.load(folder / CHECKPOINT)[1].get("step") != 0
    except FileNotFoundError:
        return False
    except ValueError:
        return True


def expect_free(folder: Path) -> None:
    """Raise ValueError if the folder contains a run with at least one step, or other files."""
    if has_trained(folder):
        raise ValueError(f"--out {folder} already contains a run; add --resume or choose another "
                         "--out")
    run_dir.expect_free(folder)


def train_and_evaluate(options: argparse.Namespace, folder: Path, run: Run,
                       data: tuple, baselines: dict | None = None) -> Evaluation:
    """Train to the end, print the evaluation, draw figures; Ctrl-C ends as SystemExit(130)."""
    announce(folder, run, len(data[0]))
    try:
        run_dir.train_into(folder, run, data[0], detect_anomaly=options.detect_anomaly)
    except KeyboardInterrupt:
        saved = checkpoint.load(folder / CHECKPOINT)[1]["step"]
        root = folder if baselines is None else folder.parent  # of --compare off
        compare = ["--compare", options.compare] if options.compare else []
        print(f"\nstopped; {saved} of {run.steps} steps are saved. Resume with:\n"
              f"  {shell_words('tinynnclr', 'train', '--resume', *compare, '--out', root)}",
              file=sys.stderr)
        raise SystemExit(130) from None
    result = evaluate_into(folder, run, data, baselines)
    print(result, flush=True)
    names = ["result.json", "metrics.csv"]
    if not options.no_plots:
        from ..lab.plots import run_folder  # matplotlib takes a second to import

        run_folder.draw_into(folder, run, data)
        names += PICTURES
    print(f"in {folder}: {', '.join(names)}")
    return result


def announce(folder: Path, run: Run, images: int) -> None:
    """Print what is trained, and a note if the queue is large for the training set."""
    config = run.config
    ranks = f"{distributed.size()} ranks with " if distributed.size() > 1 else ""
    print(f"{config.method} on {config.dataset}: {images} training images, epoch {run.epoch} of "
          f"{config.epochs}, {ranks}{kernels.get_num_threads()} threads, into {folder}", flush=True)
    queues = [len(m) for m in run.method.modules() if isinstance(m, SupportSet)]
    if getattr(config, "neighbors", True) and queues and queues[0] > images / 2:
        print(f"note: a queue of {queues[0]} is more than half of the {images} training "
              "images, so a neighbour may be the image itself (self_match_rate in metrics.csv "
              "measures how often); use a smaller --queue-size")
