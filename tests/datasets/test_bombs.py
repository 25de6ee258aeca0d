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

from tinynnclr.datasets.download.archive import unpack
from tinynnclr.storage import checkpoint

LITTLE = 8 << 20  # bytes
MEMBERS = {"set/a.bin": 30_000_000}


@contextlib.contextmanager
def refused(*words):
    """A ValueError of one line with these words, and little memory until then, NumPy's arrays
    included.
    """
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
    return b"\x93NUMPY" + bytes([version, 0]) + len(text).to_bytes(2 if version == 1 else 4,
                                                                   "little") + text


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
            member.write(header("(7500000,)"))
            for _ in range(30):
                member.write(bytes(1_000_000))
    assert (tmp_path / "c.npz").stat().st_size < 2_000_000
    with refused("damaged", "(compressed|claim more than)"):
        checkpoint.load(tmp_path / "c.npz")


def directory_says(path, change):
    """Change the central directory of a zip: change(entries as bytearrays) -> entries."""
    data = path.read_bytes()
    start, end = data.index(b"PK\x01\x02"), data.rindex(b"PK\x05\x06")
    entries = [bytearray(b"PK\x01\x02" + entry) for entry
               in data[start:end].split(b"PK\x01\x02")[1:]]
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
    header = member.tobuf(tarfile.GNU_FORMAT)
    path.write_bytes(gzip.compress(header, 1) + gzip.compress(bytes(1_000_000), 1) * count)


@pytest.mark.parametrize(("name", "kind", "size", "words"), [
    ("set/a.bin", tarfile.REGTYPE, 70_000_000, "claims 70000000 bytes"),
    ("set/extra", tarfile.REGTYPE, 70_000_000, "more than twice"),
    ("x", tarfile.XHDTYPE, 70_000_000, "a header claims 70000000 bytes"),
    ("x", tarfile.XGLTYPE, 70_000_000, "a header claims"),
    ("x", tarfile.GNUTYPE_LONGNAME, 70_000_000, "a header claims"),
    ("x", tarfile.GNUTYPE_LONGLINK, 70_000_000, "a header claims"),
    ("x", tarfile.GNUTYPE_SPARSE, 70_000_000, "(refused|damaged)"),
])
def test_an_archive_that_unfolds(tmp_path, name, kind, size, words):
    member = tarfile.TarInfo(name)
    member.type, member.size = kind, size
    tar_of_zeros(tmp_path / "x.tar.gz", member, 70)
    with refused("x.tar.gz", words):
        unpack(tmp_path / "x.tar.gz", MEMBERS, tmp_path / "to")
    assert written(tmp_path) == ["x.tar.gz"]


def test_a_sparse_member_is_refused(tmp_path):
    """512 bytes that say they are 30 MB, nearly all of it a hole."""
    member = tarfile.TarInfo("set/a.bin")
    member.size = 512
    member.pax_headers = {"GNU.sparse.major": "0", "GNU.sparse.minor": "1",
                          "GNU.sparse.name": "set/a.bin", "GNU.sparse.size": "30000000",
                          "GNU.sparse.map": "0,512"}
    with tarfile.open(tmp_path / "x.tar.gz", "w:gz", format=tarfile.PAX_FORMAT) as tar:
        tar.addfile(member, io.BytesIO(bytes(512)))
    with refused("refused: 'set/a.bin' is"):
        unpack(tmp_path / "x.tar.gz", MEMBERS, tmp_path / "to")
    assert written(tmp_path) == ["x.tar.gz"]


def block(name, kind=tarfile.REGTYPE, content=b"", size=None):
    """A header, which may lie about its size, and its content."""
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, len(content) if size is None else size
    return info.tobuf(tarfile.GNU_FORMAT) + content + bytes(-len(content) % 512)


def pax(records, kind=tarfile.XHDTYPE):
    """A header of PAX records."""
    content = b""
    for key, value in records.items():
        record, length = f" {key}={value}\n".encode(), 0
        while length != len(str(length)) + len(record):
            length = len(str(length)) + len(record)
        content += str(length).encode() + record
    return block("x", kind, content)


