"""Exclusive lock on a folder. The system releases it, however the process that holds it ends."""
import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from . import distributed
from .disk import remove_left_behind


@contextlib.contextmanager
def sole_owner(folder: Path) -> Iterator[None]:
    """Hold an existing folder for this process, and remove what one that was killed had half written there.

    Raises ValueError where another process holds it, OSError where it cannot be opened. Nothing is left in the folder
    afterwards, not even by a process that is killed.
    """
    if distributed.rank():  # rank 0 owns it for all
        yield
        return
    try:
        held = _hold(folder)
    except BlockingIOError:
        raise ValueError(f"{folder}: another process is at work there; wait for it, or name another folder") from None
    except OSError as error:
        raise type(error)(f"{folder}: cannot be opened ({error.strerror}{_rights(folder)}); change that, or name "
                          "another folder") from None
    try:
        remove_left_behind(folder)
        yield
    finally:
        os.close(held)


def _rights(folder):
    """Whose folder it is and what its rights are, where the system tells."""
    with contextlib.suppress(ImportError, KeyError, OSError, NotImplementedError):
        import stat

        found = folder.stat()
        return f"; its rights are {stat.filemode(found.st_mode)}, its owner is {folder.owner()}"
    return ""


def _hold(folder):
    """A descriptor whose closing, by whatever cause, frees the folder. Raises BlockingIOError where another has it."""
    if os.name == "nt":  # a folder cannot be opened there, but a file can vanish with the process that opened it
        import msvcrt

        flags = os.O_CREAT | os.O_RDWR | os.O_TEMPORARY  # type: ignore[attr-defined]
        try:
            held = os.open(folder / ".owner", flags)
        except PermissionError:
            if ".owner" in os.listdir(folder):  # held, and marked for deletion by another process that was refused
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
