"""Files that are written whole or not at all, and never over something that is no plain file.

Until a file is whole it has a name that no one else gives: .NAME.tinynnclr-PID.tmp, beside its place.
"""
import contextlib
import json
import os
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from . import distributed

TEMPORARY = re.compile(r"\..+\.tinynnclr-(\d+)\.tmp", re.DOTALL)
PATIENCE = 1.0  # seconds that a rename waits for another program to close the file


class HeldOpen(PermissionError):
    """A file that cannot be replaced now, as on Windows one that another program holds open."""


def temporary(path: Path) -> Path:
    """The name of a file of this process that is to become path."""
    return path.with_name(f".{path.name}.tinynnclr-{os.getpid()}.tmp")  # mkstemp's may be read by their owner only


def write_whole(path: str | Path, write: Callable) -> None:
    """write(file) into a temporary neighbour, flush it to the disk, then rename it onto path in one step.

    Raises OSError, and leaves what was at path before, where it cannot be written: no space, no right, no folder, or
    no regular file at path; HeldOpen where another program holds that file. Of several ranks, rank 0 alone writes.
    """
    if distributed.rank():
        return
    path = Path(path)
    expect_file_or_nothing(path)
    part = temporary(path)
    try:
        with open(part, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        replace(part, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        if isinstance(error, OSError):
            before = "; the file that was there is whole" if path.exists() else ""
            raise type(error)(f"{path}: cannot be written ({error.strerror or error}){before}") from error
        raise


def write_text(path: Path, text: str) -> None:
    """The text as UTF-8, whole or not at all; bytes of a path that are no UTF-8 are spelled out."""
    write_whole(path, lambda file: file.write(text.encode(errors="backslashreplace")))


def replace(source: Path, target: Path) -> None:
    """os.replace, of a file or a folder, that waits up to a second while another program holds one of the two open.

    Raises HeldOpen where it still does, or where this user has no right to rename there; other OSErrors at once.
    """
    until = time.monotonic() + PATIENCE
    while True:
        try:
            return os.replace(source, target)
        except PermissionError as error:
            if time.monotonic() >= until:
                raise HeldOpen(error.errno, f"{error.strerror}: no right to replace it, or another program "
                                            "holds it open") from error
        time.sleep(0.05)


def expect_file_or_nothing(path: Path, name: str = "") -> None:
    """Raises OSError, which begins with name, where path is a folder, a link, a device or anything else but a file."""
    if path.is_symlink() or path.exists() and not path.is_file():
        kind = "link" if path.is_symlink() else "folder" if path.is_dir() else "device or pipe"
        raise OSError(f"{name}{path}: cannot be written (it is a {kind}; expected a file, or nothing "
                      "there); name another file")


def expect_ours(paths: Sequence[Path], ours: Callable[[Path], bool], name: str = "") -> None:
    """Raises ValueError where one of the paths is there, and the first of them is nothing that we wrote.

    ours(path) says whether we wrote it; an error in it counts as no.
    """
    for path in paths:
        expect_file_or_nothing(path, name)
    there = next((path for path in paths if path.exists()), None)
    if there is None:
        return
    with contextlib.suppress(Exception):  # what cannot be read is not ours
        if ours(paths[0]):
            return
    raise ValueError(f"{name}{there}: there is a file that this command did not write: move it away, or name another")


def rows_with(key: str) -> Callable[[Path], bool]:
    """For `expect_ours`: whether a file holds a JSON list of rows that have this key."""
    return lambda path: all(row[key] for row in json.loads(path.read_text(encoding="utf-8")))


def remove_left_behind(folder: Path) -> None:
    """Remove the temporary files in the folder whose processes are no more; what cannot be removed stays."""
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            found = TEMPORARY.fullmatch(path.name)
            if found and not _lives(int(found[1])):
                with contextlib.suppress(OSError):
                    path.unlink()


def _lives(process):
    """Whether a process of that number may be at work here."""
    if os.name == "nt":  # where os.kill ends the process
        import ctypes

        kernel, code = ctypes.windll.kernel32, ctypes.c_uint32()  # type: ignore[attr-defined]
        handle = kernel.OpenProcess(0x1000, False, ctypes.c_uint32(process))  # may be asked about
        if not handle:
            return kernel.GetLastError() == 5  # another user's
        kernel.GetExitCodeProcess(handle, ctypes.byref(code))
        kernel.CloseHandle(handle)
        return code.value == 259  # it runs
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True  # another user's
    return True
