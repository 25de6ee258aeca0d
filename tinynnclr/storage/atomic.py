"""Write files whole or not at all, and never over a folder, a link or a device.

Until a file is whole, it is in the same folder under a temporary name: .NAME.tinynnclr-PID.tmp.
"""
import contextlib
import json
import os
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from .. import distributed

TEMPORARY = re.compile(r"\..+\.tinynnclr-(\d+)\.tmp", re.DOTALL)
PATIENCE = 1.0  # seconds that a rename waits for another program to close the file


class HeldOpen(PermissionError):
    """A file that cannot be replaced now; on Windows, another program may hold it open."""


def temporary(path: Path) -> Path:
    """The temporary name that this process gives a file until it is renamed to path."""
    # only the owner can read a file of mkstemp
    return path.with_name(f".{path.name}.tinynnclr-{os.getpid()}.tmp")


def write_whole(path: str | Path, write: Callable) -> None:
    """Call write(file) with a temporary file, flush it to the disk, then rename it to path.

    Raises OSError if it cannot be written (no space, no permission, no folder, or path is not a
    regular file), and HeldOpen if another program holds path open; the old file is kept. Of several
    ranks, only rank 0 writes.
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
            message = f"{path}: cannot be written ({error.strerror or error}){before}"
            raise type(error)(message) from error
        raise


def write_text(path: Path, text: str) -> None:
    """Write text as UTF-8, whole or not at all; other bytes of a path become escapes."""
    write_whole(path, lambda file: file.write(text.encode(errors="backslashreplace")))


def replace(source: Path, target: Path) -> None:
    """Rename a file or a folder, and wait up to a second while another program holds it open.

    Raises HeldOpen if it is still open then, or if this user may not rename it.
    """
    until = time.monotonic() + PATIENCE
    while True:
        try:
            return os.replace(source, target)
        except PermissionError as error:
            if time.monotonic() >= until:
                raise HeldOpen(error.errno, f"{error.strerror}: no permission to replace it, or "
                               "another program holds it open", str(target)) from error
        time.sleep(0.05)


def expect_file_or_nothing(path: Path, name: str = "") -> None:
    """Raise OSError, whose message begins with name, if path exists and is not a regular file."""
    if path.is_symlink() or path.exists() and not path.is_file():
        kind = "link" if path.is_symlink() else "folder" if path.is_dir() else "device or pipe"
        raise OSError(f"{name}{path}: cannot be written (it is a {kind}; expected a file or a new "
                      "name); choose another file")


def expect_ours(paths: Sequence[Path], ours: Callable[[Path], bool], name: str = "") -> None:
    """Raise ValueError if one of the paths exists and this command did not write the first one.

    ours(path) returns whether it did; an error in it counts as False. The message begins with name.
    """
    for path in paths:
        expect_file_or_nothing(path, name)
    existing = next((path for path in paths if path.exists()), None)
    if existing is None:
        return
    with contextlib.suppress(Exception):  # a file that cannot be read is not ours
        if ours(paths[0]):
            return
    raise ValueError(f"{name}{existing}: this command did not write the existing file; move it "
                     "away, or choose another name")


def rows_with(key: str) -> Callable[[Path], bool]:
    """For `expect_ours`: whether a file holds a JSON list of rows that have this key."""
    return lambda path: all(row[key] for row in json.loads(path.read_text(encoding="utf-8")))


def remove_left_behind(folder: Path) -> None:
    """Remove temporary files of processes that have ended, if they can be removed."""
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            name = TEMPORARY.fullmatch(path.name)
            if name and not _lives(int(name[1])):
                with contextlib.suppress(OSError):
                    path.unlink()


def _lives(process):
    """Whether a process with this number may still be running."""
    if os.name == "nt":  # os.kill would end the process
        import ctypes

        kernel = ctypes.windll.kernel32  # type: ignore[attr-defined]
        code = ctypes.c_uint32()
        # the right to query it
        handle = kernel.OpenProcess(0x1000, False, ctypes.c_uint32(process))
        if not handle:
            return kernel.GetLastError() == 5  # it belongs to another user
        kernel.GetExitCodeProcess(handle, ctypes.byref(code))
        kernel.CloseHandle(handle)
        return code.value == 259  # it is running
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True  # it belongs to another user
    return True
