"""Images in the forms that callers have, as one array."""
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from ..datasets.dataset import Dataset

SIDE = 32  # pixels to which images of different sizes are brought
TOLERANCE = 1e-3  # for the rounding of whatever made the floats


def to_float(images: np.ndarray) -> np.ndarray:
    """uint8 (n, h, w, 3) -> float32 in [0, 1], as the views of training are."""
    return images * np.float32(1 / 255)


def as_images(images: Any) -> np.ndarray:
    """One array (n, h, w, 3), uint8 or float32 in [0, 1], of what `encode` accepts."""
    if isinstance(images, Dataset):
        images = images.images
    if hasattr(images, "numpy"):  # a Tensor, ours or PyTorch's
        images = np.asarray(images.numpy())
    if isinstance(images, np.ndarray) and images.ndim == 4:
        return expect_images(images)
    single = isinstance(images, (str, Path, np.ndarray)) or hasattr(images, "convert")
    if not single and not isinstance(images, Iterable):
        raise ValueError("images: expected an array, an image, a path or several of them, got "
                         f"{type(images).__name__}")
    arrays = [one_image(image) for image in ([images] if single else images)]
    if not arrays:
        raise ValueError("images: expected at least one, got none")
    if len({image.shape for image in arrays}) > 1:
        arrays = [resized(image) for image in arrays]
    if len({image.dtype for image in arrays}) > 1:
        arrays = [to_float(image) if image.dtype == np.uint8 else image for image in arrays]
    return np.stack(arrays)


def one_image(image: Any) -> np.ndarray:
    """An array (h, w, 3) of an array; (32, 32, 3) of a Pillow image or of an image file."""
    from ..datasets.folder import central_square, decode_image  # on demand: Pillow takes time

    if isinstance(image, (str, Path)):
        return decode_image(image, SIDE)
    if hasattr(image, "convert"):  # a Pillow image
        return central_square(image, SIDE)
    return expect_images(np.asarray(image)[None])[0]


def resized(image: np.ndarray) -> np.ndarray:
    """The central square of an image (h, w, 3), resized to 32 x 32, as uint8."""
    from PIL import Image

    if image.dtype != np.uint8:
        image = np.rint(image * 255).astype(np.uint8)
    return one_image(Image.fromarray(image))


def expect_images(images: np.ndarray) -> np.ndarray:
    """The images (n, h, w, 3) as uint8 or float32. Raises ValueError for anything else."""
    shape = images.shape[1:] if len(images) == 1 else images.shape
    if images.ndim != 4 or images.shape[-1] != 3 or 0 in images.shape[1:]:
        raise ValueError("images: expected colour images, (n, height, width, 3) or (height, width, "
                         f"3), got shape {shape}")
    if images.dtype == np.uint8:
        return images
    if images.dtype.kind != "f":
        raise ValueError(f"images: expected uint8, or floats in [0, 1], got {images.dtype}")
    if not np.isfinite(images).all():
        raise ValueError("images: expected finite numbers, got NaN or infinity")
    if images.size and not (images.min() > -TOLERANCE and images.max() < 1 + TOLERANCE):
        raise ValueError("images: expected floats in [0, 1], got values from "
                         f"{images.min():.3g} to {images.max():.3g}; divide by 255, or pass uint8")
    return images.astype(np.float32, copy=False)
