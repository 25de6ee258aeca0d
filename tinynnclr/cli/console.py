"""The terminal: characters that it can print, closed streams, and errors during the imports."""
import contextlib
import io
import os
import sys
from types import TracebackType

from ..storage.messages import one_line

# sys.argv[0] while a command is imported
PROGRAMS = ("-m", "tinynnclr", "tinynnclr.exe", "tinynnclr-script.py")


def is_command() -> bool:
    """Whether this process runs the command tinynnclr, not a program that imports the package."""
    return os.path.basename((sys.argv or [""])[0]) in PROGRAMS


def escape_unprintable() -> None:
    r"""Print characters that the encoding lacks as escapes (\u25cb) from now on."""
    for stream in (sys.stdout, sys.stderr):
        # not in a notebook, where all characters can be shown
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def open_missing_streams() -> None:
    """Open the null device for each closed standard stream, so that no file gets its number."""
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
    """Report, if possible, that a standard stream cannot be written; return the exit status, 2."""
    with contextlib.suppress(OSError):
        print(f"tinynnclr: standard output cannot be written: {error.strerror}", file=sys.stderr)
    return 2


def report_in_one_line(kind: type[BaseException], error: BaseException,
                       trace: TracebackType | None) -> None:
    """A `sys.excepthook` for the imports: one line for Ctrl-C, missing modules, TQDM_ variables."""
    tqdm_variables = [name for name in os.environ if name.startswith("TQDM_")]
    if issubclass(kind, KeyboardInterrupt):
        print("\nstopped", file=sys.stderr)
        return
    if issubclass(kind, ImportError):
        # without a module's name, a variable of the environment is wrong
        missing = isinstance(error, ModuleNotFoundError) or getattr(error, "name", None)
        advice = "; install it again with its requirements" if missing else ""
    elif issubclass(kind, ValueError) and tqdm_variables:
        advice = f"; unset {' '.join(tqdm_variables)}"
    else:
        sys.__excepthook__(kind, error, trace)
        return
    print(f"tinynnclr: cannot start: {one_line(error)}{advice}", file=sys.stderr)
    sys.exit(2)
