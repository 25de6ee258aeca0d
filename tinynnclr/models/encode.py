"""Images to features, with a frozen encoder: nothing is recorded, no running statistic moves."""
from typing import Any

import numpy as np

from .. import distributed
from ..kernels.engine.checks import plain_numbers
from ..metrics.checks import expect_finite
from ..nn import Module
from ..tensor import no_grad
from .images import as_images, to_float


@plain_numbers
def encode(encoder: Module, images: Any, batch_size: int = 500) -> np.ndarray:
    """Features h (n, d) float32 of images, in evaluation mode; the encoder's mode is put back.

    images: an array (n, h, w, 3) or (h, w, 3), of uint8 or of floats in [0, 1]; or such images one
    by one, Pillow images or paths of image files. Of images that differ in size, of files and of
    Pillow images, the central square is resized to 32 x 32. Of several ranks, each encodes a part,
    and all get every row. Raises ValueError for other images, FloatingPointError if a feature is
    not finite.

    >>> import tinynnclr as tn
    >>> rng = np.random.default_rng(0)
    >>> tn.encode(tn.models.TinyCNN(4, rng), rng.random((5, 24, 24, 3))).shape
    (5, 32)
    """
    if not isinstance(encoder, Module) or hasattr(encoder, "encoder"):
        raise ValueError("encoder: expected a network, as run.encoder, got "
                         f"{type(encoder).__name__}")
    if batch_size < 1:
        raise ValueError(f"batch_size: expected at least 1, got {batch_size}")
    images = as_images(images)
    before = encoder.training
    part = images[distributed.shard(len(images))]
    encoder.eval()
    try:
        with no_grad():
            parts = [encoder(to_float(batch) if batch.dtype == np.uint8 else batch).numpy()
                     for batch in (part[start:start + batch_size]
                                   for start in range(0, max(1, len(part)), batch_size))]
    finally:
        encoder.train(before)
    h = distributed.all_gather(np.concatenate(parts), len(images))
    expect_finite("the encoder", features=h)
    return h


def pixels(images: np.ndarray) -> np.ndarray:
    """A baseline for every encoder: the image itself as one row of numbers in [0, 1]."""
    return to_float(images).reshape(len(images), -1)
