"""Robustness: how kNN accuracy falls as test images are turned, made noisy, blurred, or drawn in
another style.
"""
from collections.abc import Iterator

import numpy as np

from ...datasets import toybox
from ...datasets.dataset import Dataset
from ...kernels.engine.checks import plain_numbers
from ...metrics.knn import knn_accuracy
from ...models.encode import to_float
from .context import EvalContext, EvalResult, Row

ANGLES = (0, 15, 30, 45, 60, 90, 120, 150, 180)  # degrees
SIGMAS = (0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4)  # standard deviation of the noise; white is 1
BLURS = (0, 0.5, 1, 1.5, 2, 3)  # standard deviation of the blur, in pixels
BANK, TEST = 10_000, 1000  # images, at most


def robustness(subject: EvalContext) -> EvalResult:
    """kNN accuracy against severity; neighbours are training images as they are, only test images
    change.
    """
    config, bank, test = subject.config, subject.data[0].take(BANK), subject.data[1].take(TEST)
    extractors = subject.extractors()
    known = {name: extract(bank.images) for name, extract in extractors.items()}
    rows: list[Row] = []
    for change, severity, changed in changes(test, config.dataset.partition("-")[0] == "toybox",
                                             config.seed):
        for name, extract in extractors.items():
            rows.append({"encoder": name, "change": change, "severity": severity,
                         "accuracy": knn_accuracy(known[name], bank.labels, extract(changed.images),
                                                  changed.labels, config.knn_k,
                                                  config.knn_temperature)})
    return EvalResult(rows, f"kNN of frozen, centred features, k = {config.knn_k}, among "
                      f"{len(bank)} unchanged training images; {len(test)} test images are "
                      "changed. Rotation: bilinear, the outermost pixels go on outwards. Noise: "
                      "Gaussian, in each channel, white is 1, cut off at black and white. Blur: "
                      "Gaussian. Style: the same toybox scenes in another style. Nothing is fitted "
                      "or chosen.", 1 / len(test.class_names))


@plain_numbers
def changes(test: Dataset, toys: bool, seed: int) -> Iterator[tuple[str, str, Dataset]]:
    """(change, severity, changed test set), the mildest first; styles where the set is toybox, blur
    where not.
    """
    def same(images):
        return Dataset(images, test.labels, test.class_names)

    for angle in ANGLES:
        yield "rotation (degrees)", f"{angle:g}", same(rotate(test.images, angle))
    for sigma in SIGMAS:
        yield "noise (standard deviation)", f"{sigma:g}", same(add_noise(test.images, sigma,
                                                                         np.random.default_rng(
                seed)))
    if toys:
        for style in toybox.STYLES:
            yield "style", style, toybox.make(len(test), split="test", size=test.images.shape[1],
                                              style=style).dataset()
    else:
        for sigma in BLURS:
            yield "blur (pixels)", f"{sigma:g}", same(blur(test.images, sigma))


def rotate(images: np.ndarray, degrees: float) -> np.ndarray:
    """uint8 images (n, h, w, 3) turned counter-clockwise about their middle, bilinear; edges go on
    outwards.
    """
    h, w = images.shape[1:3]
    angle = np.radians(degrees)
    y, x = np.meshgrid(np.arange(h) - (h - 1) / 2, np.arange(w) - (w - 1) / 2, indexing="ij")
    # where a pixel comes from
    from_y = (np.sin(angle) * x + np.cos(angle) * y + (h - 1) / 2).clip(0, h - 1)
    from_x = (np.cos(angle) * x - np.sin(angle) * y + (w - 1) / 2).clip(0, w - 1)
    top, left = from_y.astype(np.int64), from_x.astype(np.int64)
    low, right = np.minimum(top + 1, h - 1), np.minimum(left + 1, w - 1)
    down, across = ((a - b)[..., None].astype(np.float32) for a,
                    b in ((from_y, top), (from_x, left)))
    above = images[:, top, left] * (1 - across) + images[:, top, right] * across
    below = images[:, low, left] * (1 - across) + images[:, low, right] * across
    return _bytes(above * (1 - down) + below * down)


def add_noise(images: np.ndarray, sigma: float, rng: np.random.Generator) -> np.ndarray:
    """uint8 images with Gaussian noise of that standard deviation (white is 1) in every channel of
    every pixel.
    """
    noise = rng.standard_normal(images.shape, np.float32)
    return _bytes((to_float(images) + np.float32(sigma) * noise) * 255)


def blur(images: np.ndarray, sigma: float) -> np.ndarray:
    """uint8 images (n, h, w, 3) under a Gaussian, in pixels, whose weights inside the image sum to
    1.
    """
    if sigma == 0:
        return images
    h, w = images.shape[1:3]
    return _bytes(np.einsum("yv,nvuc,xu->nyxc", _gaussian(h, sigma), images, _gaussian(w, sigma),
                            optimize=True))


def _gaussian(n, sigma):
    """(n, n): row i weighs the pixels that become pixel i."""
    place = np.arange(n, dtype=np.float32)
    weights = np.exp(-((place[:, None] - place) ** 2) / np.float32(2 * sigma**2))
    return weights / weights.sum(axis=1, keepdims=True)


def _bytes(values):
    return np.rint(values).clip(0, 255).astype(np.uint8)
