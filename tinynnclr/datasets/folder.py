"""A folder of images, one sub-folder per class; each image is cropped to a square and resized."""
import os
import sys
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from tqdm import tqdm

from ..kernels.engine.checks import plain_numbers
from .dataset import Dataset

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".webp", ".gif", ".tif", ".tiff", ".ppm", ".pgm"}
# Pillow may open these only; for PostScript, for example, it would start another program
FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "GIF", "TIFF", "PPM")
EIGHT_BIT = {"1", "L", "La", "LA", "P", "PA", "RGB", "RGBa", "RGBA", "CMYK", "YCbCr"}
CONVERTIBLE = {".heic", ".heif", ".avif", ".jxl", ".jp2", ".jfif", ".psd", ".tga", ".ico", ".svg",
               ".nef"}
CONVERT = "; convert such images to .png or .jpg"


@plain_numbers
def load_folder(path: str | Path, size: int = 32, test_fraction: float = 0.2,
                seed: int = 0) -> tuple[Dataset, Dataset]:
    """(train, test) of images (n, size, size, 3) from PATH/CLASS/IMAGE, in random order.

    If PATH contains train/ and test/ (or val/), these are the splits; otherwise test_fraction of
    each class is drawn for the test set by seed. Other files, hidden files and deeper folders are
    skipped, and one line on stderr counts them. Only the first frame of an image is read. Raises
    FileNotFoundError or NotADirectoryError for the path, ValueError for an empty class, an image
    that cannot be decoded, pixel values without a fixed range, or a wrong argument.
    """
    if size < 1:
        raise ValueError(f"size: expected at least 1, got {size}")
    if not 0 < test_fraction < 1:
        raise ValueError(f"test_fraction: expected a number between 0 and 1, got {test_fraction}")
    root = Path(os.path.expanduser(path))
    rng = np.random.default_rng(seed)
    if not root.is_dir():
        kind = NotADirectoryError if root.exists() else FileNotFoundError
        raise kind(f"{root}: expected a folder with one sub-folder of images per class")
    test_root = next((root / name for name in ("test", "val") if (root / name).is_dir()), None)
    skipped: Counter[str] = Counter()
    if test_root and (root / "train").is_dir():
        train, test = _list_splits(root / "train", test_root, skipped)
    else:
        train, test = _draw_test(_list_images(root, skipped), root, test_fraction, rng)
    if skipped.total():
        print(f"folder:{path}: skipped {_summary(skipped)}", file=sys.stderr)
    names = tuple(train)
    return _load(train, names, size, rng), _load(test, names, size, rng)


def _list_splits(train_root, test_root, skipped):
    """The images of two folders; counts files beside these folders in `skipped`, too."""
    train, test = _list_images(train_root, skipped), _list_images(test_root, skipped)
    unknown = sorted(test.keys() - train.keys())
    if unknown:
        raise ValueError(f"{test_root / unknown[0]}: expected a class that {train_root} has too")
    skipped[f"beside train and {test_root.name}"] += sum(
        _count(entry) for entry in train_root.parent.iterdir()
        if entry not in (train_root, test_root))
    return train, test


def _list_images(path, skipped):
    """{class name: its image paths}, sorted by name; counts the skipped files by reason."""
    entries = _sorted(path)
    classes = {}
    for entry in entries:
        if entry.is_dir() and not entry.name.startswith("."):
            # a name may have bytes that are not text
            name = os.fsencode(entry.name).decode(errors="backslashreplace")
            classes[name], skipped_here = _list_class(entry)
            if not classes[name]:
                others = f"; skipped {_summary(skipped_here)}" if skipped_here else ""
                raise ValueError(f"{entry}: expected images ({', '.join(sorted(SUFFIXES))}), got "
                                 f"none{others}")
            skipped += skipped_here
    if not classes:
        raise ValueError(f"{path}: expected one sub-folder of images per class, got no sub-folder")
    skipped["beside the class folders"] += sum(not entry.is_dir() for entry in entries)
    return classes


def _list_class(folder):
    """The image paths of one class, and the counts of skipped files by reason."""
    images = []
    skipped: Counter[str] = Counter()
    for entry in _sorted(folder):
        if entry.is_dir():
            skipped["in deeper folders"] += _count(entry)
        elif entry.name.startswith("."):
            skipped["hidden"] += 1
        elif not entry.is_file():
            skipped["no regular files"] += 1  # a broken link, a pipe
        elif entry.suffix.lower() in SUFFIXES:
            images.append(entry)
        else:
            skipped[entry.suffix.lower() if entry.suffix.isprintable() else ""] += 1
    return images, +skipped


def _count(entry):
    """The number of files below a folder, without following links to folders; 1 for a file."""
    if not entry.is_dir() or entry.is_symlink():
        return 1
    return sum(len(files) for _, _, files in os.walk(entry))


