"""Small files that claim to be large: refused, in little memory, and with nothing written."""
import contextlib
import gzip
import io
import tarfile
import tracemalloc
import zipfile

import numpy as np
import pytest
from one_line import fails
from test_unpack import written

from tinynnclr import checkpoint
from tinynnclr.datasets.unpack import unpack

LITTLE = 8 << 20  # bytes
MEMBERS = {"set/a.bin": 300_000_000}  # as large as a data set's


@contextlib.contextmanager
def refused(*words):
    """A ValueError of one line with these words, and little memory until then, NumPy's arrays included."""
    tracemalloc.start()
    try:
        with fails(ValueError, *words):
            yield
        assert tracemalloc.get_traced_memory()[1] < LITTLE
    finally:
        tracemalloc.stop()


def header(shape="(3,)", descr="'<f4'", version=1, padding=0):
    """The start of a .npy file that claims whatever is wanted."""
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}".encode() + b" " * padding + b"\n"
    return b"\x93NUMPY" + bytes([version, 0]) + len(text).to_bytes(2 if version == 1 else 4, "little") + text


INFO = header("(13,)", "'|u1'") + b'{"format": 1}'
CLAIMS = {
    "more rows than memory": header("(1099511627776,)") + bytes(12),
    "a product beyond 64 bits": header("(4294967296, 4294967296, 4294967296)") + bytes(12),
    "a negative size": header("(-3,)") + bytes(12),
    "a size that is no number": header("('3',)") + bytes(12),
    "no shape": header("None") + bytes(12),
    "a row too many": header("(4,)") + bytes(12),
    "a row too few": header("(2,)") + bytes(12),
    "objects": header(descr="'|O'") + bytes(24),
    "objects inside": header(descr="[('a', '|O')]") + bytes(24),
    "code": header(descr="__import__('os').mkdir('made')") + bytes(12),
    "a header of 50,000 bytes": header(padding=50_000) + bytes(12),
    "a header of 4 GB": b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + bytes(12),
    "version 9": b"\x93NUMPY\x09\x00" + bytes(50),
    "wrong magic": b"\x93NUMPX\x01\x00" + header()[8:] + bytes(12),
    "names as long as memory": header("(3,)", "'<U1099511627776'") + bytes(12),
    "numbers of no bytes": header("(1099511627776,)", "'|V0'"),
}


