"""The command line: train, compare, evaluate, plot, export, download, bench. Training flags are `Config`'s fields."""
import argparse
import contextlib
import dataclasses
import io
import json
import os
import re
import sys
import typing
from pathlib import Path

for _name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):  # before NumPy loads: one thread pool, ours
    os.environ.setdefault(_name, "1")

import numpy as np  # noqa: E402
from numba.core import event  # noqa: E402

from . import __version__, checkpoint, kernels, run_dir  # noqa: E402
from .compare import OUTPUTS, Comparison  # noqa: E402
from .config import Config, nearest  # noqa: E402
from .datasets.download import SOURCES, DownloadError, download  # noqa: E402
from .evaluate.finding import Subject, table  # noqa: E402
from .evaluate.protocols import PROTOCOLS, judge_into, parse_protocols  # noqa: E402
from .export import FORMATS, export_run  # noqa: E402
from .methods import METHODS, SupportSet  # noqa: E402
from .models import ENCODERS, encoder_defaults  # noqa: E402
from .run_dir import CHECKPOINT, PICTURES  # noqa: E402
from .sole_owner import sole_owner  # noqa: E402


class Parser(argparse.ArgumentParser):
    """argparse whose errors are one line, with the nearest name for an unknown flag, and exit status 2."""

    def parse_known_args(self, args=None, namespace=None):
        """Every parser answers for its own flags, so that `evaluate` does not suggest one of `train`."""
        namespace, unknown = super().parse_known_args(args, namespace)
        for word in unknown:
            if word.startswith("-"):
                flags = [flag for action in self._actions for flag in action.option_strings]
                self.error(f"unknown flag {word}{nearest(word.partition('=')[0], flags)}")
        if unknown:
            self.error(f"unexpected {' '.join(unknown)}")
        return namespace, unknown

    def error(self, message):
        self.exit(2, f"{self.prog}: {' '.join(message.split())}\n")


def add_config_flags(parser: argparse.ArgumentParser, without: tuple[str, ...] = ()) -> None:
    """A flag for every other field of Config; one that is not given leaves no trace: defaults stay in one place."""
    types = typing.get_type_hints(Config)
    for field in (f for f in dataclasses.fields(Config) if f.name not in without):
        flag, default = f"--{field.name.replace('_', '-')}", field.default
        text = field.metadata["help"] + ("" if default is None else f" [{default}]")
        options = {"dest": field.name, "default": argparse.SUPPRESS, "help": text.replace("%", "%%")}
        if types[field.name] is bool:
            parser.add_argument(flag, action=argparse.BooleanOptionalAction, **options)
        else:
            kinds = [t for t in typing.get_args(types[field.name]) or (types[field.name],) if t is not type(None)]
            parser.add_argument(flag, type=kinds[0], choices=field.metadata["choices"], **options,
                                metavar=None if field.metadata["choices"] else kinds[0].__name__.upper())


def own_defaults() -> str:
    """What methods and encoders set otherwise than the defaults in brackets, unless it is given."""
    own = {**{name: method.defaults for name, method in METHODS.items()},
           **{name: encoder_defaults(name) for name in ENCODERS}}
    said = [f"{name}: {', '.join(f'{k} {v}' for k, v in knobs.items())}" for name, knobs in own.items() if knobs]
    return f"Defaults of their own, unless you give others, have {'; '.join(said)}."


