"""Checkpoints: arrays and JSON text in one .npz. Nothing that is read is ever executed."""
import json
import math
import zipfile
from pathlib import Path
from typing import IO

import numpy as np

from .atomic import write_whole

FORMAT = 1


def save(path: str | Path, groups: dict[str, dict[str, np.ndarray]], info: dict) -> None:
    """Write one .npz: each array as "group/name", and info as JSON text."""
    text = json.dumps({"format": FORMAT, **info}).encode()
    arrays = {"info": np.frombuffer(text, np.uint8)}
    for group, members in groups.items():
        arrays |= {f"{group}/{name}": array for name, array in members.items()}
    write_whole(path, lambda file: np.savez(file, **arrays))  # type: ignore[arg-type]


def expect_bounded(file: IO[bytes]) -> None:
    """Raise ValueError if reading an .npz could take more memory than the file has bytes."""
    size = file.seek(0, 2)
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        if sum(member.file_size for member in members) > size:
            raise ValueError(f"its arrays claim more than its {size} bytes")
        for member in members:
            with archive.open(member) as data:
                version = np.lib.format.read_magic(data)
                if version != (1, 0):
                    raise ValueError(f"{member.filename} has .npy version {version}")
                shape, _, dtype = np.lib.format.read_array_header_1_0(data)
                left = member.file_size - data.tell()
            if math.prod(shape) * dtype.itemsize != left:
                raise ValueError(f"{member.filename} claims {dtype} {shape}, but has {left} bytes")
    file.seek(0)


def load(path: str | Path) -> tuple[dict[str, dict[str, np.ndarray]], dict]:
    """The groups and info of a file that `save` wrote.

    Raises FileNotFoundError, and ValueError if the file is damaged or not a checkpoint.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"no checkpoint at {path}; expected the folder of a run, as "
                                "`tinynnclr train` makes it")
    with open(path, "rb") as file:  # NumPy would leave a damaged archive open
        try:
            expect_bounded(file)
            with np.load(file, allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
            info = json.loads(arrays.pop("info").tobytes())
            if info.pop("format") != FORMAT:
                raise ValueError("another format")
        except Exception as error:  # damage makes NumPy and zipfile raise nearly anything
            reason = " ".join(str(error).split()).partition(". ")[0]
            raise ValueError(f"{path} is damaged or not a tinynnclr checkpoint "
                             f"({reason})") from None
    groups: dict[str, dict[str, np.ndarray]] = {}
    for name, array in arrays.items():
        group, _, member = name.partition("/")
        groups.setdefault(group, {})[member] = array
    return groups, info
