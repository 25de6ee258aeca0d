"""Unpack the files of a data set from its .tar.gz archive."""
import gzip
import os
import shutil
import tarfile
import zlib
from pathlib import Path, PurePosixPath
from typing import IO

DAMAGE = (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, ValueError, OverflowError,
          MemoryError)


def unpack(archive: Path, members: dict[str, int], into: Path) -> None:
    """Write members (path in the archive: largest size in bytes) below the folder into.

    Only regular files with these paths are read, so a link, a device or a path outside of the
    folder is never followed. Raises ValueError for a damaged archive and for a missing or larger
    member; the caller removes what was written until then.
    """
    missing = dict(members)
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for member in tar:
                name = str(PurePosixPath(member.name))  # without a leading ./
                if member.isreg() and 0 <= member.size <= missing.get(name, -1):
                    write_whole(tar.extractfile(member), into / name)  # type: ignore[arg-type]
                    del missing[name]
    except DAMAGE as error:
        raise ValueError(f"{archive}: damaged archive ({error})") from error
    if missing:
        name, size = next(iter(missing.items()))
        raise ValueError(f"{archive}: expected a file {name!r} of at most {size} bytes in it, "
                         "found none")


def write_whole(source: IO[bytes], path: Path) -> None:
    """Copy source to the new file path and flush it to the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "xb") as file:
        shutil.copyfileobj(source, file)
        file.flush()
        os.fsync(file.fileno())