def _summary(skipped):
    """Text such as "3 files: 2 .heic, 1 in deeper folders", and how to convert images."""
    total = skipped.total()
    counts = (+skipped).most_common()
    parts = [f"{n} {reason or 'without a suffix'}" for reason, n in counts[:5]]
    if counts[5:]:
        parts.append(f"{sum(n for _, n in counts[5:])} of other kinds")
    hint = CONVERT if CONVERTIBLE & skipped.keys() else ""
    return f"{total} file{'s' if total > 1 else ''}: {', '.join(parts)}{hint}"


def _sorted(path):
    """The entries of a folder sorted by name; on Windows, paths would ignore upper case."""
    return sorted(path.iterdir(), key=lambda p: p.name)


def _draw_test(classes, path, test_fraction, rng):
    """Split each class at random; train and test get at least one image of it."""
    train, test = {}, {}
    for name, images in classes.items():
        if len(images) < 2:
            raise ValueError(f"{path / name}: expected at least 2 images, one for training and one "
                             "for the test, got 1")
        n_test = min(max(round(test_fraction * len(images)), 1), len(images) - 1)
        shuffled = [images[i] for i in rng.permutation(len(images))]
        test[name], train[name] = shuffled[:n_test], shuffled[n_test:]
    return train, test


def _load(classes, names, size, rng):
    """Decode the images {class name: paths} in random order."""
    pairs = [(file, names.index(name)) for name, files in classes.items() for file in files]
    pairs = [pairs[i] for i in rng.permutation(len(pairs))]
    images = np.empty((len(pairs), size, size, 3), np.uint8)
    quiet = None if len(pairs) > 500 else True  # None: a bar only if stderr is a terminal
    for image, (file, _) in zip(images, tqdm(pairs, desc="reading images", unit="image",
                                             disable=quiet), strict=True):
        image[:] = decode_image(file, size)
    return Dataset(images, np.array([label for _, label in pairs], np.int64), names)


def decode_image(file: str | Path, size: int) -> np.ndarray:
    """(size, size, 3) uint8: the central square of an image, upright, on white, antialiased."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # for example of a camera's broken EXIF
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(file, formats=FORMATS) as image:
                return central_square(image, size)
    except Exception as error:  # damaged files make Pillow raise nearly anything
        reason = " ".join(str(error).split()) or type(error).__name__
        if isinstance(error, UnidentifiedImageError):
            reason = f"it is empty, damaged, or none of {', '.join(FORMATS)}{CONVERT}"
        elif isinstance(error, OSError):
            reason = error.strerror or reason
        raise ValueError(f"{file}: cannot be decoded as an image ({reason})") from error


def central_square(image: Image.Image, size: int) -> np.ndarray:
    """(size, size, 3) uint8: the central square of a Pillow image, upright, on white."""
    image = _upright(image)
    white = Image.new("RGBA", image.size, "white")
    on_white = Image.alpha_composite(white, image).convert("RGB")
    return np.asarray(ImageOps.fit(on_white, (size, size), Image.Resampling.BICUBIC))


def _upright(image):
    """An opened image as RGBA, rotated as its EXIF tag says.

    Raises ValueError for values without a fixed range.
    """
    mode = image.mode
    key = image.info.get("transparency")
    tags = getattr(image, "tag_v2", {})  # of TIFF
    bits = tags.get(258, (16,))[0]  # per sample
    inverted = tags.get(262) == 0
    signed = 2 in tags.get(339, ())
    # of the pixels in the file
    layout = str(image.tile[0][3]) if getattr(image, "tile", None) else ""
    known = mode in EIGHT_BIT or mode.startswith("I;16") or mode == "I" and image.format == "PPM"
    if signed or not known:
        raise ValueError(f"the values of mode {mode}{', signed,' if signed else ''} have no fixed "
                         "range; convert it to 8-bit gray or RGB, or to 16-bit gray with values "
                         "from 0 to 65535")
    if key is not None and "RGB;16" in layout:
        raise ValueError(f"mode {mode} with 16 bits and a transparent colour cannot be read; "
                         "convert it to 8-bit RGBA")
    # with 2 or 4 bits, Pillow scales the gray levels, but not the transparent one
    if mode == "L" and key is not None:
        image.info["transparency"] = key * {"L;2": 85, "L;4": 17}.get(layout, 1)
    image = ImageOps.exif_transpose(image)
    if mode in ("La", "RGBa"):
        return image.convert(mode.upper()).convert("RGBA")
    if not mode.startswith("I"):
        return image.convert("RGBA")
    values = np.asarray(image)  # 16-bit gray, which Pillow would clip at 255
    gray = (values >> (bits - 8)).astype(np.uint8)
    alpha = np.where(values == key, 0, 255).astype(np.uint8)
    gray = 255 - gray if inverted else gray
    return Image.fromarray(np.stack([gray, gray, gray, alpha], axis=-1))
