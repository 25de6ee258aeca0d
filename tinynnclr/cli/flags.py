"""Every command's flags, and how a mistake in them is told. Those of training are `Config`'s
fields.
"""
import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .. import __version__
from ..config import Config
from ..datasets.download import SOURCES
from ..lab.export import FORMATS
from ..lab.paper_tables import BUDGETS, tables_of
from ..lab.protocols.transfer_sets import TRANSFER_SETS
from ..lab.recipes import TRAIN_PRESETS
from ..lab.registry import PROTOCOLS
from ..lab.sweep.arms import parse_arms
from ..methods import METHODS
from ..methods.registry import USUAL, all_options, option_type, options_of
from ..storage.messages import nearest, one_line


class Parser(argparse.ArgumentParser):
    """argparse whose errors are one line, with the nearest name for an unknown flag, and exit
    status 2.
    """

    def parse_known_args(self, args=None, namespace=None):
        """Every parser answers for its own flags, so that `evaluate` does not suggest one of
        `train`.
        """
        namespace, unknown = super().parse_known_args(args, namespace)
        for word in unknown:
            if word.startswith("-"):
                flag = word.partition("=")[0]
                self.error(f"unknown flag {word}{nearest(flag, self._option_string_actions) or self.owners(flag)}")
        if unknown:
            self.error(f"unexpected {' '.join(unknown)}")
        return namespace, unknown

    def owners(self, flag):
        """", which belongs to `train`" if other commands have the flag, else ""."""
        commands = next(a.choices for a in build_parser()._actions
                        if isinstance(a, argparse._SubParsersAction))
        names = [name for name, parser in commands.items() if flag in parser._option_string_actions]
        return f", which belongs to {' and '.join(f'`{name}`' for name in names)}" if names else ""

    def _print_message(self, message, file=None):
        """As argparse's, which drops what cannot be written without a word."""
        print(message, end="", file=file or sys.stderr)

    def error(self, message):
        self.exit(2, f"{self.prog}: {one_line(message)}\n")


def given_path(text: str) -> Path:
    """A path; not an empty one, such as of a shell variable that is not set, which would be the
    current folder.
    """
    if not text:
        raise argparse.ArgumentTypeError("expected a path, got nothing; for the current folder, "
                                         "type .")
    return Path(text)


def add_option(parser: Any, name: str, field: dataclasses.Field, hidden: bool = False) -> None:
    """A flag for an option; one that is not given leaves no trace: defaults stay in one place."""
    flag, default, choices = f"--{name.replace('_', '-')}", field.default, field.metadata["choices"]
    text = field.metadata["help"] + ("" if default is None else f" [{default}]")
    options: dict[str, Any] = {"dest": name, "default": argparse.SUPPRESS,
                               "help": argparse.SUPPRESS if hidden else text.replace("%", "%%")}
    if option_type(name) is bool:
        parser.add_argument(flag, action=argparse.BooleanOptionalAction, **options)
    else:
        kind = option_type(name)
        parser.add_argument(flag, type=kind, choices=choices,
                            metavar=None if choices else kind.__name__.upper(), **options)


def add_config_flags(parser: argparse.ArgumentParser, shown: tuple[str, ...],
                     without: tuple[str, ...] = ()) -> None:
    """The options of all methods: the common ones in titled groups, then those of the methods that
    are `shown`.

    Those of other methods are read, too, but not shown: `make_config` says to whom they belong.
    """
    groups: dict[str, Any] = {}
    common = {f.name: f for f in dataclasses.fields(Config)}
    for name, field in common.items():
        if name not in without:
            title = field.metadata["group"]
            groups[title] = groups.get(title) or parser.add_argument_group(title)
            add_option(groups[title], name, own_field(name, shown) or field)
    added = set(common)
    for method in shown:
        own = {name: field for name, field in options_of(method).items() if name not in added}
        group = parser.add_argument_group(f"options of {method}") if own else parser
        for name, field in own.items():
            add_option(group, name, field)
        added |= set(own)
    for name, field in all_options().items():
        if name not in added:
            add_option(parser, name, field, hidden=True)


