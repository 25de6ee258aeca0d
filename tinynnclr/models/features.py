"""Images to features, with a frozen encoder: nothing is recorded and no running statistic moves."""
import numpy as np

from .. import distributed
from ..kernels.boundary import as_array, plain_numbers
from ..nn import Module
from ..tensor import no_grad


def to_float(images: np.ndarray) -> np.ndarray:
    """uint8 (n, h, w, 3) -> float32 in [0, 1], as the views of training are."""
    return images * np.float32(1 / 255)


@plain_numbers
def encode(encoder: Module, images: np.ndarray, batch_size: int = 500) -> np.ndarray:
    """h (n, d) of uint8 images (n, h, w, 3), in evaluation mode; the encoder's mode is put back afterwards.

    Of several ranks, each encodes its share, and all get every row. Raises FloatingPointError if a row of h is not
    finite: a score of such features is meaningless.
    """
    before, mine = encoder.training, images[distributed.share(len(images))]
    encoder.eval()
    try:
        with no_grad():
            parts = [encoder(to_float(mine[i:i + batch_size])).numpy()
                     for i in range(0, max(1, len(mine)), batch_size)]
    finally:
        encoder.train(before)
    h = distributed.gather(np.concatenate(parts), len(images))
    expect_finite("the encoder", features=h)
    return h


def pixels(images: np.ndarray) -> np.ndarray:
    """The floor under every encoder: the image itself as one row of numbers in [0, 1]."""
    return to_float(images).reshape(len(images), -1)


def expect_finite(who: str, **features: np.ndarray) -> None:
    """Raise FloatingPointError if rows (n, d) contain NaN, infinity, or numbers too large to square."""
    for name, rows in features.items():
        if np.ndim(rows) != 2:
            raise ValueError(f"{who}: {name}: expected rows (n, d), got shape {np.shape(rows)}")
        with np.errstate(all="ignore"):
            bad = np.count_nonzero(~np.isfinite(np.einsum("ij,ij->i", rows, rows)))
        if bad:
            raise FloatingPointError(f"{who}: {name}: {bad} of {len(rows)} rows are not finite (NaN, infinity, or too "
                                     "large to square), so no score is computed; check the weights that made them")


def expect_labelled(who: str, **sets: tuple[np.ndarray, np.ndarray]) -> None:
    """Raise ValueError unless each (features, labels) is rows (n, d), n at least 1, and n integers of at least 0.

    Raises FloatingPointError as `expect_finite` does.
    """
    for name, (rows, labels) in sets.items():
        expect_finite(who, **{name: rows})
        labels = as_array(who, f"{name}: labels", labels)
        if len(rows) == 0 or labels.shape != (len(rows),) or labels.dtype.kind not in "iu" or labels.min() < 0:
            raise ValueError(f"{who}: {name}: expected at least 1 row and, for each, a class number of at least 0; got "
                             f"{len(rows)} rows and {labels.dtype} labels of shape {labels.shape}")
