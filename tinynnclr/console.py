"""Standard output and error in encodings that lack some characters, such as cp1252 on Windows."""
import io
import sys


def escape_unprintable() -> None:
    r"""From now on, print characters that the encoding lacks as escapes (\u25cb) instead of raising an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # not in a notebook, where all characters can be shown
            stream.reconfigure(errors="backslashreplace")
