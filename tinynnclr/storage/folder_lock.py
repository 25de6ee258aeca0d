"""Exclusive lock on a folder. The system releases it, however the process that holds it ends."""
import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from .. import distributed
from .atomic import remove_left_behind


@contextlib.contextmanager
def sole_owner(folder: Path) -> Iterator[None]:
    """Lock an existing folder for this process, and remove the temporary files of processes that
    were killed.

    Raises ValueError if another process has locked it, OSError if it cannot be opened. The lock
    leaves no file in the folder, even if the process is killed.
    """
    if distributed.rank():  # rank 0 locks it for all
        yield
        return
    try:
        held = _hold(folder)
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
        os.close(held)


def _rights(folder):
    """The permissions and the owner of the folder, as text; "" on systems that do not report them.
    """
    with contextlib.suppress(ImportError, KeyError, OSError, NotImplementedError):
        import stat

        found = folder.stat()
        return f"; its mode is {stat.filemode(found.st_mode)}, its owner is {folder.owner()}"
    return ""


def _hold(folder):
    """A file descriptor that holds the lock until it is closed. Raises BlockingIOError if another
    process has it.
    """
    # a folder cannot be opened there, but a file can vanish with the process that opened it
    if os.name == "nt":
        import msvcrt

        flags = os.O_CREAT | os.O_RDWR | os.O_TEMPORARY  # type: ignore[attr-defined]
        try:
            held = os.open(folder / ".owner", flags)
        except PermissionError:
            # locked, and marked for deletion by a process that did not get the lock
            if ".owner" in os.listdir(folder):
                raise BlockingIOError from None
            raise
        try:
            msvcrt.locking(held, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        except OSError:
            os.close(held)
            raise BlockingIOError from None
        return held
    import fcntl

    held = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(held)
        raise
    except OSError:
        pass  # a file system without locks: then nobody keeps two processes apart
    return held
