"""Unpack an archive you do not trust: only the files you expect, never larger than you expect."""
import gzip
import io
import os
import shutil
import tarfile
import zlib
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO

PLAIN = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE)
HEADERS = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME,
           tarfile.GNUTYPE_LONGLINK)
# bytes of one such header: it holds a name and a few dates, and is read as a whole
LONGEST = 1 << 14
ALL_HEADERS = 1 << 16  # bytes of all of them together
DEEPEST = 4  # such headers in a row for one member
MOST = 1000  # headers of any kind
TOO_LARGE = "it unpacks to more than twice what was expected"


def unpack(archive: Path, members: dict[str, int], into: Path) -> None:
    """Write members (path in the .tar.gz: largest size in bytes) below the folder into; other plain
    files are skipped.

    Raises ValueError for a damaged archive, a missing or oversized member, and for anything that
    has no business in an archive of data: links, devices, absolute paths, `..`. What was written
    until then is the caller's to remove.
    """
    missing = dict(members)
    limit = 2 * sum(members.values()) + 1_000_000  # room for a README, none for a bomb
    try:
        with (
            gzip.open(archive) as unzipped,
            # a stream: read once, in order
            _Archive.open(fileobj=_Bounded(unzipped, limit), mode="r|", tarinfo=_Member) as tar,
        ):
            while (member := tar.next()) is not None:
                tar.members.clear()  # type: ignore[attr-defined]  # tarfile would keep all of them in memory
                _refuse_unsafe(member)
                name = str(PurePosixPath(member.name))  # ./a is a
                if member.isreg() and name in missing:
                    expected = missing.pop(name)
                    if not 0 <= member.size <= expected:
                        raise _Refused(f"{name!r} claims {member.size} bytes, expected at most "
                                       f"{expected}")
                    write_whole(tar.extractfile(member), into / name)  # type: ignore[arg-type]  # None for links only
                # a member of any size would be skipped block by block
                elif not 0 <= member.size <= limit:
                    raise _Refused(TOO_LARGE)
    except _Refused as error:
        raise ValueError(f"{archive}: refused: {error}") from error
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, ValueError,
            OverflowError) as error:
        raise ValueError(f"{archive}: damaged archive ({error})") from error
    if missing:
        raise ValueError(f"{archive}: expected the file {next(iter(missing))!r} in it, found none")


def write_whole(source: IO[bytes], path: Path) -> None:
    """Copy source to the new file path, down to the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "xb") as file:
        shutil.copyfileobj(source, file)
        file.flush()
        os.fsync(file.fileno())


class _Refused(Exception):
    pass


class _Archive(tarfile.TarFile):
    headers = header_bytes = depth = 0


class _Member(tarfile.TarInfo):
    def _proc_member(self, tar):
        """Check a header before its content is read; tarfile calls this again for the header that
        follows it.
        """
        extends = self.type in HEADERS
        if extends and not 0 <= self.size <= LONGEST:
            raise _Refused(f"a header claims {self.size} bytes, expected at most {LONGEST}")
        if self.type == tarfile.GNUTYPE_SPARSE:
            _refuse_unsafe(self)
        tar.headers += 1
        tar.depth += 1
        tar.header_bytes += extends * self.size
        if tar.headers > MOST or tar.depth > DEEPEST or tar.header_bytes > ALL_HEADERS:
            raise _Refused(f"expected at most {MOST} headers, {DEEPEST} in a row, {ALL_HEADERS} "
                           "bytes in all of them")
        member = super()._proc_member(tar)
        tar.depth = 0
        return member

    def _proc_gnusparse_10(self, member, *args):
        raise _Refused(f"{member.name!r} is sparse, expected plain files")


class _Bounded(io.BufferedIOBase):
    """A file that refuses to be read past limit bytes: a few bytes of gzip can unfold into
    terabytes.
    """

    def __init__(self, file, limit):
        self.file, self.left = file, limit

    def read(self, size=-1):
        data = self.file.read(size)
        self.left -= len(data)
        if self.left < 0:
            raise _Refused(TOO_LARGE)
        return data


def _refuse_unsafe(member):
    # splits at / and \ alike, and knows drives: the strictest reading
    path = PureWindowsPath(member.name)
    if path.anchor or ".." in path.parts:
        raise _Refused(f"{member.name!r} points outside of the archive")
    if member.type not in PLAIN or member.issparse():
        raise _Refused(f"{member.name!r} is a link, a device or sparse, expected plain files")
