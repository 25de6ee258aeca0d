"""Parts of error messages: a name that was meant, a command to type, one line."""
import difflib
import os
import re
import shlex
from collections.abc import Iterable
from pathlib import Path


def shell_words(*words: object) -> str:
    """The words as one command line for the user's shell: quoted for sh, on Windows for both cmd
    and PowerShell.

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
    """", did you mean X?" if a known name is close to the word, or all that begin with it begin
    with X; else "".
    """
    low, names = str(word).lower().lstrip("-"), {name.lower().lstrip("-"): name for name in known}
    begun = sorted((name for name in names if name.startswith(low) and len(low) > 2), key=len)
    root = bool(begun) and all(name.startswith(begun[0]) for name in begun)
    found = begun if root else difflib.get_close_matches(low, list(names), n=1, cutoff=0.75)
    return f", did you mean {names[found[0]]}?" if found else ""
