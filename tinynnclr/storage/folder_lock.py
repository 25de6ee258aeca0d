"""Exclusive lock on a folder. The system releases it, however the process that holds it ends."""
import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from .. import distributed
from .atomic import remove_left_behind


@contextlib.contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Lock an existing folder for this process; remove temporary files of killed processes.

    Raises ValueError if another process has locked it, OSError if it cannot be opened. The lock
    leaves no file in the folder, even if the process is killed.
    """
    if distributed.rank():  # rank 0 locks it for all ranks
        yield
        return
    try:
        lock = _open_lock(folder)
    except BlockingIOError:
        raise ValueError(f"{folder}: another process is using it; wait until it ends, or choose "
                         "another folder") from None
    except OSError as error:
        raise type(error)(f"{folder}: cannot be opened ({error.strerror}{_rights(folder)}); change "
                          "its permissions, or choose another folder") from None
    try:
        remove_left_behind(folder)
        yield
    finally:
        os.close(lock)


def _rights(folder):
    """The permissions and the owner of the folder as text, if the system reports them."""
    with contextlib.suppress(ImportError, KeyError, OSError, NotImplementedError):
        import stat

        mode = stat.filemode(folder.stat().st_mode)
        return f"; its mode is {mode}, its owner is {folder.owner()}"
    return ""


def _open_lock(folder):
    """A file descriptor that keeps the lock until it is closed.

    Raises BlockingIOError if another process has the lock.
    """
    if os.name == "nt":
        return _open_lock_file(folder / ".owner")
    import fcntl

    lock = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise
    except OSError:
        pass  # a file system without locks cannot keep two processes apart
    return lock


def _open_lock_file(path):
    """The same on Windows, where a folder cannot be opened, but a file can vanish when closed."""
    import msvcrt

    flags = os.O_CREAT | os.O_RDWR | os.O_TEMPORARY  # type: ignore[attr-defined]
    try:
        lock = os.open(path, flags)
    except PermissionError:
        # locked, and marked for deletion by a process that did not get the lock
        if path.name in os.listdir(path.parent):
            raise BlockingIOError from None
        raise
    try:
        msvcrt.locking(lock, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
    except OSError:
        os.close(lock)
        raise BlockingIOError from None
    return lock