@pytest.mark.parametrize("claim", CLAIMS)
def test_an_array_that_claims(tmp_path, claim, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with zipfile.ZipFile("c.npz", "w") as archive:
        archive.writestr("info.npy", INFO)
        archive.writestr("method/x.npy", CLAIMS[claim])
    with refused("c.npz is damaged or not a tinynnclr checkpoint"):
        checkpoint.load("c.npz")
    assert written(tmp_path) == ["c.npz"]


def test_the_same_file_without_a_claim(tmp_path):
    with zipfile.ZipFile(tmp_path / "c.npz", "w") as archive:
        archive.writestr("info.npy", INFO)
        archive.writestr("method/x.npy", header() + bytes(12))
    groups, _ = checkpoint.load(tmp_path / "c.npz")
    np.testing.assert_array_equal(groups["method"]["x"], np.zeros(3, np.float32))


@pytest.mark.parametrize("kind", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_packed_bomb(tmp_path, kind):
    with zipfile.ZipFile(tmp_path / "c.npz", "w", kind) as archive:
        archive.writestr("info.npy", INFO)
        with archive.open("method/x.npy", "w", force_zip64=True) as member:
            member.write(header("(75000000,)"))
            for _ in range(300):
                member.write(bytes(1_000_000))
    assert (tmp_path / "c.npz").stat().st_size < 2_000_000
    with refused("damaged", "(compressed|claim more than)"):
        checkpoint.load(tmp_path / "c.npz")


def directory_says(path, change):
    """Change the central directory of a zip: change(entries as bytearrays) -> entries."""
    data = path.read_bytes()
    start, end = data.index(b"PK\x01\x02"), data.rindex(b"PK\x05\x06")
    entries = [bytearray(b"PK\x01\x02" + entry) for entry in data[start:end].split(b"PK\x01\x02")[1:]]
    entries = change(entries)
    directory, tail = b"".join(entries), bytearray(data[end:])
    tail[8:12] = len(entries).to_bytes(2, "little") * 2
    tail[12:16] = len(directory).to_bytes(4, "little")
    path.write_bytes(data[:start] + directory + tail)


def stored(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("info.npy", INFO)
        archive.writestr("method/x.npy", header("(1000,)") + bytes(4000))
    return path


def test_a_thousand_members_in_the_same_place(tmp_path):
    """Each is honest alone: 4 kB become 4 MB, and as easily 4 MB become 4 GB."""
    path = stored(tmp_path / "c.npz")
    directory_says(path, lambda entries: entries[:1] + [
        entries[1].replace(b"method/x.npy", f"method/{i:05}".encode()) for i in range(1000)])
    with refused("damaged"):
        checkpoint.load(path)


def test_two_members_of_one_name(tmp_path):
    path = tmp_path / "c.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("info.npy", INFO)
        archive.writestr("method/x.npy", header() + bytes(12))
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("method/x.npy", header() + b"other bytes!")
    with refused("damaged", "two members have one name"):
        checkpoint.load(path)


def test_names_that_point_outside_are_only_names(tmp_path):
    """Nothing of an .npz is ever written to a file."""
    path = tmp_path / "in" / "c.npz"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("info.npy", INFO)
        archive.writestr("../../evil.npy", header() + bytes(12))
        archive.writestr("/evil.npy", header() + bytes(12))
    checkpoint.load(path)
    assert written(tmp_path) == ["in/c.npz"]


def tar_of_zeros(path, member, count):
    """A .tar.gz of one member that really has so many million zeros."""
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(member.tobuf(tarfile.GNU_FORMAT))
        for _ in range(count):
            file.write(bytes(1_000_000))


@pytest.mark.parametrize(("name", "kind", "size", "words"), [
    ("set/a.bin", tarfile.REGTYPE, 700_000_000, "claims 700000000 bytes"),
    ("set/extra", tarfile.REGTYPE, 700_000_000, "more than twice"),
    ("x", tarfile.XHDTYPE, 700_000_000, "a header claims 700000000 bytes"),
    ("x", tarfile.XGLTYPE, 700_000_000, "a header claims"),
    ("x", tarfile.GNUTYPE_LONGNAME, 700_000_000, "a header claims"),
    ("x", tarfile.GNUTYPE_LONGLINK, 700_000_000, "a header claims"),
    ("x", tarfile.GNUTYPE_SPARSE, 700_000_000, "(refused|damaged)"),
])
def test_an_archive_that_unfolds(tmp_path, name, kind, size, words):
    member = tarfile.TarInfo(name)
    member.type, member.size = kind, size
    tar_of_zeros(tmp_path / "x.tar.gz", member, 700)
    with refused("x.tar.gz", words):
        unpack(tmp_path / "x.tar.gz", MEMBERS, tmp_path / "to")
    assert written(tmp_path) == ["x.tar.gz"]


def test_a_sparse_member_is_refused(tmp_path):
    """512 bytes that say they are 300 MB, nearly all of it a hole."""
    member = tarfile.TarInfo("set/a.bin")
    member.size = 512
    member.pax_headers = {"GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.name": "set/a.bin",
                          "GNU.sparse.size": "300000000", "GNU.sparse.map": "0,512"}
    with tarfile.open(tmp_path / "x.tar.gz", "w:gz", format=tarfile.PAX_FORMAT) as tar:
        tar.addfile(member, io.BytesIO(bytes(512)))
    with refused("refused: 'set/a.bin' is"):
        unpack(tmp_path / "x.tar.gz", MEMBERS, tmp_path / "to")
    assert written(tmp_path) == ["x.tar.gz"]
