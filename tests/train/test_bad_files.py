"""Data files and archives gone wrong, given to the command line: it refuses them, or loads what is
there.

The training itself is left out here: what a command would have trained on is compared with an
independent reading.
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

OTHER = gzip.compress(b"another file's bytes "
                      * 50) + b"{\"a\": 1}\n" * 50 + b"PK\x03\x04\x14" + bytes(3000)
FLAGS = [word for name, value in {**SMALL, "batch_size": 2, "width": 1}.items()
         for word in (f"--{name.replace('_', '-')}", str(value))]


@pytest.fixture
def seen(monkeypatch):
    """The data that `train` would have trained on, in a list."""
    loaded = []
    monkeypatch.setattr(train, "train_and_evaluate", lambda options, folder, run,
                        data: loaded.append(data))
    return loaded


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder that no command may write into, but for the folder `work` in it."""
    (tmp_path / "work").mkdir()
    (tmp_path / "precious").write_text("keep", encoding="utf-8")
    monkeypatch.setattr(os, "fsync", lambda file: None)  # disks are slow, and none fails here
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setattr(fashion_mnist, "DEBIAN", tmp_path / "none")
    return tmp_path


def write_cifar(folder):
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True)
    for name in [f"data_batch_{i}.bin" for i in range(1, 6)] + ["test_batch.bin"]:
        images = rng.integers(0, 256, (2, 32, 32, 3), np.uint8)
        (folder / name).write_bytes(b"".join(cifar_record([rng.integers(10)], image) for image
                                             in images))
    (folder / "batches.meta.txt").write_text("\n".join(CIFAR10_NAMES) + "\n\n", encoding="utf-8")


def read_cifar(folder, names):
    """Pixel by pixel from the bytes; ValueError for what no CIFAR file is."""
    data = b"".join((folder / name).read_bytes() for name in names)
    records = [data[at:at + 3073] for at in range(0, len(data), 3073)]
    place = np.arange(3072).reshape(3, 32, 32).transpose(1, 2, 0) + 1
    assert all((folder / name).stat().st_size % 3073 == 0 for name in names)
    return np.array([np.frombuffer(r, np.uint8)[place] for r in records]), [r[0] for r in records]


def read_idx(path):
    """The header's numbers, then as many bytes."""
    data = path.read_bytes()
    if path.suffix == ".gz":
        whole, data = b"", data
        while data.strip(b"\0"):
            member = zlib.decompressobj(31)
            whole += member.decompress(data)
            data = member.unused_data
        data = whole
    axes = data[3]
    sizes = [int.from_bytes(data[4 + 4 * i:8 + 4 * i], "big") for i in range(axes)]
    assert len(data) == 4 + 4 * axes + np.prod(sizes)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * axes).reshape(sizes)


def same(data, images, labels, classes=10):
    """Whether a data set is what was read independently, and its labels are classes."""
    return data.images.shape == images.shape and (data.images == images).all() and \
        data.labels.tolist() == list(labels) and max(labels) < classes


def test_cifar(here, seen, capsys, count, record_property):
    rng, faults, folder = np.random.default_rng(1), Faults(), here / "work" / "data" / "cifar-10-batches-bin"
    write_cifar(folder)
    good = {path.name: path.read_bytes() for path in folder.iterdir()}
    for n in range(count(60, 200, 900)):
        name = list(good)[rng.integers(len(good))]
        worse = mutate(good[name], good[list(good)[rng.integers(len(good))]] if n % 2 else OTHER,
                       rng)
        (folder / name).write_bytes(worse)
        status, wrong = broken(capsys, ["train", "--dataset", "cifar10", *FLAGS, "--out",
                                        f"out{n}"], here / "work/data")
        if status == 0:
            train, test = seen.pop()
            fine = same(train, *read_cifar(folder,
                                           [f"data_batch_{i}.bin" for i
                                            in range(1, 6)])) and same(test,
                                                                       *read_cifar(folder,
                                                                                   [
                    "test_batch.bin"]))
            wrong = wrong or ("" if fine else "loaded other images than are there")
        faults.add(f"{n} {name}", wrong, status)
        (folder / name).write_bytes(good[name])
        shutil.rmtree(f"out{n}", ignore_errors=True)
    faults.check(record_property)


