"""The command line: train, compare, reproduce, evaluate, plot, export, download, bench. Its flags
are in flags.py.
"""
import argparse
import contextlib
import json
import re
import sys
from pathlib import Path

import numpy as np
from numba.core import event

from .. import distributed, kernels
from ..config import Config
from ..datasets.download import DownloadError, download
from ..evaluate import evaluate_into
from ..lab.export import export_run
from ..lab.paper_tables import parse_tables, reproduce
from ..lab.protocols.context import EvalContext, table
from ..lab.protocols.transfer_sets import parse_transfer_sets
from ..lab.recipes import TRAIN_PRESETS
from ..lab.registry import parse_protocols, run_protocol
from ..lab.sweep.arms import parse_seeds
from ..lab.sweep.comparison import OUTPUTS, Comparison
from ..methods import SupportSet, make_config
from ..methods.registry import all_options, flag_names
from ..storage import checkpoint
from ..storage.atomic import expect_ours, rows_with, write_text
from ..storage.folder_lock import lock_folder
from ..storage.messages import one_line, shell_words
from ..train import run_dir
from ..train.run import Run
from ..train.run_dir import CHECKPOINT, PICTURES
from .console import escape_unprintable
from .flags import build_parser

SHARED = ("train", "evaluate")  # commands whose work several ranks share


def default_folder(config: Config) -> Path:
    """Where a run goes that was given no --out."""
    return Path("runs") / f"{config.method}-{re.sub('[^A-Za-z0-9_.]+', '-', config.dataset)}-{config.seed}"


def given_knobs(options: argparse.Namespace) -> dict:
    """The options that were given, by a preset or, over it, as flags."""
    preset = TRAIN_PRESETS[options.preset].options if getattr(options, "preset", None) else {}
    return {**preset, **{name: getattr(options, name) for name in ("method", *all_options()) if name
                         in options}}


def begun(folder: Path) -> bool:
    """Whether a run in this folder got past its first step, so that it would be a pity to write
    over it.
    """
    try:
        return checkpoint.load(folder / CHECKPOINT)[1].get("step") != 0
    except FileNotFoundError:
        return False
    except ValueError:
        return True


def expect_free(folder: Path) -> None:
    """Raise ValueError if the folder contains a run with at least one step, or files that no run
    wrote.
    """
    if begun(folder):
        raise ValueError(f"--out {folder} already contains a run; add --resume or choose another "
                         "--out")
    run_dir.expect_free(folder)


def begin(options: argparse.Namespace, given: dict, folder: Path) -> tuple[Run, tuple]:
    """The run that goes on, or a new one, and its data; the folder is made last: a mistake leaves
    none behind.
    """
    if options.resume:
        run, data = run_dir.restore(folder, given.get("threads"), given.get("data_dir"),
                                    given.get("dataset"))
        for name, value in given.items():
            before = run.config.to_dict().get(name, "another method")
            if name != "threads" and value != before:
                raise ValueError(f"--{name.replace('_', '-')} {value}: the run in {folder} was "
                                 f"begun with {before}, and --resume goes on as it began")
        return run, data
    config = make_config(given)
    expect_free(folder)
    kernels.set_num_threads(config.threads or kernels.get_num_threads())
    data = run_dir.load_data(config)
    run = Run(config, *data)
    run_dir.open_dir(folder)
    return run, data


def run_train(options: argparse.Namespace) -> None:
    """Train, or with --resume train on; then judge and draw."""
    given = given_knobs(options)
    folder = options.out or default_folder(make_config(given))
    with contextlib.ExitStack() as held:
        if there := folder.is_dir():  # before anything in it is read
            held.enter_context(lock_folder(folder))
        run, data = begin(options, given, folder)
        if not there:
            held.enter_context(lock_folder(folder))
            expect_free(folder)  # another process may have made and filled it in the meantime
        train_and_judge(options, folder, run, data)


