"""One process to a folder: a second one is told so. The system frees the folder, however its owner ends."""
import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

LEFT_BEHIND = re.compile(r"\.([\w.-]+\.(npz|csv|json|md|png)|probe)[.-]\d+")  # as write_whole and open_dir name them


@contextlib.contextmanager
def sole_owner(folder: Path) -> Iterator[None]:
    """Hold an existing folder for this process, and remove what one that was killed had half written there.

    Raises ValueError where another process holds it. Nothing is left in the folder afterwards, not even by a process
    that is killed.
    """
    try:
        held = _hold(folder)
    except (BlockingIOError, PermissionError):
        raise ValueError(f"--out {folder}: another process is at work there; wait for it, or name another") from None
    try:
        for path in folder.iterdir():
            if LEFT_BEHIND.fullmatch(path.name):
                path.unlink(missing_ok=True)
        yield
    finally:
        os.close(held)


def _hold(folder):
    """A descriptor whose closing, by whatever cause, frees the folder."""
    if os.name == "nt":  # a folder cannot be opened there, but a file can vanish with the process that opened it
        import msvcrt

        flags = os.O_CREAT | os.O_RDWR | os.O_TEMPORARY  # type: ignore[attr-defined]
        held = os.open(folder / ".owner", flags)
        try:
            msvcrt.locking(held, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        except OSError:
            os.close(held)
            raise PermissionError from None
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
