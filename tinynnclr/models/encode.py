"""Images to features with a frozen encoder: nothing is recorded and no running statistic moves."""
import numpy as np

from .. import distributed
from ..kernels.engine.checks import plain_numbers
from ..metrics.checks import expect_finite
from ..nn import Module
from ..tensor import no_grad


def to_float(images: np.ndarray) -> np.ndarray:
    """uint8 (n, h, w, 3) -> float32 in [0, 1], as the views of training are."""
    return images * np.float32(1 / 255)


@plain_numbers
def encode(encoder: Module, images: np.ndarray, batch_size: int = 500) -> np.ndarray:
    """h (n, d) of uint8 images (n, h, w, 3), in evaluation mode; the encoder's mode is restored.

    Of several ranks, each encodes its shard, and all get every row. Raises FloatingPointError if a
    row of h is not finite: a score of such features is meaningless.
    """
    was_training = encoder.training
    shard = images[distributed.shard(len(images))]
    encoder.eval()
    try:
        with no_grad():
            parts = [encoder(to_float(shard[i:i + batch_size])).numpy()
                     for i in range(0, max(1, len(shard)), batch_size)]
    finally:
        encoder.train(was_training)
    h = distributed.all_gather(np.concatenate(parts), len(images))
    expect_finite("the encoder", features=h)
    return h


def pixels(images: np.ndarray) -> np.ndarray:
    """The baseline for every encoder: the image itself as one row of numbers in [0, 1]."""
    return to_float(images).reshape(len(images), -1)
