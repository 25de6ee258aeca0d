"""The flags of every command."""
import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .. import __version__
from ..datasets.download import SOURCES
from ..lab.export import FORMATS
from ..lab.paper_tables import BUDGETS, tables_of
from ..lab.protocols.transfer_sets import TRANSFER_SETS
from ..lab.recipes import TRAIN_PRESETS
from ..lab.registry import PROTOCOLS
from ..lab.sweep.arms import parse_arms
from ..methods import METHODS
from ..methods.registry import DEFAULT_METHOD
from .config_flags import add_config_flags, named_method
from .parser import Parser, nonempty_path


def build_parser(arguments: Sequence[str] = ()) -> Parser:
    """All commands and their flags; `train --help` shows the options of the method in arguments."""
    parser = Parser(prog="tinynnclr", allow_abbrev=False,
                    description="Nearest-neighbour contrastive learning from NumPy and Numba.")
    parser.add_argument("--version", action="version", version=f"tinynnclr {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    add_train(commands, named_method(list(arguments)))
    add_compare(commands)
    add_reproduce(commands)
    add_evaluate(commands)
    add_plot(commands)
    add_export(commands)
    add_download(commands)
    add_bench(commands)
    for command in (parser, *commands.choices.values()):
        command.commands = commands.choices
    return parser


def add_train(commands: Any, method: str) -> None:
    """train, with the options of one method in its help."""
    sub = commands.add_parser("train", allow_abbrev=False,
                              help="train an encoder, evaluate it and draw figures",
                              epilog="`train --method NAME --help` shows the options of that "
                              "method.")
    sub.add_argument("--method", choices=tuple(METHODS), default=argparse.SUPPRESS,
                     help=f"the method to train with [{DEFAULT_METHOD}]")
    meanings = "; ".join(f"{name}: {preset.meaning}" for name, preset in TRAIN_PRESETS.items())
    sub.add_argument("--preset", choices=tuple(TRAIN_PRESETS),
                     help=f"a preset; explicit flags override it. {meanings}")
    add_config_flags(sub, (method,))
    sub.add_argument("--out", type=nonempty_path, metavar="DIR",
                     help="folder of the run [runs/METHOD-DATASET-SEED]")
    sub.add_argument("--resume", action="store_true",
                     help="resume the run in --out from its last checkpoint")
    sub.add_argument("--compare", choices=("off",),
                     help="off: train the same run without neighbours, too, in DIR/off, and print "
                     "both results")
    sub.add_argument("--detect-anomaly", action="store_true",
                     help="stop at the first gradient that is not finite and print its op; a loss "
                     "that is not finite always stops the run")
    sub.add_argument("--no-plots", action="store_true", help="do not draw figures")


def add_compare(commands: Any) -> None:
    """compare."""
    sub = commands.add_parser(
        "compare", help="train and evaluate several methods with several seeds",
        description="Trains and evaluates every arm with every seed; an interrupted comparison "
        "resumes. An arm is a method, optionally with its own options: "
        "moco:negatives=ring:anneal=linear or nnclr:neighbors=false. The flags below apply to all "
        "arms; an arm's own options override them. Differences are relative to the first arm.",
        epilog="Writes compare.md, compare.csv, compare.json and compare.png to --out after each "
        "run, and a folder for every run.", allow_abbrev=False,
        usage="%(prog)s [--methods ARMS] [--seeds SEEDS] [--out DIR] [flags for all arms]")
    sub.add_argument("--methods", default="all", metavar="ARMS",
                     help=f"arms, comma-separated; all: {', '.join(parse_arms('all'))} [all]")
    add_seeds(sub)
    sub.add_argument("--out", type=nonempty_path, metavar="DIR",
                     help="folder of the comparison [runs/compare-DATASET]")
    add_config_flags(sub, tuple(METHODS), without=("seed",))


def add_reproduce(commands: Any) -> None:
    """reproduce."""
    tables = [f"  {name:<18} {table.question}" for name, table in tables_of("small").items()]
    budgets = [f"  {name:<18} {budget.meaning}" for name, budget in BUDGETS.items()]
    sub = commands.add_parser(
        "reproduce", help="reproduce a small version of a paper's table", allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="\n".join(["Trains and evaluates the runs of a table, and writes "
                               "TABLE-BUDGET.csv, .md and .png.", "Tables share runs; interrupted "
                               "runs resume.", "", "tables:", *tables, "", "budgets:", *budgets]))
    sub.add_argument("table", metavar="TABLE", help="tables, comma-separated, or all")
    add_seeds(sub)
    sub.add_argument("--arms", metavar="NAMES", help="arms of the table, comma-separated [all]")
    sub.add_argument("--budget", choices=tuple(BUDGETS), default="small",
                     help="the size of the runs [small]")
    sub.add_argument("--epochs", type=int, metavar="N",
                     help="epochs of all runs, instead of the budget's; the table reports it")
    sub.add_argument("--out", type=nonempty_path, default=Path("runs") / "reproduce",
                     metavar="DIR", help="folder of the tables and the runs [runs/reproduce]")
    sub.add_argument("--data-dir", help="folder of downloaded data sets [data]")
    add_threads(sub)


def add_evaluate(commands: Any) -> None:
    """evaluate."""
    sub = commands.add_parser("evaluate", help="evaluate the last checkpoint of a run",
                              allow_abbrev=False)
    add_run(sub)
    meanings = "; ".join(f"{name}: {protocol.meaning}" for name, protocol in PROTOCOLS.items())
    sub.add_argument("--protocol", metavar="NAMES",
                     help=f"protocols, comma-separated, or all. {meanings} [the measures of "
                     "result.json, as after training]".replace("%", "%%"))
    sub.add_argument("--to", metavar="NAMES",
                     help="data sets for transfer and fewshot, comma-separated: "
                     f"{', '.join(TRANSFER_SETS)}, folder:PATH [all that are available]")


def add_plot(commands: Any) -> None:
    """plot."""
    add_run(commands.add_parser("plot", help="draw the figures of a run's last checkpoint",
                                allow_abbrev=False))


def add_export(commands: Any) -> None:
    """export."""
    sub = commands.add_parser("export", help="write a run's encoder for PyTorch",
                              allow_abbrev=False)
    sub.add_argument("dir", type=nonempty_path, metavar="DIR", help="folder of the run")
    sub.add_argument("--format", choices=tuple(FORMATS), default="npz", help="file format [npz]")
    sub.add_argument("--out", type=nonempty_path, metavar="FILE",
                     help="file to write [DIR/encoder.FORMAT]")


def add_download(commands: Any) -> None:
    """download."""
    sub = commands.add_parser("download", help="download a data set from its official address",
                              allow_abbrev=False)
    sub.add_argument("name", choices=tuple(SOURCES), help="the data set")
    sub.add_argument("--data-dir", type=nonempty_path, default=Path("data"), metavar="DIR",
                     help="folder to unpack it into [data]")
    sub.add_argument("--url", help="another address (or set the environment variable "
                     "TINYNNCLR_<NAME>_URL)")
    sub.add_argument("--from", dest="archive", type=nonempty_path, metavar="FILE",
                     help="use this local archive instead of downloading")
    sub.add_argument("--allow-http", action="store_true",
                     help="accept an http address, whose content can be changed on the way")
    sub.add_argument("--no-checksum", action="store_true",
                     help="accept an archive whose checksum differs from the official one")


def add_bench(commands: Any) -> None:
    """bench."""
    sub = commands.add_parser("bench", help="measure the kernels and a training step beside other "
                              "libraries", allow_abbrev=False)
    sub.add_argument("--against", type=lambda text: text.split(","), metavar="LIBRARIES",
                     help="reference libraries, comma-separated: numpy, torch, torch.compile, "
                     "faiss, kornia, albumentations [those installed]")
    sub.add_argument("--only", default="*", metavar="PATTERN",
                     help="only the measures whose name contains this, for example conv")
    sub.add_argument("--json", type=nonempty_path, metavar="FILE",
                     help="write the numbers to this file")
    sub.add_argument("--roofline", type=nonempty_path, metavar="FILE",
                     help="draw the roofline plot to this PNG file")
    sub.add_argument("--threads", type=int, help="threads of every library [all cores]")
    sub.add_argument("--quick", action="store_true",
                     help="run a few small cases, to check that everything works")


def add_run(sub: argparse.ArgumentParser) -> None:
    """The folder of a finished run, and where its data are now."""
    sub.add_argument("dir", type=nonempty_path, metavar="DIR", help="folder of the run")
    add_threads(sub)
    sub.add_argument("--data-dir", metavar="DIR",
                     help="folder of downloaded data sets [as in training]")
    sub.add_argument("--dataset", metavar="folder:PATH",
                     help="the folder of images, if it has moved [as in training]")


def add_seeds(sub: argparse.ArgumentParser) -> None:
    """--seeds of a command that trains several runs."""
    sub.add_argument("--seeds", default="5", metavar="SEEDS",
                     help="number of seeds (0, 1, ...), or a list: 0,3,7 [5]")


def add_threads(sub: argparse.ArgumentParser) -> None:
    """--threads."""
    sub.add_argument("--threads", type=int, help="threads of the kernels [all cores]")
