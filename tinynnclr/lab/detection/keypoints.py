"""Key points (top, bottom, front, back) of things: for each, the largest of a map of logits."""
import numpy as np

from ... import ops
from ...tensor import Tensor
from .region_head import FINE

NEAR = 0.2  # a point is correct within this share of the larger side of the box


def keypoint_targets(keypoints: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """(t, k) int64: for points (t, k, 3) the nearest cell row * 14 + column of boxes (t, 4)."""
    low, sides = boxes[:, None, :2], boxes[:, None, 2:] - boxes[:, None, :2]
    cells = np.floor((keypoints[..., :2] - low) / sides * FINE).clip(0, FINE - 1).astype(np.int64)
    return cells[..., 1] * FINE + cells[..., 0]


def keypoint_loss(logits: Tensor, wanted: np.ndarray, visible: np.ndarray) -> Tensor:
    """Cross-entropy over the 14 x 14 cells, the mean over visible points; 0 if none is visible.

    logits (t, 14, 14, k), wanted (t, k) cells, visible (t, k) bool.
    """
    t, k = wanted.shape
    rows = logits.transpose(0, 3, 1, 2).reshape(t * k, FINE * FINE)
    points = np.flatnonzero(visible)
    if len(points) == 0:
        return logits.sum() * 0
    return ops.cross_entropy(rows[points], labels=wanted.ravel()[points])


def read_keypoints(logits: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """(r, k, 2) x, y in pixels: the centre of the best cell of (r, 14, 14, k) in boxes (r, 4)."""
    r, _, _, k = logits.shape
    row, column = np.divmod(logits.reshape(r, FINE * FINE, k).argmax(axis=1), FINE)
    inside = (np.stack([column, row], -1) + 0.5) / FINE
    return boxes[:, None, :2] + inside * (boxes[:, None, 2:] - boxes[:, None, :2])


def percentage_of_correct_keypoints(found: np.ndarray, keypoints: np.ndarray,
                                    boxes: np.ndarray) -> float:
    """PCK: share of visible points (t, k, 3) found within 0.2 of the larger side of the box.

    found (t, k, 2), boxes (t, 4). NaN where no point is visible. Source: Yang & Ramanan 2013.
    """
    distances = np.linalg.norm(found - keypoints[..., :2], axis=-1)
    near = distances <= NEAR * (boxes[:, 2:] - boxes[:, :2]).max(axis=1, keepdims=True)
    visible = keypoints[..., 2] > 0
    return float(near[visible].mean()) if visible.any() else float("nan")
