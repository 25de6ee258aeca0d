"""Which pixels of a box belong to its thing: one map of logits in the box, and back to the pixels
of the image.
"""
import numpy as np

from ... import kernels, ops
from ...kernels.engine.checks import plain_numbers
from ...tensor import Tensor
from .region_head import FINE


def mask_targets(masks: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """(t, 14, 14) float32: 1 where at least half of a cell of the box (t, 4) is of the mask (t, h,
    w) bool.
    """
    cells = kernels.roi_align(masks[..., None].astype(np.float32), boxes, np.arange(len(boxes)),
                              FINE)[..., 0]
    return (cells >= 0.5).astype(np.float32)


def mask_loss(logits: Tensor, wanted: np.ndarray) -> Tensor:
    """-mean(y log p + (1 - y) log(1 - p)) of logits (t, 14, 14, 1) and y (t, 14, 14), p = sigmoid.
    """
    wanted = wanted[..., None].astype(logits.dtype)
    return -(ops.log_sigmoid(logits) * wanted + ops.log_sigmoid(-logits) * (1 - wanted)).mean()


@plain_numbers
def paste_masks(logits: np.ndarray, boxes: np.ndarray, size: int) -> np.ndarray:
    """(r, size, size) bool: the pixels in each box (r, 4) where the logits (r, 14, 14, 1), read
    between cells, are > 0.

    Pixel x lies at (x - x0) / width * 14 - 1/2 of the cells; the image is a box in them, with a bin
    for each pixel.
    """
    low, sides = boxes[:, :2].astype(np.float64), np.maximum(boxes[:, 2:] - boxes[:, :2], 1e-6)
    first, last = ((edge - low) / sides * FINE - 0.5 for edge in (-0.5, size - 0.5))
    read = kernels.roi_align(logits, np.concatenate([first, last], 1), np.arange(len(boxes)), size,
                             samples=1)[..., 0]
    x0, y0, x1, y1 = boxes.T[..., None]  # each (r, 1)
    at = np.arange(size)
    return (read > 0) & ((at > y0) & (at < y1))[:, :, None] & ((at > x0) & (at < x1))[:, None, :]
