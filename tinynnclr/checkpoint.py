"""Runs on disk: files are written whole or not at all, and nothing that is read back is ever executed."""
import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from . import distributed

FORMAT = 1


def write_whole(path: str | Path, write: Callable) -> None:
    """write(file) into a temporary neighbour, flush it to the disk, then rename it onto path in one step.

    Of several ranks, rank 0 alone does so.
    """
    if distributed.rank():
        return
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")  # not by mkstemp, whose files only their owner may read
    try:
        with open(temporary, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def save(path: str | Path, groups: dict[str, dict[str, np.ndarray]], info: dict) -> None:
    """One .npz: each array as "group/name", and info as JSON text."""
    arrays = {f"{group}/{name}": array for group, members in groups.items() for name, array in members.items()}
    text = np.frombuffer(json.dumps({"format": FORMAT, **info}).encode(), np.uint8)
    write_whole(path, lambda file: np.savez(file, **{"info": text, **arrays}))  # type: ignore[arg-type]


def load(path: str | Path) -> tuple[dict[str, dict[str, np.ndarray]], dict]:
    """(groups, info) as `save` took them. Raises FileNotFoundError, or ValueError where it is not one of ours."""
    if not Path(path).is_file():
        raise FileNotFoundError(f"no checkpoint at {path}")
    with open(path, "rb") as file:  # opened here, for NumPy leaves it open where the archive is damaged
        try:
            with np.load(file, allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
            info = json.loads(arrays.pop("info").tobytes())
            if info.pop("format") != FORMAT:
                raise ValueError("another format")
        except Exception as error:  # damage makes NumPy and zipfile raise nearly anything
            reason = " ".join(str(error).split()).partition(". ")[0]
            raise ValueError(f"{path} is damaged or not a tinynnclr checkpoint ({reason})") from None
    groups: dict[str, dict[str, np.ndarray]] = {}
    for name, array in arrays.items():
        group, _, member = name.partition("/")
        groups.setdefault(group, {})[member] = array
    return groups, info
