"""Fashion-MNIST from its IDX files: a big-endian magic number, one size per axis, then bytes."""
import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np

from ..storage.messages import shell_words
from .dataset import Dataset

FILES = tuple(f"{split}-{kind}-ubyte" for split in ("train", "t10k")
              for kind in ("images-idx3", "labels-idx1"))
CLASS_NAMES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker",
               "Bag", "Ankle boot")
DEBIAN = Path("/usr/share/datasets/fashion-mnist")  # of Debian's package dataset-fashion-mnist
MAX_COUNT = 60_000  # the most images of a file
BORDER = 2  # 28 -> 32


def load_fashion_mnist(data_dir: str | Path) -> tuple[Dataset, Dataset]:
    """(train, test) from data_dir/fashion-mnist or data_dir: 60,000 and 10,000 images, 10 classes.

    The 28 x 28 gray images get a black border of 2 pixels, which continues their background, and
    three equal channels, because the encoders expect 32 x 32 colour images. Raises
    FileNotFoundError if files are missing and ValueError if one is damaged. Source: Xiao et al.
    2017.
    """
    paths = _find(Path(data_dir))
    return _split(*paths[:2]), _split(*paths[2:])


def _find(data_dir):
    """The four paths, gzipped or not, from the first folder that has them all."""
    folders = (data_dir / "fashion-mnist", data_dir, DEBIAN)
    for folder in folders:
        paths = [next((p for p in (folder / name, folder / f"{name}.gz") if p.is_file()), None)
                 for name in FILES]
        if all(paths):
            return paths
    command = shell_words("tinynnclr", "download", "fashion_mnist", "--data-dir", data_dir)
    raise FileNotFoundError(f"{', '.join(FILES)} (.gz): not found together in any of "
                            f"{', '.join(map(str, folders))}; `{command}` fetches them")


def _split(image_path, label_path):
    gray = _read_idx(image_path, (28, 28))
    labels = _read_idx(label_path, ())
    if len(gray) != len(labels):
        raise ValueError(f"{label_path}: expected {len(gray)} labels, as many as images, got "
                         f"{len(labels)}")
    if labels.max() >= len(CLASS_NAMES):
        raise ValueError(f"{label_path}: expected labels from 0 to 9, got {labels.max()} at "
                         f"{labels.argmax()}")
    padded = np.pad(gray, ((0, 0), (BORDER, BORDER), (BORDER, BORDER)))  # (n, 32, 32)
    return Dataset(np.repeat(padded[..., None], 3, axis=-1), labels.astype(np.int64), CLASS_NAMES)


def _read_idx(path, item_shape):
    """The uint8 array (n, *item_shape); the magic number is 0x08 (bytes) and the number of axes."""
    axes = 1 + len(item_shape)
    try:
        with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as file:
            header = file.read(4 + 4 * axes)
            if len(header) < 4 + 4 * axes:
                raise ValueError(f"{path}: expected a header of {4 + 4 * axes} bytes, got "
                                 f"{len(header)}")
            magic, count, *shape = struct.unpack(f">{1 + axes}I", header)
            if magic != 0x0800 + axes:
                raise ValueError(f"{path}: expected the magic number {0x0800 + axes}, got {magic}")
            if tuple(shape) != item_shape or not 1 <= count <= MAX_COUNT:
                expected = (f"1..{MAX_COUNT}", *item_shape)
                raise ValueError(f"{path}: expected the sizes {expected}, got {(count, *shape)}")
            size = count * math.prod(item_shape)
            data = file.read(size + 1)  # with an extra byte if the file is longer
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{path}: damaged gzip file ({error})") from error
    if len(data) != size:
        got = "more" if len(data) > size else len(data)
        raise ValueError(f"{path}: expected {size} bytes after the header, got {got}")
    return np.frombuffer(data, np.uint8).reshape(count, *item_shape)
