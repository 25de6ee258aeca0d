"""Archives made to harm: each is refused in one line, and nothing lands outside of the folder."""
import gzip
import io
import tarfile

import pytest

from tinynnclr.datasets.download import DownloadError, Source, _install
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


@pytest.fixture
def into(tmp_path):
    folder = tmp_path / "in" / "to"
    folder.mkdir(parents=True)
    return folder


def test_writes_the_members_and_nothing_else(tmp_path, into):
    extra = [special("set", tarfile.DIRTYPE), plain("set/readme.html"),
             plain("é/" + "long" * 60 + "/set/a.bin")]
    unpack(make(tmp_path / "x.tar.gz", extra + GOOD), MEMBERS, into)
    assert written(into) == ["set/a.bin", "set/b.bin"]
    assert (into / "set/a.bin").read_bytes() == b"aaaa"
    assert (into / "set/b.bin").read_bytes() == bytes(20)


def test_a_leading_dot_slash_and_a_second_copy_are_harmless(tmp_path, into):
    entries = [plain("./set/a.bin", b"aaaa"), GOOD[1], plain("set/a.bin", b"other")]
    unpack(make(tmp_path / "x.tar.gz", entries), MEMBERS, into)
    assert (into / "set/a.bin").read_bytes() == b"aaaa"


UNSAFE = {
    "parent": plain("../evil"),
    "parent inside": plain("set/../../evil"),
    "parent with backslashes": plain("set\\..\\..\\evil"),
    "absolute": plain("/evil"),
    "drive": plain("C:\\evil"),
    "share": plain("\\\\server\\share\\evil"),
    "parent folder": special("../evil", tarfile.DIRTYPE),
    "symlink": special("set/link", tarfile.SYMTYPE, "/etc/passwd"),
    "symlink for a member": special("set/a.bin", tarfile.SYMTYPE, "b.bin"),
    "hard link": special("set/a.bin", tarfile.LNKTYPE, "set/b.bin"),
    "character device": special("set/a.bin", tarfile.CHRTYPE),
    "block device": special("set/dev", tarfile.BLKTYPE),
    "pipe": special("set/pipe", tarfile.FIFOTYPE),
    "too large": plain("set/a.bin", bytes(11)),
    "extra bomb": plain("set/extra", bytes(2_000_000)),
}


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("name", UNSAFE)
def test_refuses(tmp_path, into, name, first):
    others = [entry for entry in GOOD if entry[0].name != UNSAFE[name][0].name]
    archive = make(tmp_path / "x.tar.gz", [UNSAFE[name], *others] if first else [*others,
                                                                                 UNSAFE[name]])
    with pytest.raises(ValueError, match=r"^[^\n]*x\.tar\.gz: refused: [^\n]+$"):
        unpack(archive, MEMBERS, into)
    assert set(written(tmp_path)) <= {"x.tar.gz", "in/to/set/a.bin", "in/to/set/b.bin"}


def test_refuses_a_name_that_would_break_the_line(tmp_path, into):
    with pytest.raises(ValueError, match=r"^[^\n]+$"):
        unpack(make(tmp_path / "x.tar.gz", [plain("../a\nb")]), MEMBERS, into)


def test_a_claim_is_refused_before_its_bytes_are_read(tmp_path, into):
    info = tarfile.TarInfo("set/a.bin")
    info.size = 10**15
    (tmp_path / "x.tar.gz").write_bytes(gzip.compress(info.tobuf() + bytes(1024)))
    with pytest.raises(ValueError, match="'set/a.bin' claims 1000000000000000 bytes, expected at "
                       "most 10"):
        unpack(tmp_path / "x.tar.gz", MEMBERS, into)


@pytest.mark.parametrize(("kind", "words"),
                         [(tarfile.XHDTYPE, "a header claims 1000000000000 bytes"),
                          (tarfile.GNUTYPE_LONGNAME, "a header claims"),
                          (tarfile.REGTYPE, "it unpacks to more than twice")])
def test_a_bomb_in_a_header_is_refused(tmp_path, into, kind, words):
    info = tarfile.TarInfo("header")
    info.type, info.size = kind, 10**12
    with gzip.open(tmp_path / "x.tar.gz", "wb", compresslevel=1) as file:
        file.write(info.tobuf(tarfile.GNU_FORMAT) + bytes(4_000_000))
    with pytest.raises(ValueError, match=f"refused: {words}"):
        unpack(tmp_path / "x.tar.gz", MEMBERS, into)


@pytest.mark.parametrize("entry", [None, special("set/b.bin", tarfile.DIRTYPE), plain("b.bin"),
                                   plain("set/B.BIN")])
def test_names_what_is_missing(tmp_path, into, entry):
    archive = make(tmp_path / "x.tar.gz", [GOOD[0], entry] if entry else GOOD[:1])
    with pytest.raises(ValueError, match="expected the file 'set/b.bin' in it, found none"):
        unpack(archive, MEMBERS, into)


DAMAGE = {
    "empty": lambda whole: b"",
    "no gzip": lambda whole: b"<html>not found</html>",
    "no tar": lambda whole: gzip.compress(b"hello " * 1000),
    "cut in the gzip": lambda whole: whole[:60],
    "cut in the tar": lambda whole: gzip.compress(gzip.decompress(whole)[:514]),
    "flipped": lambda whole: whole[:30] + bytes(b ^ 255 for b in whole[30:40]) + whole[40:],
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damaged(tmp_path, into, name):
    archive = make(tmp_path / "x.tar.gz", GOOD)
    archive.write_bytes(DAMAGE[name](archive.read_bytes()))
    with pytest.raises(ValueError, match=r"^[^\n]*x\.tar\.gz: (damaged archive|expected the "
                       r"file)[^\n]+$"):
        unpack(archive, MEMBERS, into)


def test_a_folder_that_another_program_holds_open(tmp_path, monkeypatch):
    def held(source, target):
        raise PermissionError(13, "Access is denied")

    monkeypatch.setattr("os.replace", held)
    monkeypatch.setattr("tinynnclr.storage.atomic.PATIENCE", 0)
    archive = make(tmp_path / "x.tar.gz", GOOD)
    with pytest.raises(DownloadError, match="set: cannot be renamed.*Access is denied.*run this "
                       "again"):
        _install(Source("set", "", (), {"a.bin": 10, "b.bin": 20}), [archive], tmp_path / "set")
    assert list(tmp_path.iterdir()) == [archive]
