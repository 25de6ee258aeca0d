"""Your own pictures: one sub-folder per class, every image cropped to its central square and resized."""
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from tqdm import tqdm

from tinynnclr.datasets.dataset import Dataset

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".webp", ".gif", ".tif", ".tiff", ".ppm", ".pgm"}


def load_folder(path: str | Path, size: int = 32, test_fraction: float = 0.2, seed: int = 0) -> tuple[Dataset, Dataset]:
    """(train, test) of images (n, size, size, 3) from PATH/CLASS/IMAGE, classes sorted by name, order shuffled.

    Where PATH holds train/ and test/ (or val/), these are the splits; else test_fraction of every class is drawn for
    the test by seed. Hidden files and files that are no images by name are skipped. Raises FileNotFoundError or
    NotADirectoryError for the path, ValueError for an empty class, an image that cannot be decoded, a bad argument.
    """
    if size < 1:
        raise ValueError(f"size: expected at least 1, got {size}")
    if not 0 < test_fraction < 1:
        raise ValueError(f"test_fraction: expected a number between 0 and 1, got {test_fraction}")
    path, rng = Path(path).expanduser(), np.random.default_rng(seed)
    if not path.is_dir():
        kind = NotADirectoryError if path.exists() else FileNotFoundError
        raise kind(f"{path}: expected a folder with one sub-folder of images per class")
    test_path = next((path / name for name in ("test", "val") if (path / name).is_dir()), None)
    if test_path and (path / "train").is_dir():
        train, test = _list_images(path / "train"), _list_images(test_path)
        strangers = sorted(test.keys() - train.keys())
        if strangers:
            raise ValueError(f"{test_path / strangers[0]}: expected a class that {path / 'train'} has too")
    else:
        train, test = _draw_test(_list_images(path), path, test_fraction, rng)
    names = tuple(train)
    return _load(train, names, size, rng), _load(test, names, size, rng)


def _list_images(path):
    """{class name: its image paths}, both sorted by name."""
    classes = {folder.name: [] for folder in _visible(path) if folder.is_dir()}
    if not classes:
        raise ValueError(f"{path}: expected one sub-folder of images per class, got no sub-folder")
    for name, images in classes.items():
        images += [file for file in _visible(path / name) if file.suffix.lower() in SUFFIXES and file.is_file()]
        if not images:
            raise ValueError(f"{path / name}: expected images ({', '.join(sorted(SUFFIXES))}), got none")
    return classes


def _visible(path):
    """In the order of the names; paths themselves sort differently on Windows."""
    return sorted((p for p in path.iterdir() if not p.name.startswith(".")), key=lambda p: p.name)


def _draw_test(classes, path, test_fraction, rng):
    """Split every class by itself, so that train and test have the same mixture; each gets at least one image."""
    train, test = {}, {}
    for name, images in classes.items():
        if len(images) < 2:
            raise ValueError(f"{path / name}: expected at least 2 images, one to train and one to test, got 1")
        n_test = min(max(round(test_fraction * len(images)), 1), len(images) - 1)
        shuffled = [images[i] for i in rng.permutation(len(images))]
        test[name], train[name] = shuffled[:n_test], shuffled[n_test:]
    return train, test


def _load(classes, names, size, rng):
    pairs = [(file, names.index(name)) for name, files in classes.items() for file in files]
    pairs = [pairs[i] for i in rng.permutation(len(pairs))]
    images = np.empty((len(pairs), size, size, 3), np.uint8)
    quiet = None if len(pairs) > 500 else True  # None: a bar only where stderr is a terminal
    for image, (file, _) in zip(images, tqdm(pairs, desc="reading images", unit="image", disable=quiet), strict=True):
        image[:] = _decode(file, size)
    return Dataset(images, np.array([label for _, label in pairs], np.int64), names)


def _decode(file, size):
    """One image file -> (size, size, 3) uint8: upright, on white, its central square, resized with antialiasing."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a camera's broken EXIF, say
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(file) as image:
                image = ImageOps.exif_transpose(image)
                if image.mode.startswith("I"):  # 16-bit gray; Pillow would clip it at 255
                    image = Image.fromarray((np.asarray(image) // 256).astype(np.uint8))
                image = image.convert("RGBA")
        on_white = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
        return np.asarray(ImageOps.fit(on_white, (size, size), Image.Resampling.BICUBIC))
    except Exception as error:  # damaged files make Pillow raise nearly anything
        reason = " ".join(str(error).split())
        raise ValueError(f"{file}: cannot be decoded as an image ({reason})") from error
