"""kNN accuracy on test images that are rotated, noisy, blurred, or drawn in another style."""
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
BANK, TEST = 10_000, 1000  # training and test images, at most


def robustness(context: EvalContext) -> EvalResult:
    """kNN accuracy against severity; only test images are changed, their neighbours are not."""
    config = context.config
    bank, test = context.data[0].take(BANK), context.data[1].take(TEST)
    extractors = context.extractors()
    bank_features = {name: extract(bank.images) for name, extract in extractors.items()}
    toys = config.dataset.partition("-")[0] == "toybox"
    rows: list[Row] = []
    for change, severity, changed in changes(test, toys, config.seed):
        for name, extract in extractors.items():
            accuracy = knn_accuracy(bank_features[name], bank.labels, extract(changed.images),
                                    changed.labels, config.knn_k, config.knn_temperature)
            rows.append({"encoder": name, "change": change, "severity": severity,
                         "accuracy": accuracy})
    return EvalResult(rows, f"kNN of frozen, centred features, k = {config.knn_k}, among "
                      f"{len(bank)} unchanged training images; {len(test)} test images are "
                      "changed. Rotation: bilinear, the border pixels continue outwards. Noise: "
                      "Gaussian, in each channel, white is 1, clipped to black and white. Blur: "
                      "Gaussian. Style: the same toybox scenes in another style. Nothing is fitted "
                      "or chosen.", 1 / len(test.class_names))


@plain_numbers
def changes(test: Dataset, toys: bool, seed: int) -> Iterator[tuple[str, str, Dataset]]:
    """Yield (change, severity, changed test set), mildest first; toys: styles instead of blur."""
    def changed(images):
        return Dataset(images, test.labels, test.class_names)

    images = test.images
    for angle in ANGLES:
        yield "rotation (degrees)", f"{angle:g}", changed(rotate(images, angle))
    for sigma in SIGMAS:
        noisy = add_noise(images, sigma, np.random.default_rng(seed))
        yield "noise (standard deviation)", f"{sigma:g}", changed(noisy)
    if toys:
        for style in toybox.STYLES:
            yield "style", style, toybox.make(len(test), split="test", size=images.shape[1],
                                              style=style).dataset()
    else:
        for sigma in BLURS:
            yield "blur (pixels)", f"{sigma:g}", changed(blur(images, sigma))


def rotate(images: np.ndarray, degrees: float) -> np.ndarray:
    """Rotate uint8 images (n, h, w, 3) counter-clockwise about the centre, bilinear.

    Border pixels continue outwards.
    """
    h, w = images.shape[1:3]
    angle = np.radians(degrees)
    y, x = np.meshgrid(np.arange(h) - (h - 1) / 2, np.arange(w) - (w - 1) / 2, indexing="ij")
    # the place that a pixel is read from
    from_y = (np.sin(angle) * x + np.cos(angle) * y + (h - 1) / 2).clip(0, h - 1)
    from_x = (np.cos(angle) * x - np.sin(angle) * y + (w - 1) / 2).clip(0, w - 1)
    top, left = from_y.astype(np.int64), from_x.astype(np.int64)
    bottom, right = np.minimum(top + 1, h - 1), np.minimum(left + 1, w - 1)
    down = (from_y - top)[..., None].astype(np.float32)
    across = (from_x - left)[..., None].astype(np.float32)
    above = images[:, top, left] * (1 - across) + images[:, top, right] * across
    below = images[:, bottom, left] * (1 - across) + images[:, bottom, right] * across
    return _bytes(above * (1 - down) + below * down)


def add_noise(images: np.ndarray, sigma: float, rng: np.random.Generator) -> np.ndarray:
    """Add Gaussian noise (sigma; white is 1) to every channel of every pixel of uint8 images."""
    noise = rng.standard_normal(images.shape, np.float32)
    return _bytes((to_float(images) + np.float32(sigma) * noise) * 255)


def blur(images: np.ndarray, sigma: float) -> np.ndarray:
    """Blur uint8 images (n, h, w, 3) by a Gaussian (sigma in pixels), normalised at borders."""
    if sigma == 0:
        return images
    h, w = images.shape[1:3]
    return _bytes(np.einsum("yv,nvuc,xu->nyxc", _gaussian(h, sigma), images, _gaussian(w, sigma),
                            optimize=True))


def _gaussian(n, sigma):
    """(n, n): row i holds the weights of the pixels that become pixel i."""
    place = np.arange(n, dtype=np.float32)
    weights = np.exp(-((place[:, None] - place) ** 2) / np.float32(2 * sigma**2))
    return weights / weights.sum(axis=1, keepdims=True)


def _bytes(values):
    return np.rint(values).clip(0, 255).astype(np.uint8)