MANY = {f"{i:03x}": "" for i in range(1500)}
EMPTY = block("set/readme")
SPARSE = pax({"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "9"})
NAME, LINK, GLOBAL = tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XGLTYPE
# how an archive starts, what follows, how often
HOSTILE = {"a size of 2**63": (block("set/readme", size=2**63), bytes(4096), 1),
           "the largest size": (block("set/readme", size=2**87), bytes(4096), 1),
           "a size below zero": (block("set/readme", size=-5), bytes(4096), 1),
           "a member's size of 2**63": (block("set/a.bin", size=2**63), bytes(4096), 1),
           "a member's size below zero": (block("set/a.bin", size=-5), bytes(4096), 1),
           "a PAX size of 400 digits": (pax({"size": "9" * 400}), EMPTY + bytes(4096), 1),
           "a PAX size of 400 digits of a member": (pax({"size": "9" * 400}),
                                                    block("set/a.bin") + bytes(4096), 1),
           "a PAX size of 5000 digits": (pax({"size": "9" * 5000}), EMPTY + bytes(4096), 1),
           "a PAX size below zero": (pax({"size": "-512"}), EMPTY + bytes(4096), 1),
           "a header's size below zero": (block("x", tarfile.XHDTYPE, size=-5), EMPTY, 1),
           "PAX headers and empty members": (b"", pax(MANY) + EMPTY, 3_000),
           "small PAX headers and empty members": (b"", pax({"a": "b"}) + EMPTY, 3_000),
           "PAX headers alone": (b"", pax(MANY), 3_000),
           "global PAX headers": (b"", pax(MANY, GLOBAL), 3_000), "global PAX headers, all "
           "different": (b"".join(pax({f"{n:x}.{i:03x}": "" for i in range(1000)}, GLOBAL) + EMPTY
                                  for n in range(50)), b"", 1),
           "long names of long names": (b"", block("x", NAME, b"a" * 200), 3_000),
           "long names and empty members": (b"", block("x", NAME, b"a" * 16_000) + EMPTY, 3_000),
           "long links in a row": (b"", block("x", LINK, b"a" * 200), 3_000),
           "empty members alone": (b"", EMPTY, 30_000),
           "a sparse map without end": (SPARSE + block("set/a.bin", size=10**7) + b"99999999\n",
                                        b"0\n" * 100_000, 50),
           "an old sparse map without end": (block("x", tarfile.GNUTYPE_SPARSE)[:482] + b"\1"
                                             + bytes(29), b"\60" * 504 + b"\1" + bytes(7), 30_000),}


@pytest.mark.parametrize("name", HOSTILE)
def test_headers_made_to_harm(tmp_path, name):
    start, then, count = HOSTILE[name]
    (tmp_path / "x.tar.gz").write_bytes(gzip.compress(start, 1) + gzip.compress(then, 1) * count)
    with refused("x.tar.gz: (refused|damaged archive|expected the file)"):
        unpack(tmp_path / "x.tar.gz", MEMBERS, tmp_path / "to")
    assert written(tmp_path) == ["x.tar.gz"]


def test_the_headers_of_an_honest_archive_pass(tmp_path):
    """PAX times and owners, a long name, 100 other files."""
    content, name = pax({"comment": "by hand"}, GLOBAL), block("x", NAME, b"n" * 300)
    for i in range(100):
        content += pax({"mtime": "1.5", "uname": "me"}) + name + block(f"{i}")
    content += pax({"size": "3"}) + block("set/a.bin", content=b"abc")
    (tmp_path / "x.tar.gz").write_bytes(gzip.compress(content + bytes(1024)))
    unpack(tmp_path / "x.tar.gz", MEMBERS, tmp_path / "to")
    assert (tmp_path / "to/set/a.bin").read_bytes() == b"abc"