def own_field(name: str, shown: tuple[str, ...]) -> dataclasses.Field | None:
    """The field of the one method that is shown, with its own default; None where several are."""
    return options_of(shown[0])[name] if len(shown) == 1 else None


def named_method(arguments: list[str]) -> str:
    """The method that a command line names, by --method or by its preset; the usual one where it
    names none.
    """
    reader = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    reader.add_argument("--method")
    reader.add_argument("--preset")
    try:
        given = reader.parse_known_args(arguments)[0]
    except argparse.ArgumentError:
        return USUAL  # such as a --method without a name, which the whole parser reports
    preset = TRAIN_PRESETS.get(given.preset)
    name = given.method or (preset.options.get("method") if preset else None)
    return name if name in METHODS else USUAL


def build_parser(arguments: Sequence[str] = ()) -> Parser:
    """All commands and their flags; `train --help` shows the options of the method that the
    arguments name.
    """
    parser = Parser(prog="tinynnclr", description="Nearest-neighbour contrastive learning from "
                    "NumPy and Numba.", allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"tinynnclr {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    sub = commands.add_parser("train", help="learn from images, judge what was learned, draw it",
                              allow_abbrev=False, epilog="`train --method NAME --help` shows the "
                              "options of that method.")
    sub.add_argument("--method", choices=tuple(METHODS), default=argparse.SUPPRESS,
                     help=f"what is learned [{USUAL}]")
    sub.add_argument("--preset", choices=tuple(TRAIN_PRESETS), help="a recipe; flags beside it "
                     "win: " + "; ".join(f"{name}: {preset.meaning}" for name,
                                         preset in TRAIN_PRESETS.items()))
    add_config_flags(sub, (named_method(list(arguments)),))
    sub.add_argument("--out", type=given_path, metavar="DIR", help="folder of the run "
                     "[runs/METHOD-DATASET-SEED]")
    sub.add_argument("--resume", action="store_true", help="continue the run in --out from its "
                     "last checkpoint")
    sub.add_argument("--detect-anomaly", action="store_true", help="stop at the first gradient "
                     "that is not finite, and name its op; the loss is always watched")
    sub.add_argument("--no-plots", action="store_true", help="leave the pictures out")

    sub = commands.add_parser("compare", help="train and judge several methods with several seeds, "
                              "and tabulate them", description="Trains and judges every arm with "
                              "every seed, and goes on where it was stopped. An arm is a method, "
                              "with options of its own if need be: "
                              "moco:negatives=ring:anneal=linear or nnclr:neighbors=false; the "
                              "flags below are for all arms, and an arm's own options win. "
                              "Differences are those from the first arm.",
                              epilog="It leaves compare.md, compare.csv, compare.json and "
                              "compare.png in --out, written anew after each run, beside a folder "
                              "for every run.", allow_abbrev=False,
                              usage="%(prog)s [--methods ARMS] [--seeds SEEDS] [--out DIR] [flags "
                              "for all arms]")
    sub.add_argument("--methods", default="all", metavar="ARMS",
                     help=f"arms with commas between; all: {', '.join(parse_arms('all'))} [all]")
    sub.add_argument("--seeds", default="5", metavar="SEEDS", help="how many (0, 1, ...), or a "
                     "list: 0,3,7 [5]")
    sub.add_argument("--out", type=given_path, metavar="DIR", help="folder of the comparison "
                     "[runs/compare-DATASET]")
    add_config_flags(sub, tuple(METHODS), without=("seed",))

    sub = commands.add_parser("reproduce", help="make a small version of a paper's table",
                              allow_abbrev=False,
                              formatter_class=argparse.RawDescriptionHelpFormatter,
                              description="Trains what a table needs, judges it, and leaves "
                              "TABLE-BUDGET.csv, .md and .png.\nStopped, it goes on where it was; "
                              "runs are shared between tables.\n\ntables:\n"
                              + "\n".join(f"  {name:<18} {table.question}" for name,
                                          table in tables_of("small").items()) + "\n\nbudgets:\n"
                              + "\n".join(f"  {name:<18} {budget.meaning}" for name,
                                          budget in BUDGETS.items()))
    sub.add_argument("table", metavar="TABLE", help="one of them, several with commas between, or "
                     "all")
    sub.add_argument("--seeds", default="5", metavar="SEEDS", help="how many (0, 1, ...), or a "
                     "list: 0,3,7 [5]")
    sub.add_argument("--budget", choices=tuple(BUDGETS), default="small",
                     help="how much it may cost [small]")
    sub.add_argument("--epochs", type=int, metavar="N", help="of all runs, instead of the "
                     "budget's: a table that costs less, or more, and says so")
    sub.add_argument("--out", type=given_path, default=Path("runs") / "reproduce", metavar="DIR",
                     help="folder of the tables, and of the runs [runs/reproduce]")
    sub.add_argument("--data-dir", help="where downloaded data sets lie [data]")
    sub.add_argument("--threads", type=int, help="threads of the kernels (all cores)")

    for name, text in (("evaluate", "judge a run's last checkpoint again"),
                       ("plot", "draw a run's pictures again")):
        sub = commands.add_parser(name, help=text, allow_abbrev=False)
        sub.add_argument("dir", type=given_path, metavar="DIR", help="folder of the run")
        sub.add_argument("--threads", type=int, help="threads of the kernels (all cores)")
        sub.add_argument("--data-dir", metavar="DIR",
                         help="where downloaded data sets are now [as in training]")
        sub.add_argument("--dataset", metavar="folder:PATH",
                         help="where the folder of images is now [as in training]")
        if name == "evaluate":
            sub.add_argument("--protocol", metavar="NAMES",
                             help="with commas between, or all: "
                             + "; ".join(f"{key}: {protocol.meaning}" for key,
                                         protocol in PROTOCOLS.items()).replace("%", "%%")
                             + " [kNN and linear as after training]")
            sub.add_argument("--to", metavar="NAMES", help="of transfer and fewshot, the sets, "
                             f"with commas between: {', '.join(TRANSFER_SETS)}, folder:PATH [all that are "
                             "there]")

    sub = commands.add_parser("export", help="write a run's encoder for PyTorch",
                              allow_abbrev=False)
    sub.add_argument("dir", type=given_path, metavar="DIR", help="folder of the run")
    sub.add_argument("--format", choices=tuple(FORMATS), default="npz", help="of the file [npz]")
    sub.add_argument("--out", type=given_path, metavar="FILE", help="the file [DIR/encoder.FORMAT]")

    sub = commands.add_parser("download", help="fetch a data set from its official address",
                              allow_abbrev=False)
    sub.add_argument("name", choices=tuple(SOURCES), help="which")
    sub.add_argument("--data-dir", type=given_path, default=Path("data"), metavar="DIR",
                     help="where to put it [data]")
    sub.add_argument("--url", help="another address (or the environment variable "
                     "TINYNNCLR_<NAME>_URL)")
    sub.add_argument("--from", dest="archive", type=given_path, metavar="FILE",
                     help="a local archive instead")
    sub.add_argument("--allow-http", action="store_true", help="accept an address of http, which "
                     "anyone on the way can change")
    sub.add_argument("--no-checksum", action="store_true", help="accept other bytes than the "
                     "official ones")

    sub = commands.add_parser("bench", help="measure the kernels and a whole step beside other "
                              "libraries", allow_abbrev=False)
    sub.add_argument("--against", type=lambda text: text.split(","), metavar="PEERS",
                     help="numpy,torch,torch.compile,faiss,kornia,albumentations [those installed]")
    sub.add_argument("--only", default="*", metavar="PATTERN", help="only measures whose name "
                     "holds this, such as conv")
    sub.add_argument("--json", type=given_path, metavar="FILE", help="write the numbers there")
    sub.add_argument("--roofline", type=given_path, metavar="FILE",
                     help="draw them there, as a PNG")
    sub.add_argument("--threads", type=int, help="threads of both sides (all cores)")
    sub.add_argument("--quick", action="store_true", help="a few small cases: to see that it "
                     "works, not how fast")
    return parser