@pytest.mark.parametrize("zipped", [True, False])
def test_fashion_mnist(here, seen, capsys, count, record_property, zipped):
    rng, faults, folder = np.random.default_rng(2), Faults(), here / "work" / "data" / "fashion-mnist"
    gray, labels = rng.integers(0, 256, (5, 28, 28), np.uint8), np.array([9, 0, 3, 1, 2], np.uint8)
    write_fashion(folder, (gray[:3], labels[:3], gray[3:], labels[3:]), zipped)
    good = {path.name: path.read_bytes() for path in folder.iterdir()}
    for n in range(count(40, 130, 600)):
        name = list(good)[rng.integers(len(good))]
        worse = mutate(good[name], OTHER, rng)
        if zipped and n % 3 == 0:  # a sound .gz of a bad file
            worse = gzip.compress(mutate(gzip.decompress(good[name]), OTHER, rng))
        (folder / name).write_bytes(worse)
        status, wrong = broken(capsys, ["train", "--dataset", "fashion_mnist", *FLAGS, "--out",
                                        f"out{n}"], here / "work/data")
        if status == 0:
            parts = [read_idx(folder / (f"{file}.gz" if zipped else file)) for file
                     in fashion_mnist.FILES]
            for data, images, labels in zip(seen.pop(), parts[::2], parts[1::2], strict=True):
                padded = np.zeros((len(images), 32, 32, 3), np.uint8)
                padded[:, 2:30, 2:30] = images[..., None]
                wrong = wrong or ("" if same(data, padded, labels.tolist())
                                  else "loaded other images than are there")
        faults.add(f"{n} {name}", wrong, status)
        (folder / name).write_bytes(good[name])
        shutil.rmtree(f"out{n}", ignore_errors=True)
    faults.check(record_property)


FORMATS = {"png": {}, "jpg": {}, "bmp": {}, "gif": {}, "tiff": {}, "ppm": {}, "webp": {}}


@pytest.mark.parametrize("ending", FORMATS)
def test_pictures(here, seen, capsys, count, record_property, ending):
    """A damaged picture is refused, or loaded as Pillow reads it, which for JPEG is not always what
    it was.
    """
    rng, faults = np.random.default_rng(3), Faults()
    for c in range(2):
        (here / f"work/pictures/{c}").mkdir(parents=True)
        for i in range(2):
            Image.fromarray(rng.integers(0, 256, (32, 32, 3), np.uint8)).save(here / f"work/pictures/{c}/{i}.{ending}")
    path = here / f"work/pictures/1/1.{ending}"
    good = path.read_bytes()
    for n in range(count(15, 50, 200)):
        path.write_bytes(mutate(good, OTHER, rng))
        status, wrong = broken(capsys, ["train", "--dataset", "folder:pictures", *FLAGS, "--out",
                                        f"out{n}"], here / "work/pictures")
        if status == 0:
            images = np.concatenate([data.images for data in seen.pop()])
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                with Image.open(path) as picture:
                    plain = picture.size == (32,
                                             32) and picture.mode == "RGB" and not picture.getexif()
                    wanted = np.asarray(picture.convert("RGB")) if plain else images[0]
            wrong = wrong or ("" if (images == wanted).all((1, 2, 3)).any()
                              else "loaded another picture than is there")
        faults.add(f"{n}", wrong, status)
        shutil.rmtree(f"out{n}", ignore_errors=True)
    faults.check(record_property)


def members(path):
    """{name: bytes} of the first file of each name in an archive, read by the library's other way.
    """
    found = {}
    with tarfile.open(path, "r:gz") as tar:
        for member in tar:
            if member.isreg():
                found.setdefault(Path(member.name).as_posix(), tar.extractfile(member).read())
    return found


def test_archives(here, capsys, count, record_property):
    """download --from: refused, or the folder holds the bytes of the archive; nothing lands
    anywhere else.
    """
    rng, faults, folder = np.random.default_rng(4), Faults(), "cifar-10-batches-bin"
    write_cifar(here / folder)
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as tar:
        tar.add(here / folder, folder)
    archive = here / "x.tar.gz"
    names = [path.name for path in (here / folder).iterdir()]
    for n in range(count(40, 130, 600)):
        tar = whole.getvalue()
        if n % 2:  # in a header: they lie before each member, 512 bytes long
            at = 512 * int(rng.choice([i for i in range(len(tar) // 512) if b"ustar"
                                       in tar[512 * i:512 * i + 512]]))
            tar = tar[:at] + mutate(tar[at:at + 512], OTHER, rng)[:512].ljust(512,
                                                                              b"\0") + tar[at
                                                                                           + 512:]
        archive.write_bytes(gzip.compress(tar, 1) if n % 2
                            else mutate(gzip.compress(tar, 1), OTHER, rng))
        before = files(here)
        status, wrong = broken(capsys, ["download", "cifar10", "--data-dir", "data",
                                        "--no-checksum", "--from", archive])
        got = {Path(name).name: data for name, data in files(here / "work").items()}
        if {name: data for name,
            data in files(here).items() if not name.startswith(f"work/data/{folder}/")} != before:
            wrong = wrong or "it wrote elsewhere"
        if status == 0:
            there = members(archive)
            fine = got == {name: there[f"{folder}/{name}"] for name in names}
            wrong = wrong or ("" if fine else "other bytes than are in the archive")
        elif got:
            wrong = wrong or "it left files behind"
        faults.add(f"{n}", wrong, status)
        shutil.rmtree(here / "work" / "data", ignore_errors=True)
    faults.check(record_property)
