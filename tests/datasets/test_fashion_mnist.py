"""Fashion-MNIST's IDX files: every pixel, and damaged files."""
import gzip
import struct

import numpy as np
import pytest
from data_files import idx, write_fashion
from one_line import fails

from tinynnclr.datasets import fashion_mnist
from tinynnclr.datasets.fashion_mnist import load_fashion_mnist


@pytest.fixture
def arrays(monkeypatch, tmp_path):
    rng = np.random.default_rng(0)
    monkeypatch.setattr(fashion_mnist, "DEBIAN", tmp_path / "not-debian")
    gray = rng.integers(1, 256, (5, 28, 28), dtype=np.uint8)  # no black, so that the border shows
    labels = np.array([9, 0, 3, 1, 2], np.uint8)
    return gray[:3], labels[:3], gray[3:], labels[3:]


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("place", ["fashion-mnist", ".", "not-debian"])
def test_fashion_every_pixel(tmp_path, arrays, zipped, place):
    write_fashion(tmp_path / place, arrays, zipped)
    train, test = load_fashion_mnist(tmp_path if place != "not-debian" else tmp_path / "elsewhere")
    for data, gray, labels in ((train, *arrays[:2]), (test, *arrays[2:])):
        assert data.images.shape == (len(gray), 32, 32, 3)
        for channel in range(3):
            np.testing.assert_array_equal(data.images[:, 2:30, 2:30, channel], gray)
        assert np.count_nonzero(data.images) == 3 * gray.size  # the border is black
        assert data.images.flags.c_contiguous
        np.testing.assert_array_equal(data.labels, labels)
        assert data.labels.dtype == np.int64
        assert data.class_names[9] == "Ankle boot"


def test_fashion_missing(tmp_path, arrays):
    write_fashion(tmp_path / "fashion-mnist", arrays)
    (tmp_path / "fashion-mnist" / "t10k-labels-idx1-ubyte.gz").unlink()
    with fails(FileNotFoundError, "t10k-labels-idx1-ubyte", "fashion-mnist", "not-debian",
               "download fashion_mnist"):
        load_fashion_mnist(tmp_path)


TRAIN_IMAGES, TRAIN_LABELS = (f"{name}.gz" for name in fashion_mnist.FILES[:2])
IMAGES = idx(np.zeros((3, 28, 28), np.uint8))
ZIPPED = gzip.compress(IMAGES)
LABELS = idx(np.zeros(3, np.uint8))
BAD_IDX = {
    "empty": (TRAIN_IMAGES, b"", "header of 16 bytes, got 0"),
    "short header": (TRAIN_LABELS, gzip.compress(LABELS[:7]), "header of 8 bytes, got 7"),
    "magic": (TRAIN_IMAGES, gzip.compress(b"\0\0\x09\x03" + IMAGES[4:]),
              "magic number 2051, got 2307"),
    "swapped images": (TRAIN_IMAGES, gzip.compress(idx(np.zeros(100, np.uint8))),
                       "magic number 2051, got 2049"),
    "swapped labels": (TRAIN_LABELS, gzip.compress(IMAGES), "magic number 2049, got 2051"),
    "not 28 x 28": (TRAIN_IMAGES, gzip.compress(idx(np.zeros((3, 28, 27), np.uint8))), "27"),
    "no images": (TRAIN_IMAGES, gzip.compress(idx(np.zeros((0, 28, 28), np.uint8))), "sizes"),
    "4 billion": (TRAIN_LABELS, gzip.compress(struct.pack(">2I", 2049, 2**32 - 1) + bytes(9)),
                  "4294967295"),
    "short": (TRAIN_IMAGES, gzip.compress(IMAGES[:-1]), "2352 bytes after the header, got 2351"),
    "long": (TRAIN_IMAGES, gzip.compress(IMAGES + b"x"), "2352 bytes after the header, got more"),
    "counts": (TRAIN_LABELS, gzip.compress(idx(np.zeros(4, np.uint8))), "expected 3 labels"),
    "label 10": (TRAIN_LABELS, gzip.compress(idx(np.array([0, 10, 1], np.uint8))),
                 "0 to 9, got 10 at 1"),
    "no gzip": (TRAIN_IMAGES, IMAGES, "damaged gzip"),
    "gzip cut": (TRAIN_IMAGES, ZIPPED[:-9], "damaged gzip"),
    "gzip flipped": (TRAIN_IMAGES, ZIPPED[:10] + b"\xff" + ZIPPED[11:], "damaged gzip"),
}


@pytest.mark.parametrize("name", BAD_IDX)
def test_fashion_bad_file(tmp_path, arrays, name):
    file, content, message = BAD_IDX[name]
    write_fashion(tmp_path, arrays)
    (tmp_path / file).write_bytes(content)
    with fails(ValueError, file, message):
        load_fashion_mnist(tmp_path)
