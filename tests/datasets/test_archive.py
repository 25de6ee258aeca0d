"""Archives: the expected files are written, and nothing else; damage is one line of error."""
import gzip
import io
import tarfile

import pytest
from one_line import fails

from tinynnclr.datasets.download.archive import unpack

MEMBERS = {"set/a.bin": 10, "set/b.bin": 20}


def plain(name, content=b"x"):
    info = tarfile.TarInfo(name)
    info.size = len(content)
    return info, content


def special(name, kind, link=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info, b""


GOOD = [plain("set/a.bin", b"aaaa"), plain("set/b.bin", bytes(20))]


def make(path, entries):
    with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT) as tar:
        for info, content in entries:
            tar.addfile(info, io.BytesIO(content))
    return path


def written(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


OTHERS = {
    "a folder": special("set", tarfile.DIRTYPE),
    "another file": plain("set/readme.html", bytes(1000)),
    "a long name": plain("é/" + "long" * 60 + "/set/a.bin"),
    "a second copy": plain("set/a.bin", b"other"),
    "outside": plain("../evil"),
    "outside, by a folder inside": plain("set/../../evil"),
    "an absolute path": plain("/evil"),
    "a drive": plain("C:\\evil"),
    "a link": special("set/link", tarfile.SYMTYPE, "/etc/passwd"),
    "a link to a folder outside": special("set", tarfile.SYMTYPE, "../.."),
    "a pipe": special("set/pipe", tarfile.FIFOTYPE),
}


@pytest.mark.parametrize("name", OTHERS)
def test_only_the_members_are_written(tmp_path, name):
    good = [plain("./set/a.bin", b"aaaa"), GOOD[1]]
    into = tmp_path / "in" / "to"
    first = [] if name == "a second copy" else [OTHERS[name]]
    unpack(make(tmp_path / "x.tar.gz", [*first, *good, OTHERS[name]]), MEMBERS, into)
    assert written(tmp_path) == ["in/to/set/a.bin", "in/to/set/b.bin", "x.tar.gz"]
    assert (into / "set/a.bin").read_bytes() == b"aaaa"
    assert (into / "set/b.bin").read_bytes() == bytes(20)


@pytest.mark.parametrize("entry", [
    None, plain("b.bin"), plain("set/B.BIN"), plain("set/b.bin", bytes(21)),
    *(special("set/b.bin", kind, "a.bin") for kind in (tarfile.DIRTYPE, tarfile.SYMTYPE,
                                                       tarfile.LNKTYPE, tarfile.CHRTYPE))])
def test_a_member_that_is_missing_too_large_or_no_file_is_named(tmp_path, entry):
    archive = make(tmp_path / "x.tar.gz", [GOOD[0], entry] if entry else GOOD[:1])
    with fails(ValueError, "expected a file 'set/b.bin' of at most 20 bytes in it, found none"):
        unpack(archive, MEMBERS, tmp_path / "to")


def lying(size):
    """A header that claims another size, without the bytes."""
    info = tarfile.TarInfo("set/a.bin")
    info.size = size
    return gzip.compress(info.tobuf(tarfile.GNU_FORMAT) + bytes(1024))


DAMAGE = {
    "empty": lambda whole: b"",
    "no gzip": lambda whole: b"<html>not found</html>",
    "no tar": lambda whole: gzip.compress(b"hello " * 1000),
    "cut in the gzip": lambda whole: whole[:60],
    "cut in the tar": lambda whole: gzip.compress(gzip.decompress(whole)[:514]),
    "flipped": lambda whole: whole[:30] + bytes(b ^ 255 for b in whole[30:40]) + whole[40:],
    "a size of 2**63": lambda whole: lying(2**63),
    "a size of 2**87": lambda whole: lying(2**87),
    "a size below zero": lambda whole: lying(-5),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damaged(tmp_path, name):
    archive = make(tmp_path / "x.tar.gz", GOOD)
    archive.write_bytes(DAMAGE[name](archive.read_bytes()))
    with fails(ValueError, r"x\.tar\.gz: (damaged archive|expected a file)"):
        unpack(archive, MEMBERS, tmp_path / "to")