def train_and_judge(options: argparse.Namespace, folder: Path, run: Run, data: tuple) -> None:
    """Train to the end, say how well it did, draw it; Ctrl-C says how to go on and ends as
    SystemExit(130).
    """
    config = run.config
    print(f"{config.method} on {config.dataset}: {len(data[0])} training images, epoch {run.epoch} of {config.epochs}, "
          f"{f'{distributed.size()} ranks with ' * (distributed.size() > 1)}{kernels.get_num_threads()} threads, "
          f"into {folder}", flush=True)
    queues = [len(m) for m in run.method.modules() if isinstance(m, SupportSet)]
    if getattr(config, "neighbors", True) and queues and queues[0] > len(data[0]) / 4:
        print(f"note: a queue of {queues[0]} is more than a quarter of the {len(data[0])} training "
              "images, so a neighbour may be the image itself (self_match_rate in metrics.csv is "
              "the share); use a smaller --queue-size")
    try:
        run_dir.train_into(folder, run, data[0], detect_anomaly=options.detect_anomaly)
    except KeyboardInterrupt:
        saved = checkpoint.load(folder / CHECKPOINT)[1]["step"]
        print(f"\nstopped; {saved} of {config.epochs * run.steps_per_epoch} steps are saved. "
              f"Resume with:\n  {shell_words('tinynnclr', 'train', '--resume', '--out', folder)}",
              file=sys.stderr)
        raise SystemExit(130) from None
    print(evaluate_into(folder, run, data), flush=True)
    if not options.no_plots:
        from ..lab.plots.run_folder import draw_into  # matplotlib takes a second to import

        draw_into(folder, run, data)
    print(f"in {folder}: result.json, metrics.csv" + ("" if options.no_plots
                                                      else f", {', '.join(PICTURES)}"))


def run_compare(options: argparse.Namespace) -> None:
    """Train and judge arms x seeds. Exit status 1 where a run failed."""
    comparison = Comparison(options.methods, options.seeds, given_knobs(options), options.out)
    failed = comparison.run()
    if comparison.done:
        print(f"in {comparison.out}: {', '.join(OUTPUTS)}")
    if failed:
        print(f"tinynnclr compare: {len(failed)} of {len(comparison.jobs)} runs failed, as told "
              f"above: {'; '.join(failed)}", file=sys.stderr)
        raise SystemExit(1)


def run_reproduce(options: argparse.Namespace) -> None:
    """Make tables, one after the other."""
    chosen, seeds = parse_tables(options.table, options.budget), parse_seeds(options.seeds)
    given = {name: value for name in ("data_dir", "threads", "epochs")
             if (value := getattr(options, name)) is not None}
    for one in chosen:
        for path in reproduce(one, options.budget, seeds, given, options.out):
            print(path, flush=True)


def run_evaluate(options: argparse.Namespace) -> None:
    """Judge the last checkpoint: write result.json anew, or the files of the protocols that are
    named.
    """
    names = parse_protocols(options.protocol) if options.protocol is not None else []
    to = parse_transfer_sets(options.to) if options.to is not None else None
    if to and not {"transfer", "fewshot"} & set(names):
        raise ValueError(f"--to {options.to}: it is for --protocol transfer and fewshot; add one "
                         "of them")
    with lock_folder(options.dir) if options.dir.is_dir() else contextlib.nullcontext():
        run, data = run_dir.restore(options.dir, options.threads, options.data_dir, options.dataset)
        if not names:
            print(evaluate_into(options.dir, run, data))
        for name in names:
            finding = run_protocol(options.dir, name, EvalContext(run.config, run.encoder, data, to))
            print(f"{table(finding.rows)}\n{finding.description}\n"
                  f"in {options.dir}: {name}.json, {name}.md, {name}.png", flush=True)


