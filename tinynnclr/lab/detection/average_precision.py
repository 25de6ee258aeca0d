"""Average precision as COCO counts it: how many of the things that were found are there, and how
many were found.
"""
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ...kernels.engine.checks import plain_numbers

# intersection over union from which a found thing is a true one
OVERLAPS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0, 1, 101)  # where precision is read
MOST = 100  # things of a class that count in a picture, those of the highest scores


class Marks(NamedTuple):
    """Things marked in pictures: what is there, or what was found there."""

    scenes: np.ndarray  # (m,) int: the picture of each
    labels: np.ndarray  # (m,) int: its class
    shapes: np.ndarray  # boxes (m, 4) of x0, y0, x1, y1, the outer edges, or masks (m, h, w) bool
    scores: np.ndarray | None = None  # (m,), of what was found: how sure that is


def box_overlap(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(m, n): intersection over union of boxes (m, 4) and (n, 4), 0 where both are empty."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    sides = np.minimum(a[:, None, 2:], b[None, :, 2:]) - np.maximum(a[:, None, :2], b[None, :, :2])
    inside = sides.clip(0).prod(-1)
    areas = (a[:, 2:] - a[:, :2]).prod(-1)[:, None] + (b[:, 2:] - b[:, :2]).prod(-1)
    return inside / np.maximum(areas - inside, 1e-12)


def mask_overlap(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(m, n): intersection over union of masks (m, h, w) and (n, h, w), 0 where both are empty."""
    a, b = (masks.reshape(len(masks), np.prod(masks.shape[1:])).astype(np.float64) for masks
            in (a, b))
    inside = a @ b.T
    return inside / np.maximum(a.sum(1)[:, None] + b.sum(1) - inside, 1e-12)


@plain_numbers
def average_precision(true: Marks, found: Marks, overlap: Callable[[np.ndarray, np.ndarray],
                                                                   np.ndarray],
                      classes: int) -> np.ndarray:
    """(10, classes): the average precision at each of OVERLAPS, NaN for a class of which there is
    nothing.

    In every picture, from the surest on, a found thing takes the true one of its class that it
    overlaps most, among those nobody took, if that is enough. Precision, made to fall with recall,
    is read at 101 recalls. Its mean is COCO's AP, the mean of its first row AP50. Source: Lin et
    al. 2014 (arXiv 1405.0312) and pycocotools' COCOeval.
    """
    if found.scores is None:
        raise ValueError("average_precision: found: expected a score for each thing, got none")
    table = np.full((len(OVERLAPS), classes), np.nan)
    for label in range(classes):
        there, chosen = np.flatnonzero(true.labels == label), np.flatnonzero(found.labels == label)
        if len(there) == 0:
            continue
        right, scores = [np.zeros((len(OVERLAPS), 0), bool)], [np.zeros(0)]
        for scene in np.unique(found.scenes[chosen]):
            own = chosen[found.scenes[chosen] == scene]
            own = own[np.argsort(-found.scores[own], kind="stable")][:MOST]
            others = there[true.scenes[there] == scene]
            right.append(_matched(overlap(found.shapes[own], true.shapes[others])))
            scores.append(found.scores[own])
        order = np.argsort(-np.concatenate(scores), kind="stable")
        table[:, label] = [_area(row[order], len(there)) for row in np.concatenate(right, axis=1)]
    return table


def _matched(overlaps):
    """overlaps (found, true), the surest first -> (10, found) bool: it took a true thing, at each
    of OVERLAPS.
    """
    right = np.zeros((len(OVERLAPS), len(overlaps)), bool)
    if overlaps.shape[1] == 0:
        return right
    free = np.ones((len(OVERLAPS), overlaps.shape[1]), bool)
    for k, row in enumerate(overlaps):
        open_to = np.where(free, row, -1)[:, ::-1]
        best = open_to.shape[1] - 1 - open_to.argmax(1)  # of equals the last, as pycocotools has it
        right[:, k] = row[best] * free[np.arange(len(free)), best] >= np.minimum(OVERLAPS,
                                                                                 1 - 1e-10)
        free[right[:, k], best[right[:, k]]] = False
    return right


def _area(right, things):
    """The mean over RECALLS of the best precision at that recall or more; right (found,) bool, the
    surest first.
    """
    hits = np.cumsum(right)
    precision = np.append(hits / np.arange(1, len(right) + 1), 0.0)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    return precision[np.searchsorted(hits / things, RECALLS, side="left")].mean()
