"""A terminal: characters that it can print, streams that may be closed, and errors before the
command starts.
"""
import contextlib
import io
import os
import sys
from types import TracebackType

from ..storage.messages import one_line

# sys.argv[0] while a command is imported
PROGRAMS = ("-m", "tinynnclr", "tinynnclr.exe", "tinynnclr-script.py")


def is_command() -> bool:
    """Whether this process runs the command tinynnclr, and not a program that imports the package.
    """
    return os.path.basename((sys.argv or [""])[0]) in PROGRAMS


def escape_unprintable() -> None:
    r"""From now on, print characters that the encoding lacks as escapes (\u25cb) instead of raising
    an error.
    """
    for stream in (sys.stdout, sys.stderr):
        # not in a notebook, where all characters can be shown
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def open_missing_streams() -> None:
    """Open the null device for each closed standard stream, so that no other file gets its number.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number: this one
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))


def flush_output(status: object) -> object:
    """Flush standard output; return the exit status, which becomes 2 if this fails after a success.

    A pipe that its reader has closed, as `head` does, is not reported as an error.
    """
    try:
        sys.stdout.flush()
    except OSError as error:
        # Python flushes again at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return status or (141 if isinstance(error, BrokenPipeError) else unwritable(error))
    return status


def unwritable(error: OSError) -> int:
    """Report, where that is possible, that a standard stream cannot be written; returns the exit
    status, 2.
    """
    with contextlib.suppress(OSError):
        print(f"tinynnclr: standard output cannot be written: {error.strerror}", file=sys.stderr)
    return 2


def report_in_one_line(kind: type[BaseException], error: BaseException,
                       trace: TracebackType | None) -> None:
    """A `sys.excepthook`: Ctrl-C, a missing module or a variable of tqdm, during the imports, ends
    in one line.
    """
    if issubclass(kind, KeyboardInterrupt):
        print("\nstopped", file=sys.stderr)
    elif issubclass(kind, ImportError):
        # else a variable is wrong
        missing = isinstance(error, ModuleNotFoundError) or getattr(error, "name", None)
        advice = "; install it again with its requirements" if missing else ""
        print(f"tinynnclr: cannot start: {one_line(error)}{advice}", file=sys.stderr)
        sys.exit(2)
    elif issubclass(kind, ValueError) and (names := [name for name in os.environ
                                                     if name.startswith("TQDM_")]):
        print(f"tinynnclr: cannot start: {one_line(error)}; unset {' '.join(names)}",
              file=sys.stderr)
        sys.exit(2)
    else:
        sys.__excepthook__(kind, error, trace)
