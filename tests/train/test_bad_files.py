"""Damaged data files and archives: commands refuse them, or load what is there.

Nothing is trained here: the data of a command are compared with an independent reading.
"""
import gzip
import io
import os
import shutil
import tarfile
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from command_line import files
from data_files import CIFAR10_NAMES, cifar_record, write_fashion
from mutation import mutate
from PIL import Image
from promise import Faults, broken
from small import SMALL

from tinynnclr.cli import train
from tinynnclr.datasets import fashion_mnist

OTHER = (gzip.compress(b"another file's bytes " * 50) + b"{\"a\": 1}\n" * 50
         + b"PK\x03\x04\x14" + bytes(3000))
FLAGS = [word for name, value in {**SMALL, "batch_size": 2, "width": 1}.items()
         for word in (f"--{name.replace('_', '-')}", str(value))]


@pytest.fixture
def loaded(monkeypatch):
    """The data that `train` would have trained on, in a list."""
    data_sets = []
    monkeypatch.setattr(train, "train_and_evaluate",
                        lambda options, folder, run, data, *_: data_sets.append(data))
    return data_sets


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder that commands may not write into, except for the folder `work` in it."""
    (tmp_path / "work").mkdir()
    (tmp_path / "precious").write_text("keep", encoding="utf-8")
    monkeypatch.setattr(os, "fsync", lambda file: None)  # slow, and does not fail here
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setattr(fashion_mnist, "DEBIAN", tmp_path / "none")
    return tmp_path


def damage(capsys, loaded, dataset, folder, cases, worse, read):
    """The Faults of training on data of which one file at a time is damaged.

    worse(n, path) -> bytes of a damaged file; read(path) -> whether the data are what is there.
    """
    faults, paths = Faults(), sorted(path for path in folder.rglob("*") if path.is_file())
    rng = np.random.default_rng(1)
    for n in range(cases):
        path = paths[rng.integers(len(paths))]
        good = path.read_bytes()
        path.write_bytes(worse(n, path))
        status, wrong = broken(capsys, ["train", "--dataset", dataset, *FLAGS, "--out", f"out{n}"],
                               folder)
        if status == 0 and not read(path, loaded.pop()):
            wrong = wrong or "loaded other images than are there"
        faults.add(f"{n} {path.name}", wrong, status)
        path.write_bytes(good)
        shutil.rmtree(f"out{n}", ignore_errors=True)
    return faults


def write_cifar(folder):
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True)
    for name in [f"data_batch_{i}.bin" for i in range(1, 6)] + ["test_batch.bin"]:
        images = rng.integers(0, 256, (2, 32, 32, 3), np.uint8)
        (folder / name).write_bytes(b"".join(cifar_record([rng.integers(10)], image)
                                             for image in images))
    (folder / "batches.meta.txt").write_text("\n".join(CIFAR10_NAMES) + "\n\n", encoding="utf-8")


def read_cifar(folder, names):
    """Images and labels, pixel by pixel from the bytes."""
    assert all((folder / name).stat().st_size % 3073 == 0 for name in names)
    data = b"".join((folder / name).read_bytes() for name in names)
    records = [data[at:at + 3073] for at in range(0, len(data), 3073)]
    place = np.arange(3072).reshape(3, 32, 32).transpose(1, 2, 0) + 1
    return np.array([np.frombuffer(r, np.uint8)[place] for r in records]), [r[0] for r in records]


def read_idx(path):
    """The header's numbers, then as many bytes."""
    data = path.read_bytes()
    if path.suffix == ".gz":
        compressed, data = data, b""
        while compressed.strip(b"\0"):
            member, head = zlib.decompressobj(31), bytearray(compressed[:4])
            head[3] &= 31  # Python ignores the reserved flags, which zlib refuses
            data += member.decompress(bytes(head) + compressed[4:])
            compressed = member.unused_data
    axes = data[3]
    sizes = [int.from_bytes(data[4 + 4 * i:8 + 4 * i], "big") for i in range(axes)]
    assert len(data) == 4 + 4 * axes + np.prod(sizes)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * axes).reshape(sizes)


def same(data, images, labels):
    """Whether a data set is what was read independently, with labels below 10."""
    return (data.images.shape == images.shape and (data.images == images).all()
            and data.labels.tolist() == list(labels) and max(labels) < 10)


def test_cifar(here, loaded, capsys, count, record_property):
    rng, folder = np.random.default_rng(1), here / "work" / "data" / "cifar-10-batches-bin"
    write_cifar(folder)
    good = [path.read_bytes() for path in sorted(folder.iterdir())]

    def worse(n, path):
        other = good[rng.integers(len(good))] if n % 2 else OTHER
        return mutate(path.read_bytes(), other, rng)

    def read(path, data):
        parts = [f"data_batch_{i}.bin" for i in range(1, 6)], ["test_batch.bin"]
        return all(same(part, *read_cifar(folder, names))
                   for part, names in zip(data, parts, strict=True))

    damage(capsys, loaded, "cifar10", here / "work/data", count(60, 200, 900), worse,
           read).check(record_property)


