"""The entry of the command line: run one command, and report a user's error in one line."""
import argparse
import sys

import numpy as np
from numba.core import event

from .. import distributed, kernels
from ..datasets.download import DownloadError
from ..methods.registry import flag_names
from ..storage.messages import one_line
from . import commands, train
from .console import escape_unprintable
from .flags import build_parser

SHARED = ("train", "evaluate")  # commands that several ranks can share


def main(arguments: list[str] | None = None) -> None:
    """Run one command. A user's error gives one line on standard error and exit status 2."""
    escape_unprintable()  # a path may contain any character, and bytes that are not text
    try:
        distributed.start()
    except ValueError as error:
        build_parser().error(str(error))
    with distributed.all_or_none():
        words = sys.argv[1:] if arguments is None else arguments
        run_command(build_parser(words).parse_args(words))


def run_command(options: argparse.Namespace) -> None:
    """Run a command. Its errors end as one line and exit status 2, Ctrl-C as status 130."""
    functions = {"train": train.run_train, "compare": commands.run_compare,
                 "reproduce": commands.run_reproduce, "evaluate": commands.run_evaluate,
                 "plot": commands.run_plot, "export": commands.run_export,
                 "download": commands.run_download, "bench": commands.run_bench}
    try:
        if distributed.size() > 1 and options.command not in SHARED:
            raise ValueError(f"mpiexec started {distributed.size()} ranks, which only "
                             f"{' and '.join(SHARED)} share: run this command without mpiexec")
        kernels.set_num_threads(distributed.threads_each(kernels.get_num_threads()))
        with event.install_listener("numba:compile", CompilationNotice()):
            with np.errstate(all="ignore"):  # `train` finds NaN itself
                functions[options.command](options)
    except BrokenPipeError:
        raise  # the reader has closed the pipe; `__main__` ends the command
    except (ValueError, OSError, FloatingPointError, OverflowError, DownloadError,
            MemoryError) as error:
        print(f"tinynnclr {options.command}: {describe(error, options.command)}", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        raise SystemExit(130) from None


def describe(error: Exception, command: str) -> str:
    """The error in one line, with options as flags."""
    message = str(error)
    if isinstance(error, OSError) and error.strerror:
        place = error.filename or "standard output, or a removed working directory"
        message = f"{error.strerror}: {place}"
    # "too big": NumPy's message for more than 2**63 bytes
    if isinstance(error, MemoryError) or "too big" in message:
        details = f" ({message})" if message else ""
        message = (f"not enough memory{details}; choose smaller sizes: --width, --dim, "
                   "--queue-size, --batch-size")
    message = message.replace("set_num_threads: expected", "--threads: expected")
    if command in ("train", "reproduce"):
        message = flag_names(message)
    return one_line(message) or type(error).__name__


class CompilationNotice(event.Listener):
    """Prints once that kernels are being compiled, when the first compilation starts."""

    printed = False

    def on_start(self, _event):
        if not self.printed:
            self.printed = True
            print("compiling the kernels, half a minute, once", file=sys.stderr, flush=True)

    def on_end(self, _event):
        pass
