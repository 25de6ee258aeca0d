"""Instance masks: a map of logits in each box, and its projection back to the image's pixels."""
import numpy as np

from ... import kernels, ops
from ...kernels.engine.checks import plain_numbers
from ...tensor import Tensor
from .region_head import FINE


def mask_targets(masks: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """(t, 14, 14) float32: 1 for cells of boxes (t, 4) at least half covered by masks (t, h, w)."""
    cells = kernels.roi_align(masks[..., None].astype(np.float32), boxes, np.arange(len(boxes)),
                              FINE)[..., 0]
    return (cells >= 0.5).astype(np.float32)


def mask_loss(logits: Tensor, wanted: np.ndarray) -> Tensor:
    """-mean(y log p + (1 - y) log(1 - p)), p = sigmoid(logits (t, 14, 14, 1)), y = wanted."""
    wanted = wanted[..., None].astype(logits.dtype)
    return -(ops.log_sigmoid(logits) * wanted + ops.log_sigmoid(-logits) * (1 - wanted)).mean()


@plain_numbers
def paste_masks(logits: np.ndarray, boxes: np.ndarray, size: int) -> np.ndarray:
    """(r, size, size) bool: pixels of boxes (r, 4) where interpolated logits (r, 14, 14, 1) > 0.

    Pixel x lies at cell (x - x0) / width * 14 - 1/2. So the image is a box in cell coordinates,
    with a bin for each pixel.
    """
    low, sides = boxes[:, :2].astype(np.float64), np.maximum(boxes[:, 2:] - boxes[:, :2], 1e-6)
    first, last = ((edge - low) / sides * FINE - 0.5 for edge in (-0.5, size - 0.5))
    values = kernels.roi_align(logits, np.concatenate([first, last], 1), np.arange(len(boxes)),
                               size, samples=1)[..., 0]
    x0, y0, x1, y1 = boxes.T[..., None]  # each (r, 1)
    pixels = np.arange(size)
    rows = (pixels > y0) & (pixels < y1)
    columns = (pixels > x0) & (pixels < x1)
    return (values > 0) & rows[:, :, None] & columns[:, None, :]