@pytest.mark.parametrize("zipped", [True, False])
def test_fashion_mnist(here, loaded, capsys, count, record_property, zipped):
    rng, folder = np.random.default_rng(2), here / "work" / "data" / "fashion-mnist"
    gray, labels = rng.integers(0, 256, (5, 28, 28), np.uint8), np.array([9, 0, 3, 1, 2], np.uint8)
    write_fashion(folder, (gray[:3], labels[:3], gray[3:], labels[3:]), zipped)

    def worse(n, path):
        if zipped and n % 3 == 0:  # a valid .gz of a damaged file
            return gzip.compress(mutate(gzip.decompress(path.read_bytes()), OTHER, rng))
        return mutate(path.read_bytes(), OTHER, rng)

    def read(path, data):
        arrays = [read_idx(folder / (f"{file}.gz" if zipped else file))
                  for file in fashion_mnist.FILES]
        padded = [np.pad(images, ((0, 0), (2, 2), (2, 2)))[..., None].repeat(3, axis=3)
                  for images in arrays[::2]]
        return all(same(*part) for part in zip(data, padded, [a.tolist() for a in arrays[1::2]],
                                               strict=True))

    damage(capsys, loaded, "fashion_mnist", here / "work/data", count(40, 130, 600), worse,
           read).check(record_property)


@pytest.mark.parametrize("ending", ["png", "jpg", "bmp", "gif", "tiff", "ppm", "webp"])
def test_pictures(here, loaded, capsys, count, record_property, ending):
    """A damaged image is refused, or loaded as Pillow reads it (JPEG may differ from before)."""
    rng = np.random.default_rng(3)
    for name in ("0/0", "0/1", "1/0", "1/1"):
        path = here / f"work/pictures/{name}.{ending}"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (32, 32, 3), np.uint8)).save(path)

    def read(path, data):
        images = np.concatenate([part.images for part in data])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path) as picture:
                plain = (picture.size == (32, 32) and picture.mode == "RGB"
                         and not picture.getexif())
                expected = np.asarray(picture.convert("RGB")) if plain else images[0]
        return (images == expected).all((1, 2, 3)).any()

    damage(capsys, loaded, "folder:pictures", here / "work/pictures", count(15, 50, 200),
           lambda n, path: mutate(path.read_bytes(), OTHER, rng), read).check(record_property)


def members(path):
    """{name: bytes} of the first file of each name in an archive, read one after the other."""
    contents = {}
    with tarfile.open(path, "r:gz") as tar:
        for member in tar:
            if member.isreg():
                contents.setdefault(Path(member.name).as_posix(), tar.extractfile(member).read())
    return contents


def worse_archive(tar, n, rng):
    """A damaged .tar.gz, in every second case damaged in a header (512 bytes before a member)."""
    if n % 2 == 0:
        return mutate(gzip.compress(tar, 1), OTHER, rng)
    at = 512 * int(rng.choice([i for i in range(len(tar) // 512)
                               if b"ustar" in tar[512 * i:512 * i + 512]]))
    header = mutate(tar[at:at + 512], OTHER, rng)[:512].ljust(512, b"\0")
    return gzip.compress(tar[:at] + header + tar[at + 512:], 1)


def test_archives(here, capsys, count, record_property):
    """download --from: refused, or the folder holds the archive's bytes; nothing else changes."""
    rng, faults, folder = np.random.default_rng(4), Faults(), "cifar-10-batches-bin"
    write_cifar(here / folder)
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as tar:
        tar.add(here / folder, folder)
    archive = here / "x.tar.gz"
    names = [path.name for path in (here / folder).iterdir()]
    for n in range(count(40, 130, 600)):
        archive.write_bytes(worse_archive(whole.getvalue(), n, rng))
        before = files(here)
        status, wrong = broken(capsys, ["download", "cifar10", "--data-dir", "data",
                                        "--no-checksum", "--from", archive])
        unpacked = {Path(name).name: data for name, data in files(here / "work").items()}
        if {name: data for name, data in files(here).items()
                if not name.startswith(f"work/data/{folder}/")} != before:
            wrong = wrong or "it wrote elsewhere"
        if status == 0:
            there = members(archive)
            if unpacked != {name: there[f"{folder}/{name}"] for name in names}:
                wrong = wrong or "other bytes than are in the archive"
        elif unpacked:
            wrong = wrong or "it left files behind"
        faults.add(f"{n}", wrong, status)
        shutil.rmtree(here / "work" / "data", ignore_errors=True)
    faults.check(record_property)
