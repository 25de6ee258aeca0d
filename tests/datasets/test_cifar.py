"""CIFAR's binary files: every pixel, and damaged files."""
import numpy as np
import pytest
from data_files import CIFAR10_NAMES, cifar_record
from one_line import fails

from tinynnclr.datasets import cifar
from tinynnclr.datasets.cifar import load_cifar10, load_cifar100


@pytest.fixture
def cifar10(tmp_path, rng):
    """(data_dir, train images, test images); the label of image i is i % 10."""
    folder = tmp_path / "cifar-10-batches-bin"
    folder.mkdir()
    images = rng.integers(0, 256, (13, 32, 32, 3), dtype=np.uint8)
    records = [cifar_record([i % 10], image) for i, image in enumerate(images)]
    for i in range(5):
        (folder / f"data_batch_{i + 1}.bin").write_bytes(b"".join(records[2 * i : 2 * i + 2]))
    (folder / "test_batch.bin").write_bytes(b"".join(records[10:]))
    (folder / "batches.meta.txt").write_text("\n".join(CIFAR10_NAMES) + "\n\n", encoding="utf-8")
    return tmp_path, images[:10], images[10:]


def test_cifar10_every_pixel(cifar10):
    data_dir, train_images, test_images = cifar10
    train, test = load_cifar10(data_dir)
    np.testing.assert_array_equal(train.images, train_images)
    np.testing.assert_array_equal(test.images, test_images)
    assert train.labels.tolist() == list(range(10))
    assert test.labels.tolist() == [0, 1, 2]
    assert train.class_names == test.class_names == CIFAR10_NAMES
    assert train.images.flags.c_contiguous
    assert train.images.dtype == np.uint8
    assert train.labels.dtype == np.int64


def test_cifar100_keeps_the_fine_label(tmp_path, rng):
    folder = tmp_path / "cifar-100-binary"
    folder.mkdir()
    images = rng.integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    coarse_fine = [(19, 99), (4, 0), (7, 50)]
    records = [cifar_record(*pair) for pair in zip(coarse_fine, images, strict=True)]
    (folder / "train.bin").write_bytes(records[0] + records[1])
    (folder / "test.bin").write_bytes(records[2])
    names = "".join(f"thing_{i}\n" for i in range(100))
    (folder / "fine_label_names.txt").write_text(names, encoding="utf-8")
    train, test = load_cifar100(str(tmp_path))
    np.testing.assert_array_equal(train.images, images[:2])
    np.testing.assert_array_equal(test.images, images[2:])
    assert train.labels.tolist() == [99, 0]
    assert test.labels.tolist() == [50]
    assert train.class_names[99] == "thing_99"
    (folder / "test.bin").write_bytes(cifar_record((20, 0), images[2]))
    with fails(ValueError, "test.bin", "0 to 19", "got 20 in record 0"):
        load_cifar100(tmp_path)


def test_a_missing_file_is_named(tmp_path, cifar10):
    (tmp_path / "cifar-10-batches-bin" / "data_batch_4.bin").unlink()
    with fails(FileNotFoundError, tmp_path.name, "cifar-10-batches-bin", "data_batch_4.bin",
               "tinynnclr download cifar10 --data-dir"):
        load_cifar10(tmp_path)
    with fails(FileNotFoundError, "cifar-100-binary", "tinynnclr download cifar100 --data-dir"):
        load_cifar100(tmp_path)


RECORD = bytes(3073)


@pytest.mark.parametrize(("file", "content", "words"), [
    *(("data_batch_2.bin", bytes(size), f"3073.*got {size} bytes")
      for size in (0, 1, 3072, 2 * 3073 - 1, 2 * 3073 + 1)),
    ("test_batch.bin", RECORD + b"\x0a" + bytes(3072), "0 to 9, got 10 in record 1"),
    ("batches.meta.txt", b"\xff\xfe cat dog", "10 class names, got 3")])
def test_a_damaged_file_is_named(cifar10, file, content, words):
    (cifar10[0] / "cifar-10-batches-bin" / file).write_bytes(content)
    with fails(ValueError, file, words):
        load_cifar10(cifar10[0])


def test_files_that_are_far_too_large_are_not_read(cifar10, monkeypatch):
    monkeypatch.setattr(cifar, "MAX_COUNT", 1)
    with fails(ValueError, "data_batch_1.bin", "expected a multiple of 3073 bytes",
               "at most 1 records"):
        load_cifar10(cifar10[0])
