"""CIFAR-10 and CIFAR-100 from binary files: records of label bytes and three 32 x 32 planes."""
from pathlib import Path

import numpy as np

from ..storage.messages import shell_words
from .dataset import Dataset

SIDE = 32
MAX_COUNT = 50_000  # the most records of a file
PIXELS = 3 * SIDE * SIDE  # 1024 red bytes, 1024 green, 1024 blue, each plane row by row


def load_cifar10(data_dir: str | Path) -> tuple[Dataset, Dataset]:
    """(train, test) from data_dir/cifar-10-batches-bin: 50,000 and 10,000 images in 10 classes.

    Raises FileNotFoundError if a file is missing and ValueError if one is damaged. Source:
    Krizhevsky 2009.
    """
    files = [f"data_batch_{i}.bin" for i in range(1, 6)] + ["test_batch.bin", "batches.meta.txt"]
    *train, test, names = _find("cifar10", Path(data_dir), "cifar-10-batches-bin", files)
    names = _class_names(names, 10)
    images, labels = zip(*(_read(path, (10,)) for path in train), strict=True)
    return (Dataset(np.concatenate(images), np.concatenate(labels), names),
            Dataset(*_read(test, (10,)), names))


def load_cifar100(data_dir: str | Path) -> tuple[Dataset, Dataset]:
    """(train, test) from data_dir/cifar-100-binary, as for CIFAR-10, in 100 fine classes.

    A record starts with two label bytes: the coarse class (0 to 19), which is dropped, then the
    fine one (0 to 99).
    """
    files = ["train.bin", "test.bin", "fine_label_names.txt"]
    train, test, names = _find("cifar100", Path(data_dir), "cifar-100-binary", files)
    names = _class_names(names, 100)
    return Dataset(*_read(train, (20, 100)), names), Dataset(*_read(test, (20, 100)), names)


def _find(name, data_dir, folder, files):
    paths = [data_dir / folder / file for file in files]
    for path in paths:
        if not path.is_file():
            command = shell_words("tinynnclr", "download", name, "--data-dir", data_dir)
            raise FileNotFoundError(f"{path}: not found; `{command}` fetches it")
    return paths


def _read(path, class_counts) -> tuple[np.ndarray, np.ndarray]:
    """Images (n, 32, 32, 3) uint8 and labels (n,) int64; a record has one label byte per count."""
    n_labels = len(class_counts)
    record = n_labels + PIXELS
    size = path.stat().st_size
    if size == 0 or size % record or size > MAX_COUNT * record:
        raise ValueError(f"{path}: expected a multiple of {record} bytes (one record), at most "
                         f"{MAX_COUNT} records, got {size} bytes")
    rows = np.fromfile(path, np.uint8).reshape(-1, record)
    labels, planes = rows[:, :n_labels], rows[:, n_labels:]
    wrong = np.argwhere(labels >= np.array(class_counts))
    if len(wrong):
        row, column = wrong[0]
        top = class_counts[column] - 1
        raise ValueError(f"{path}: expected labels from 0 to {top}, got {labels[row, column]} in "
                         f"record {row}")
    images = planes.reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(images), labels[:, -1].astype(np.int64)


def _class_names(path, count):
    """The names of a file with one name a line, which may end with blank lines."""
    with open(path, encoding="utf-8", errors="replace") as file:
        names = tuple(file.read(100_000).split())
    if len(names) != count:
        raise ValueError(f"{path}: expected {count} class names, got {len(names)}")
    return names
