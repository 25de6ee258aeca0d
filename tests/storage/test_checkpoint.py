"""Checkpoints: what was saved is loaded, and a damaged file is one line of error, never run."""
import os
import pickle
import re
import tracemalloc
import zipfile

import numpy as np
import pytest
from one_line import fails

from tinynnclr.storage import checkpoint

GROUPS = {"method": {"layers.0.weight": np.arange(6, dtype=np.float32).reshape(2, 3),
                     "ids": np.array([3, -1])}, "optimizer": {"steps": np.asarray(7),
                                                              "empty": np.zeros((0, 4))}}
INFO = {"config": {"method": "nnclr", "lr": 0.1, "train_size": None}, "epoch": 3,
        "rng": {"state": 2**127 + 1}, "metrics": [{"loss": 1 / 3, "neighbor_age": float("nan")}]}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "checkpoint.npz"
    checkpoint.save(path, GROUPS, INFO)
    return path


def alone(path):
    """The folder holds this file and nothing else: no temporary one was left."""
    return os.listdir(path.parent) == [path.name]


def contents(groups):
    return {group: {name: (array.dtype, array.shape, array.tobytes())
                    for name, array in members.items()} for group, members in groups.items()}


def test_what_went_in_comes_out(path):
    groups, info = checkpoint.load(path)
    assert contents(groups) == contents(GROUPS)
    # repr: NaN is not equal to itself, and every digit of a float counts
    assert repr(info) == repr(INFO)
    assert alone(path)


def test_saving_again_replaces_it(path):
    checkpoint.save(path, {"a": {"b": np.ones(2)}}, {"epoch": 4})
    groups, info = checkpoint.load(str(path))
    assert (list(groups), info) == (["a"], {"epoch": 4})
    assert alone(path)


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt(),
                                   MemoryError()])
@pytest.mark.parametrize("when", ["at once", "half-way", "at the end"])
def test_whole_or_not_at_all(path, error, when, monkeypatch):
    before = path.read_bytes()

    def write(file):
        if when != "at once":
            file.write(before[:300])
        if when != "at the end":
            raise error

    def fsync(_):
        raise error

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(type(error)):
        checkpoint.write_whole(path, write)
    with pytest.raises(type(error)):
        checkpoint.write_whole(path.parent / "new.npz", write)
    assert path.read_bytes() == before
    assert alone(path)


def test_a_failing_rename_leaves_the_old_file(path, monkeypatch):
    def replace(*_):
        raise PermissionError(13, "Permission denied")

    before = path.read_bytes()
    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(PermissionError):
        checkpoint.save(path, {"a": {"b": np.ones(2)}}, {})
    assert path.read_bytes() == before
    assert alone(path)


def test_an_array_that_cannot_be_saved_spoils_nothing(path):
    before = path.read_bytes()
    with pytest.raises(TypeError):
        checkpoint.save(path, GROUPS, {"config": object()})
    assert path.read_bytes() == before
    assert alone(path)


