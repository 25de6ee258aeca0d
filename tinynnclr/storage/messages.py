"""Parts of error messages: a similar name, a command to type, text without line breaks."""
import difflib
import os
import re
import shlex
from collections.abc import Iterable
from pathlib import Path


def shell_words(*words: object) -> str:
    """The words as a command line for sh, or on Windows for both cmd and PowerShell.

    A path that begins with a hyphen gets ./ in front, so that it is not read as a flag.
    """
    texts = [f".{os.sep}{word}" if isinstance(word, Path) and str(word).startswith("-")
             else str(word) for word in words]
    if os.name != "nt":
        return shlex.join(texts)
    # a \ before a quote would escape it
    quoted = [re.sub(r"^(.*?)(\\*)$", r'"\1\2\2"', text) for text in texts]
    return " ".join(text if re.fullmatch(r"[\w./:\\+=-]+", text, re.ASCII) else quote
                    for text, quote in zip(texts, quoted, strict=True))


def one_line(message: object) -> str:
    """The message without line breaks; other spaces, for example in a path, are kept."""
    return re.sub(r"\s*\n\s*", " ", str(message)).strip()


def nearest(word: object, known: Iterable[str]) -> str:
    """", did you mean X?" for a similar known name X, or one that all completions begin with."""
    prefix = str(word).lower().lstrip("-")
    names = {name.lower().lstrip("-"): name for name in known}
    matches = sorted((name for name in names if name.startswith(prefix) and len(prefix) > 2),
                     key=len)
    if not matches or not all(name.startswith(matches[0]) for name in matches):
        matches = difflib.get_close_matches(prefix, list(names), n=1, cutoff=0.75)
    return f", did you mean {names[matches[0]]}?" if matches else ""