def build_parser() -> Parser:
    """All commands and their flags."""
    parser = Parser(prog="tinynnclr", description="Nearest-neighbour contrastive learning from NumPy and Numba.",
                    allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"tinynnclr {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    sub = commands.add_parser("train", help="learn from images, judge what was learned, draw it", allow_abbrev=False,
                              epilog=own_defaults())
    add_config_flags(sub)
    sub.add_argument("--out", type=Path, metavar="DIR", help="folder of the run [runs/METHOD-DATASET-SEED]")
    sub.add_argument("--resume", action="store_true", help="continue the run in --out from its last checkpoint")
    sub.add_argument("--detect-anomaly", action="store_true", help="stop at the first gradient that is not finite, and "
                     "name its op; the loss is always watched")
    sub.add_argument("--no-plots", action="store_true", help="leave the pictures out")

    sub = commands.add_parser("compare", help="train and judge several methods with several seeds, and tabulate them",
                              description="Trains and judges every arm with every seed, and goes on where it was "
                              "stopped. An arm is a method, with knobs of its own if need be: "
                              "moco:negatives=ring:anneal=linear or nnclr:neighbors=false; the flags below are for all "
                              "arms, and an arm's own knobs win. Differences are those from the first arm.",
                              epilog="It leaves compare.md, compare.csv, compare.json and compare.png in --out, "
                              "written anew after each run, beside a folder for every run.", allow_abbrev=False,
                              usage="%(prog)s [--methods ARMS] [--seeds SEEDS] [--out DIR] [flags for all arms]")
    sub.add_argument("--methods", default="all", metavar="ARMS",
                     help=f"arms with commas between; all: {', '.join(METHODS)} [all]")
    sub.add_argument("--seeds", default="5", metavar="SEEDS", help="how many (0, 1, ...), or a list: 0,3,7 [5]")
    sub.add_argument("--out", type=Path, metavar="DIR", help="folder of the comparison [runs/compare-DATASET]")
    add_config_flags(sub, without=("method", "seed"))

    for name, text in (("evaluate", "judge a run's last checkpoint again"), ("plot", "draw a run's pictures again")):
        sub = commands.add_parser(name, help=text, allow_abbrev=False)
        sub.add_argument("dir", type=Path, metavar="DIR", help="folder of the run")
        sub.add_argument("--threads", type=int, help="threads of the kernels (all cores)")
        if name == "evaluate":
            sub.add_argument("--protocol", metavar="NAMES", help="with commas between, or all: " + "; ".join(
                f"{key}: {protocol.meaning}" for key, protocol in PROTOCOLS.items()).replace("%", "%%") +
                " [kNN and linear as after training]")

    sub = commands.add_parser("export", help="write a run's encoder for PyTorch", allow_abbrev=False)
    sub.add_argument("dir", type=Path, metavar="DIR", help="folder of the run")
    sub.add_argument("--format", choices=tuple(FORMATS), default="npz", help="of the file [npz]")
    sub.add_argument("--out", type=Path, metavar="FILE", help="the file [DIR/encoder.FORMAT]")

    sub = commands.add_parser("download", help="fetch a data set from its official address", allow_abbrev=False)
    sub.add_argument("name", choices=tuple(SOURCES), help="which")
    sub.add_argument("--data-dir", type=Path, default=Path("data"), metavar="DIR", help="where to put it [data]")
    sub.add_argument("--url", help="another address (or the environment variable TINYNNCLR_<NAME>_URL)")
    sub.add_argument("--from", dest="archive", type=Path, metavar="FILE", help="a local archive instead")
    sub.add_argument("--allow-http", action="store_true", help="accept an address of http, which anyone on the way can "
                     "change")
    sub.add_argument("--no-checksum", action="store_true", help="accept other bytes than the official ones")

    sub = commands.add_parser("bench", help="measure the kernels and a whole step beside other libraries",
                              allow_abbrev=False)
    sub.add_argument("--against", type=lambda text: text.split(","), metavar="PEERS",
                     help="numpy,torch,torch.compile,faiss,kornia,albumentations [those installed]")
    sub.add_argument("--only", default="*", metavar="PATTERN", help="only measures whose name holds this, such as conv")
    sub.add_argument("--json", type=Path, metavar="FILE", help="write the numbers there")
    sub.add_argument("--roofline", type=Path, metavar="FILE", help="draw them there, as a PNG")
    sub.add_argument("--threads", type=int, help="threads of both sides (all cores)")
    sub.add_argument("--quick", action="store_true", help="a few small cases: to see that it works, not how fast")
    return parser


def default_folder(config: Config) -> Path:
    """Where a run goes that was given no --out."""
    return Path("runs") / f"{config.method}-{re.sub('[^A-Za-z0-9_.]+', '-', config.dataset)}-{config.seed}"


def given_knobs(options: argparse.Namespace) -> dict:
    """The fields of Config that were given as flags."""
    return {f.name: getattr(options, f.name) for f in dataclasses.fields(Config) if f.name in options}


def begun(folder: Path) -> bool:
    """Whether a run in this folder got past its first step, so that it would be a pity to write over it."""
    try:
        return checkpoint.load(folder / CHECKPOINT)[1].get("step") != 0
    except FileNotFoundError:
        return False
    except ValueError:
        return True


def begin(options: argparse.Namespace, given: dict, folder: Path) -> tuple[run_dir.Run, tuple]:
    """The run that goes on, or a new one, and its data; the folder is made last: a mistake leaves none behind."""
    if options.resume:
        run, data = run_dir.restore(folder, given.get("threads"))
        for name, value in given.items():
            if name != "threads" and value != getattr(run.config, name):
                raise ValueError(f"--{name.replace('_', '-')} {value}: the run in {folder} was begun with "
                                 f"{getattr(run.config, name)}, and --resume goes on as it began")
        return run, data
    config = Config.of(given)
    if begun(folder):
        raise ValueError(f"--out {folder}: a run is there already; add --resume to go on with it, or name another")
    kernels.set_num_threads(config.threads or kernels.get_num_threads())
    data = run_dir.load_data(config)
    run = run_dir.Run(config, data[0])
    run_dir.open_dir(folder)
    return run, data


