"""Checkpoints: arrays and JSON text in one .npz, and nothing that is read back is ever executed."""
import json
import math
import zipfile
from pathlib import Path
from typing import IO

import numpy as np

from .atomic import write_whole

FORMAT = 1


def save(path: str | Path, groups: dict[str, dict[str, np.ndarray]], info: dict) -> None:
    """One .npz: each array as "group/name", and info as JSON text."""
    arrays = {f"{group}/{name}": array for group, members in groups.items() for name,
              array in members.items()}
    text = np.frombuffer(json.dumps({"format": FORMAT, **info}).encode(), np.uint8)
    write_whole(path, lambda file: np.savez(file, **{"info": text, **arrays}))  # type: ignore[arg-type]


def expect_honest(file: IO[bytes]) -> None:
    """Raises ValueError where an .npz claims more than its bytes, or other things twice.

    A member that is packed small, one that another overlaps, an array beyond its end, two members
    of one name.
    """
    size = file.seek(0, 2)
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        if sum(member.file_size for member in members) > size:
            raise ValueError(f"its members claim more than its {size} bytes")
        if len({member.filename for member in members}) < len(members):
            raise ValueError("two members have one name")
        for member in members:
            if member.compress_type != zipfile.ZIP_STORED or member.file_size != member.compress_size:
                raise ValueError(f"{member.filename} is compressed, and ours never are")
            with archive.open(member) as data:
                first = np.lib.format.read_magic(data) == (1, 0)
                shape, _, dtype = (np.lib.format.read_array_header_1_0 if first else
                                   np.lib.format.read_array_header_2_0)(data)
                left = member.file_size - data.tell()
                if dtype.hasobject or not dtype.itemsize or math.prod(
                        shape) * dtype.itemsize != left:
                    raise ValueError(f"{member.filename} claims {dtype} {shape}, and is of another "
                                     "size")
    file.seek(0)


def load(path: str | Path) -> tuple[dict[str, dict[str, np.ndarray]], dict]:
    """(groups, info) as `save` took them. Raises FileNotFoundError, or ValueError where it is not
    one of ours.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"no checkpoint at {path}; expected the folder of a run, as "
                                "`tinynnclr train` makes it")
    # opened here, for NumPy leaves it open where the archive is damaged
    with open(path, "rb") as file:
        try:
            expect_honest(file)
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
