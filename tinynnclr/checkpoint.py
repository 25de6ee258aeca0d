"""Runs on disk: files are written whole or not at all, and nothing that is read back is ever executed."""
import json
import os
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

FORMAT = 1


def write_whole(path: str | Path, write: Callable) -> None:
    """write(file) into a temporary neighbour, flush it to the disk, then rename it onto path in one step."""
    path = Path(path)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def save(path: str | Path, groups: dict[str, dict[str, np.ndarray]], info: dict) -> None:
    """One .npz: each array as "group/name", and info as JSON text."""
    arrays = {f"{group}/{name}": array for group, members in groups.items() for name, array in members.items()}
    text = np.frombuffer(json.dumps({"format": FORMAT, **info}).encode(), np.uint8)
    write_whole(path, lambda file: np.savez(file, info=text, **arrays))


def load(path: str | Path) -> tuple[dict[str, dict[str, np.ndarray]], dict]:
    """(groups, info) as `save` took them. Raises FileNotFoundError, or ValueError for a file that is not one of ours."""
    if not Path(path).is_file():
        raise FileNotFoundError(f"no checkpoint at {path}")
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        info = json.loads(arrays.pop("info").tobytes())
        if info.pop("format") != FORMAT:
            raise ValueError("another format")
        groups: dict[str, dict[str, np.ndarray]] = {}
        for name, array in arrays.items():
            group, _, member = name.partition("/")
            groups.setdefault(group, {})[member] = array
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile, NotImplementedError) as error:
        raise ValueError(f"{path} is damaged or not a tinynnclr checkpoint ({error})".replace("\n", " ")) from None
    return groups, info
