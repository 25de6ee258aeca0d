"""Average precision as COCO computes it, for boxes and for masks."""
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ...kernels.engine.checks import plain_numbers

OVERLAPS = np.linspace(0.5, 0.95, 10)  # intersections over union from which a detection is correct
RECALLS = np.linspace(0, 1, 101)  # where precision is read
MOST = 100  # detections of a class that count in an image, those of the highest scores


class Marks(NamedTuple):
    """Annotated or detected things."""

    scenes: np.ndarray  # (m,) int: the image of each
    labels: np.ndarray  # (m,) int: its class
    shapes: np.ndarray  # boxes (m, 4) of x0, y0, x1, y1, the outer edges, or masks (m, h, w) bool
    scores: np.ndarray | None = None  # (m,), of detections only


def box_overlap(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(m, n): intersection over union of boxes (m, 4) and (n, 4), 0 where both are empty."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    sides = np.minimum(a[:, None, 2:], b[None, :, 2:]) - np.maximum(a[:, None, :2], b[None, :, :2])
    inside = sides.clip(0).prod(-1)
    areas = (a[:, 2:] - a[:, :2]).prod(-1)[:, None] + (b[:, 2:] - b[:, :2]).prod(-1)
    return inside / np.maximum(areas - inside, 1e-12)


def mask_overlap(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(m, n): intersection over union of masks (m, h, w) and (n, h, w), 0 where both are empty."""
    a, b = (masks.reshape(len(masks), np.prod(masks.shape[1:])).astype(np.float64)
            for masks in (a, b))
    inside = a @ b.T
    return inside / np.maximum(a.sum(1)[:, None] + b.sum(1) - inside, 1e-12)


@plain_numbers
def average_precision(true: Marks, found: Marks,
                      overlap: Callable[[np.ndarray, np.ndarray], np.ndarray],
                      classes: int) -> np.ndarray:
    """(10, classes): the average precision at each of OVERLAPS, NaN for a class without true marks.

    In every image, in the order of their scores, each detection is matched with the true mark of
    its class that it overlaps most, among those not matched yet, if the overlap is large enough.
    Precision is made to fall with recall, and averaged over 101 recalls. The mean of the table is
    COCO's AP, that of its first row AP50. Source: Lin et al. 2014 (arXiv 1405.0312) and
    pycocotools' COCOeval.
    """
    if found.scores is None:
        raise ValueError("average_precision: found: expected a score for each thing, got none")
    table = np.full((len(OVERLAPS), classes), np.nan)
    for label in range(classes):
        true_rows = np.flatnonzero(true.labels == label)
        found_rows = np.flatnonzero(found.labels == label)
        if len(true_rows) == 0:
            continue
        correct = [np.zeros((len(OVERLAPS), 0), bool)]
        scores = [np.zeros(0)]
        for scene in np.unique(found.scenes[found_rows]):
            rows = found_rows[found.scenes[found_rows] == scene]
            rows = rows[np.argsort(-found.scores[rows], kind="stable")][:MOST]
            targets = true_rows[true.scenes[true_rows] == scene]
            correct.append(_matched(overlap(found.shapes[rows], true.shapes[targets])))
            scores.append(found.scores[rows])
        order = np.argsort(-np.concatenate(scores), kind="stable")
        table[:, label] = [_area(row[order], len(true_rows))
                           for row in np.concatenate(correct, axis=1)]
    return table


def _matched(overlaps):
    """(10, found) bool: which detections match, of overlaps (found, true), best score first."""
    correct = np.zeros((len(OVERLAPS), len(overlaps)), bool)
    if overlaps.shape[1] == 0:
        return correct
    thresholds = np.minimum(OVERLAPS, 1 - 1e-10)
    free = np.ones((len(OVERLAPS), overlaps.shape[1]), bool)
    for k, row in enumerate(overlaps):
        reversed_free = np.where(free, row, -1)[:, ::-1]
        best = free.shape[1] - 1 - reversed_free.argmax(1)  # of equals the last, as pycocotools
        correct[:, k] = row[best] * free[np.arange(len(free)), best] >= thresholds
        free[correct[:, k], best[correct[:, k]]] = False
    return correct


def _area(correct, positives):
    """Mean over RECALLS of the best precision at that recall or more; best score first."""
    hits = np.cumsum(correct)
    precision = np.append(hits / np.arange(1, len(correct) + 1), 0.0)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    return precision[np.searchsorted(hits / positives, RECALLS, side="left")].mean()