class Explosive:
    """Unpickled, it writes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


def foreign(kind, path):
    """Files that are not ours, by name."""
    info = {"no info": None, "a list": b"[1]", "a number": b"3", "text": b"hello",
            "no format": b"{}", "another format": b'{"format": 99}', "not text": b"\xff\xfe\x00"}
    if kind in info:
        content = info[kind]
        np.savez(path, **({"x": np.ones(3)} if content is None
                          else {"info": np.frombuffer(content, np.uint8)}))
    elif kind == "objects":
        np.savez(path, info=np.array([Explosive(str(path.parent / "exploded"))], object))
    elif kind == "pickle":
        path.write_bytes(pickle.dumps(Explosive(str(path.parent / "exploded"))))
    elif kind == "an array":
        np.save(path.with_suffix(".npy"), np.arange(3))
        path.with_suffix(".npy").replace(path)
    elif kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("readme.txt", "hello")
    elif kind == "compressed and damaged":
        np.savez_compressed(path, info=np.arange(3000))
        damaged = bytearray(path.read_bytes())
        damaged[200] ^= 0xFF
        path.write_bytes(damaged)
    else:
        path.write_bytes({"empty": b"", "words": b"These are\nmy notes"}[kind])


@pytest.mark.parametrize("kind", ["no info", "a list", "a number", "text", "no format",
                                  "another format", "not text", "objects", "pickle", "an array",
                                  "zip", "compressed and damaged", "empty", "words"])
def test_a_file_that_is_not_ours(kind, tmp_path):
    path = tmp_path / "checkpoint.npz"
    foreign(kind, path)
    with fails(ValueError, "checkpoint.npz is damaged or not a tinynnclr checkpoint"):
        checkpoint.load(path)
    assert alone(path)  # nothing was executed


def header(shape="(3,)", descr="'<f4'", version=1, padding=0):
    """The start of a .npy file with any claims."""
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}".encode()
    text += b" " * padding + b"\n"
    length = len(text).to_bytes(2 if version == 1 else 4, "little")
    return b"\x93NUMPY" + bytes([version, 0]) + length + text


CLAIMS = {
    "more rows than memory": header("(1099511627776,)") + bytes(12),
    "a product beyond 64 bits": header("(4294967296, 4294967296, 4294967296)") + bytes(12),
    "a negative size": header("(-3,)") + bytes(12),
    "negative sizes": header("(-3, -1)") + bytes(12),
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
}


def write_claim(path, array, kind=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", kind) as archive:
        archive.writestr("info.npy", header("(13,)", "'|u1'") + b'{"format": 1}')
        archive.writestr("method/x.npy", array)


def refused_in_little_memory(path):
    """Loading the file raises an error of one line, and takes less than 8 MB until then."""
    tracemalloc.start()  # which counts NumPy's arrays, too
    try:
        with fails(ValueError, f"{path.name} is damaged or not a tinynnclr checkpoint"):
            checkpoint.load(path)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()
    assert alone(path)


@pytest.mark.parametrize("claim", CLAIMS)
def test_an_array_with_a_false_claim(tmp_path, claim, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_claim(tmp_path / "c.npz", CLAIMS[claim])
    refused_in_little_memory(tmp_path / "c.npz")
    write_claim(tmp_path / "c.npz", header() + bytes(12))
    np.testing.assert_array_equal(checkpoint.load("c.npz")[0]["method"]["x"], np.zeros(3))


@pytest.mark.parametrize("kind", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_compressed_file_may_not_grow(tmp_path, kind):
    write_claim(tmp_path / "c.npz", header("(7500000,)") + bytes(30_000_000), kind)
    refused_in_little_memory(tmp_path / "c.npz")


def test_members_that_overlap_may_not_grow(tmp_path):
    """The directory of the zip has 1000 members in the same place."""
    path = tmp_path / "c.npz"
    write_claim(path, header("(1000,)") + bytes(4000))
    data = path.read_bytes()
    start, end = data.index(b"PK\x01\x02"), data.rindex(b"PK\x05\x06")
    info, member = (b"PK\x01\x02" + entry for entry in data[start:end].split(b"PK\x01\x02")[1:])
    entries = [info, *(member.replace(b"method/x.npy", f"method/{i:05}".encode())
                       for i in range(1000))]
    directory, tail = b"".join(entries), bytearray(data[end:])
    tail[8:12] = len(entries).to_bytes(2, "little") * 2
    tail[12:16] = len(directory).to_bytes(4, "little")
    path.write_bytes(data[:start] + directory + tail)
    refused_in_little_memory(path)


def load_or_message(path):
    try:
        return *checkpoint.load(path), ""
    except ValueError as error:
        return {}, {}, str(error)


def test_every_kind_of_damage_is_noticed(path):
    """Cut short anywhere, or one bit changed: one line of error, or unchanged arrays.

    The directory of a zip has no checksum, so one bit of it may hide a whole array; Run.load
    reports that it is missing.
    """
    good, rng, refused = path.read_bytes(), np.random.default_rng(0), 0
    damages = [good[:n] for n in rng.integers(0, len(good), 150)]
    for place in rng.integers(0, len(good), 450):
        flipped = bytes([good[place] ^ (1 << rng.integers(8))])
        damages.append(good[:place] + flipped + good[place + 1:])
    for damaged in damages:
        path.write_bytes(damaged)
        groups, info, message = load_or_message(path)
        assert "\n" not in message
        refused += bool(message)
        assert message or repr(info) == repr(INFO)
        for group, members in contents(groups).items():
            assert members.items() <= contents(GROUPS)[group].items()
    assert refused > 400  # the rest is damage to dates and the like


def test_no_file(tmp_path):
    for path in (tmp_path / "none.npz", tmp_path):
        with fails(FileNotFoundError, re.escape(f"no checkpoint at {path}")):
            checkpoint.load(path)
    with pytest.raises(FileNotFoundError):
        checkpoint.save(tmp_path / "nowhere" / "c.npz", GROUPS, INFO)
    assert os.listdir(tmp_path) == []