def run_plot(options: argparse.Namespace) -> None:
    """Draw the pictures of the last checkpoint anew."""
    from ..lab.plots.run_folder import draw_into

    with lock_folder(options.dir) if options.dir.is_dir() else contextlib.nullcontext():
        run = run_dir.restore(options.dir, options.threads, options.data_dir, options.dataset)
        for path in draw_into(options.dir, *run):
            print(path)


def run_export(options: argparse.Namespace) -> None:
    """Write the encoder of the last checkpoint with torch's names and layout."""
    print(export_run(options.dir, options.format, options.out))


def run_download(options: argparse.Namespace) -> None:
    """Fetch, check and unpack a data set."""
    download(options.name, options.data_dir, url=options.url, archive=options.archive,
             checksum=not options.no_checksum, allow_http=options.allow_http)


def run_bench(options: argparse.Namespace) -> None:
    """Measure, print, and write what was asked for."""
    from ..lab import bench

    if options.threads is not None:
        kernels.set_num_threads(options.threads)
    bench.expect_measure(options.only)
    for flag, path, ours in (("--json", options.json, rows_with("measure")),
                             ("--roofline", options.roofline, bench.drawn)):
        if path:
            expect_ours([path], ours, f"{flag} ")
    against = bench.installed(options.against)
    with bench.blas_threads(kernels.get_num_threads()):
        rows, peak, bandwidth = bench.bench(against, options.only, options.quick)
    if options.json:
        write_text(options.json, json.dumps(rows, indent=1) + "\n")
    if options.roofline:
        bench.draw_roofline(rows, peak, bandwidth, options.roofline)


class Announce(event.Listener):
    """Says once that kernels are being compiled, the first time that one really is."""

    told = False

    def on_start(self, _event):
        if not self.told:
            self.told = True
            print("compiling the kernels, half a minute, once", file=sys.stderr, flush=True)

    def on_end(self, _event):
        pass


def main(arguments: list[str] | None = None) -> None:
    """Run one command. A user's mistake ends as one line on standard error and exit status 2, never
    a traceback.
    """
    escape_unprintable()  # a path may contain any character, and bytes that are not text
    try:
        distributed.start()
    except ValueError as error:
        build_parser().error(str(error))
    with distributed.all_or_none():
        run_command(build_parser(sys.argv[1:] if arguments is None
                                 else arguments).parse_args(arguments))


def run_command(options: argparse.Namespace) -> None:
    """The command that was asked for, and its errors in a line."""
    command = {"train": run_train, "compare": run_compare, "reproduce": run_reproduce,
               "evaluate": run_evaluate, "plot": run_plot, "export": run_export,
               "download": run_download, "bench": run_bench}
    try:
        if distributed.size() > 1 and options.command not in SHARED:
            raise ValueError(f"mpiexec started {distributed.size()} ranks, which only "
                             f"{' and '.join(SHARED)} share: run this command without mpiexec")
        kernels.set_num_threads(distributed.threads_each(kernels.get_num_threads()))
        # `train` finds NaN
        with event.install_listener("numba:compile", Announce()), np.errstate(all="ignore"):
            command[options.command](options)
    except BrokenPipeError:
        raise  # the reader has closed the pipe; `__main__` ends the command
    except (ValueError, OSError, FloatingPointError, OverflowError, DownloadError,
            MemoryError) as error:
        message = str(error)
        if isinstance(error, OSError) and error.strerror:
            message = f"{error.strerror}: {error.filename or 'standard output, or a removed working directory'}"
        # NumPy's words for more than 2**63 bytes
        if isinstance(error, MemoryError) or "too big" in message:
            message = (f"not enough memory{message and f' ({message})'}; choose smaller sizes: "
                       "--width, --dim, --queue-size, --batch-size")
        message = message.replace("set_num_threads: expected", "--threads: expected")
        message = flag_names(message) if options.command in ("train", "reproduce") else message
        print(f"tinynnclr {options.command}: {one_line(message) or type(error).__name__}",
              file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        raise SystemExit(130) from None