def run_train(options: argparse.Namespace) -> None:
    """Train, or with --resume train on; then judge and draw."""
    given = given_knobs(options)
    folder = options.out or default_folder(Config.of(given))
    with contextlib.ExitStack() as held:
        if there := folder.is_dir():  # before anything in it is read
            held.enter_context(sole_owner(folder))
        run, data = begin(options, given, folder)
        if not there:
            held.enter_context(sole_owner(folder))
        train_and_judge(options, folder, run, data)


def train_and_judge(options: argparse.Namespace, folder: Path, run: run_dir.Run, data: tuple) -> None:
    """Train to the end, say how well it did, draw it; Ctrl-C says how to go on and ends as SystemExit(130)."""
    config = run.config
    print(f"{config.method} on {config.dataset}: {len(data[0])} training images, epoch {run.epoch} of {config.epochs}, "
          f"{kernels.get_num_threads()} threads, into {folder}", flush=True)
    queues = [len(m) for m in run.method.modules() if isinstance(m, SupportSet)]
    if config.neighbors and queues and queues[0] > len(data[0]) / 4:
        print(f"note: a queue of {queues[0]} is more than a quarter of {len(data[0])} images: what is found there may "
              "be the image itself, an epoch ago (of neighbours, self_match in metrics.csv tells how often)")
    try:
        run_dir.train_into(folder, run, data[0], detect_anomaly=options.detect_anomaly)
    except KeyboardInterrupt:
        saved = checkpoint.load(folder / CHECKPOINT)[1]["step"]
        print(f"\nstopped; {saved} of {config.epochs * run.steps_per_epoch} steps are saved. Go on with:\n"
              f"  tinynnclr train --resume --out {folder}", file=sys.stderr)
        raise SystemExit(130) from None
    print(run_dir.table(run_dir.evaluate_into(folder, run, data)), flush=True)
    if not options.no_plots:
        run_dir.draw_into(folder, run, data)
    print(f"in {folder}: result.json, metrics.csv" + ("" if options.no_plots else f", {', '.join(PICTURES)}"))


def run_compare(options: argparse.Namespace) -> None:
    """Train and judge arms x seeds. Exit status 1 where a run failed."""
    comparison = Comparison(options.methods, options.seeds, given_knobs(options), options.out)
    failed = comparison.run()
    if comparison.done:
        print(f"in {comparison.out}: {', '.join(OUTPUTS)}")
    if failed:
        print(f"tinynnclr compare: {len(failed)} of {len(comparison.jobs)} runs failed, as told above: "
              f"{'; '.join(failed)}", file=sys.stderr)
        raise SystemExit(1)


def run_evaluate(options: argparse.Namespace) -> None:
    """Judge the last checkpoint: write result.json anew, or the files of the protocols that are named."""
    names = parse_protocols(options.protocol) if options.protocol else []
    run, data = run_dir.restore(options.dir, options.threads)
    if not names:
        print(run_dir.table(run_dir.evaluate_into(options.dir, run, data)))
    for name in names:
        finding = judge_into(options.dir, name, Subject(run.config, run.method.encoder, data))
        print(f"{table(finding.rows)}\n{finding.rules}\n"
              f"in {options.dir}: {name}.json, {name}.md, {name}.png", flush=True)


def run_plot(options: argparse.Namespace) -> None:
    """Draw the pictures of the last checkpoint anew."""
    for path in run_dir.draw_into(options.dir, *run_dir.restore(options.dir, options.threads)):
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
    from . import bench

    if options.threads is not None:
        kernels.set_num_threads(options.threads)
    bench.expect_measure(options.only)
    against = bench.installed(options.against)
    with bench.blas_threads(kernels.get_num_threads()):
        rows, peak, bandwidth = bench.bench(against, options.only, options.quick)
    if options.json:
        run_dir.write_text(options.json, json.dumps(rows, indent=1) + "\n")
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
    """Run one command. A user's mistake ends as one line on standard error and exit status 2, never a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a path's bytes may be no text at all
            stream.reconfigure(errors="backslashreplace")
    options = build_parser().parse_args(arguments)
    command = {"train": run_train, "compare": run_compare, "evaluate": run_evaluate, "plot": run_plot,
               "export": run_export, "download": run_download, "bench": run_bench}
    try:
        with event.install_listener("numba:compile", Announce()), np.errstate(all="ignore"):  # `train` finds NaN
            command[options.command](options)
    except (ValueError, OSError, FloatingPointError, DownloadError, MemoryError) as error:
        message = f"{error.strerror}: {error.filename}" if isinstance(error, OSError) and error.filename else str(error)
        print(f"tinynnclr {options.command}: {' '.join(message.split()) or type(error).__name__}", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        raise SystemExit(130) from None
