"""Text for a terminal: characters that it can print, quoting for its shell, and streams that may be closed."""
import contextlib
import difflib
import io
import os
import re
import shlex
import sys
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

PROGRAMS = ("-m", "tinynnclr", "tinynnclr.exe", "tinynnclr-script.py")  # sys.argv[0] while a command is imported


def is_command() -> bool:
    """Whether this process runs the command tinynnclr, and not a program that imports the package."""
    return os.path.basename((sys.argv or [""])[0]) in PROGRAMS


def escape_unprintable() -> None:
    r"""From now on, print characters that the encoding lacks as escapes (\u25cb) instead of raising an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # not in a notebook, where all characters can be shown
            stream.reconfigure(errors="backslashreplace")


def shell_words(*words: object) -> str:
    """The words as one command line for the user's shell: quoted for sh, on Windows for both cmd and PowerShell.

    A path that begins with a hyphen gets ./ in front, so that it is not read as a flag.
    """
    texts = [f".{os.sep}{word}" if isinstance(word, Path) and str(word).startswith("-") else str(word)
             for word in words]
    if os.name != "nt":
        return shlex.join(texts)
    quoted = [re.sub(r"^(.*?)(\\*)$", r'"\1\2\2"', text) for text in texts]  # a \ before a quote would escape it
    return " ".join(text if re.fullmatch(r"[\w./:\\+=-]+", text, re.ASCII) else quote
                    for text, quote in zip(texts, quoted, strict=True))


def one_line(message: object) -> str:
    """The message without line breaks; other spaces, for example in a path, are kept."""
    return re.sub(r"\s*\n\s*", " ", str(message)).strip()


def nearest(word: object, known: Iterable[str]) -> str:
    """", did you mean X?" if a known name is close to the word, or all that begin with it begin with X; else ""."""
    low, names = str(word).lower().lstrip("-"), {name.lower().lstrip("-"): name for name in known}
    begun = sorted((name for name in names if name.startswith(low) and len(low) > 2), key=len)
    root = bool(begun) and all(name.startswith(begun[0]) for name in begun)
    found = begun if root else difflib.get_close_matches(low, list(names), n=1, cutoff=0.75)
    return f", did you mean {names[found[0]]}?" if found else ""


def open_missing_streams() -> None:
    """Open the null device for each closed standard stream, so that no other file gets its number."""
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
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes again at exit
        return status or (141 if isinstance(error, BrokenPipeError) else unwritable(error))
    return status


def unwritable(error: OSError) -> int:
    """Report, where that is possible, that a standard stream cannot be written; returns the exit status, 2."""
    with contextlib.suppress(OSError):
        print(f"tinynnclr: standard output cannot be written: {error.strerror}", file=sys.stderr)
    return 2


def report_in_one_line(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """A `sys.excepthook`: Ctrl-C, a missing module or a variable of tqdm, during the imports, ends in one line."""
    if issubclass(kind, KeyboardInterrupt):
        print("\nstopped", file=sys.stderr)
    elif issubclass(kind, ImportError):
        print(f"tinynnclr: cannot start: {one_line(error)}; install it again with its requirements", file=sys.stderr)
        sys.exit(2)
    elif issubclass(kind, ValueError) and (names := [name for name in os.environ if name.startswith("TQDM_")]):
        print(f"tinynnclr: cannot start: {one_line(error)}; unset {' '.join(names)}", file=sys.stderr)
        sys.exit(2)
    else:
        sys.__excepthook__(kind, error, trace)
