"""Average precision by hand, and compared with pycocotools on random detections."""
import contextlib
import io

import numpy as np
import pytest
from one_line import fails

from tinynnclr.lab.detection.average_precision import (
    OVERLAPS,
    Marks,
    average_precision,
    box_overlap,
    mask_overlap,
)

LEFT, RIGHT, FAR = [0.0, 0, 9, 9], [20.0, 20, 29, 29], [60.0, 60, 62, 62]


def marks(boxes, scenes=None, labels=None, scores=None):
    zeros = np.zeros(len(boxes), int)
    return Marks(zeros if scenes is None else np.array(scenes),
                 zeros if labels is None else np.array(labels),
                 np.array(boxes, float).reshape(-1, 4),
                 None if scores is None else np.array(scores, float))


def ap(true, found, classes=1):
    return average_precision(true, found, box_overlap, classes)


def filled(boxes, size):
    """(n, size, size) bool masks of boxes of whole pixels."""
    rows, columns = np.mgrid[:size, :size]
    return np.array([(x0 <= columns) & (columns < x1) & (y0 <= rows) & (rows < y1)
                     for x0, y0, x1, y1 in boxes])


# ---------------------------------------------------------------- overlaps


def test_overlaps_by_hand():
    a = np.array([[0, 0, 10, 10], [0, 0, 0, 0]])
    b = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [10, 0, 20, 10], [2, 2, 4, 4], [0, 0, 0, 0]])
    np.testing.assert_allclose(box_overlap(a, b), [[1, 50 / 150, 0, 4 / 100, 0], [0, 0, 0, 0, 0]])
    a, b = np.zeros((2, 4, 4), bool), np.zeros((2, 4, 4), bool)
    a[0, :2], b[0, 1:3], b[1, 0, 0] = True, True, True
    np.testing.assert_allclose(mask_overlap(a, b), [[4 / 12, 1 / 8], [0, 0]])


def test_a_box_and_its_mask_agree(rng):
    boxes = np.sort(rng.integers(0, 12, (9, 2, 2)), axis=1).reshape(9, 4)
    masks = filled(boxes, 12)
    np.testing.assert_allclose(box_overlap(boxes, boxes), mask_overlap(masks, masks), atol=1e-12)


# ---------------------------------------------------------------- by hand


@pytest.mark.parametrize(("true", "found", "scores", "wanted"), [
    ([LEFT, RIGHT], [LEFT, RIGHT], [0.2, 0.9], 1),
    ([LEFT, RIGHT], [], [], 0),
    # precision 1/2 up to recall 1/2: 51 of 101 recalls read 1/2, the others 0
    ([LEFT, RIGHT], [FAR, LEFT], [0.9, 0.5], 0.5 * 51 / 101),
    # precision 1, 1/2, 2/3 reads as 1 up to recall 1/2 and 2/3 beyond
    ([LEFT, RIGHT], [LEFT, FAR, RIGHT], [0.9, 0.8, 0.7], (51 + 50 * 2 / 3) / 101),
    # a thing is found once: the second detection is wrong
    ([LEFT], [LEFT, LEFT], [0.9, 0.8], 1),
    ([LEFT, RIGHT], [LEFT, LEFT, RIGHT], [0.9, 0.8, 0.7], (51 + 50 * 2 / 3) / 101)])
def test_by_hand(true, found, scores, wanted):
    np.testing.assert_allclose(ap(marks(true), marks(found, scores=scores)), wanted)


def test_an_overlap_counts_up_to_its_size():
    """10 x 10 against 7.2 x 10: an overlap of 0.72 passes 0.5 to 0.7."""
    found = ap(marks([[0, 0, 10, 10]]), marks([[0, 0, 7.2, 10]], scores=[1]))
    np.testing.assert_array_equal(found[:, 0], OVERLAPS < 0.72)


def test_image_and_class_must_agree_and_a_class_without_marks_does_not_count():
    assert (ap(marks([LEFT]), marks([LEFT], scenes=[1], scores=[1])) == 0).all()
    assert (ap(marks([LEFT]), marks([LEFT], labels=[1], scores=[1]), 2)[:, 0] == 0).all()
    found = ap(marks([FAR], labels=[1]), marks([FAR, FAR], labels=[1, 2], scores=[1, 1]), 3)
    assert np.isnan(found[:, [0, 2]]).all()
    assert (found[:, 1] == 1).all()
    with fails(ValueError, "found", "score"):
        ap(marks([FAR]), marks([FAR]))


# ---------------------------------------------------------------- by pycocotools


def scene_of_things(rng, scenes=12, classes=3, size=40):
    """True marks, and detections near them or anywhere; few different scores, so there are ties."""
    def boxes(n):
        corners = np.stack([rng.integers(0, size - 16, (n, 2)), np.zeros((n, 2), int)], 1)
        corners[:, 1] = corners[:, 0] + rng.integers(5, 16, (n, 2))
        return corners.reshape(n, 4).astype(float)

    n = 60
    true = Marks(np.sort(rng.integers(0, scenes, n)), rng.integers(0, classes, n), boxes(n))
    near = rng.integers(0, n, 150)
    moved = true.shapes[near] + rng.choice([-1, 0, 0, 0, 1], (150, 4))
    moved[:, 2:] = np.maximum(moved[:, 2:], moved[:, :2] + 1)
    labels = np.where(rng.random(150) < 0.8, true.labels[near], rng.integers(0, classes, 150))
    found = Marks(np.concatenate([true.scenes[near], rng.integers(0, scenes, 80)]),
                  np.concatenate([labels, rng.integers(0, classes, 80)]),
                  np.concatenate([moved, boxes(80)]),
                  np.round(np.concatenate([rng.random(150), rng.random(80) ** 2]), 1))
    order = np.argsort(found.scenes, kind="stable")
    return true, Marks(*(field[order] for field in found))


def as_masks(marks, rng, size=40):
    masks = filled(marks.shapes, size)
    masks &= rng.random(masks.shape) < 0.97
    masks[np.arange(len(masks)), marks.shapes[:, 1].astype(int).clip(0),
          marks.shapes[:, 0].astype(int).clip(0)] = True
    return marks._replace(shapes=masks)


def by_pycocotools(true, found, kind, classes):
    """(10, classes) of COCOeval: x, y, w, h for boxes, run lengths for masks."""
    coco, cocoeval, mask = (pytest.importorskip(f"pycocotools.{name}")
                            for name in ("coco", "cocoeval", "mask"))

    def entry(i, marks):
        shape = marks.shapes[i]
        row = {"image_id": int(marks.scenes[i]), "category_id": int(marks.labels[i]) + 1,
               "id": i + 1, "iscrowd": 0}
        if marks.scores is not None:
            row["score"] = float(marks.scores[i])
        if kind == "bbox":
            x0, y0, x1, y1 = shape.tolist()
            return {**row, "bbox": [x0, y0, x1 - x0, y1 - y0], "area": (x1 - x0) * (y1 - y0)}
        return {**row, "segmentation": mask.encode(np.asfortranarray(shape.astype(np.uint8))),
                "area": int(shape.sum())}

    with contextlib.redirect_stdout(io.StringIO()):
        truth = coco.COCO()
        truth.dataset = {"images": [{"id": i, "height": 40, "width": 40} for i in range(12)],
                         "info": {},
                         "categories": [{"id": c + 1, "name": str(c)} for c in range(classes)],
                         "annotations": [entry(i, true) for i in range(len(true.scenes))]}
        truth.createIndex()
        results = truth.loadRes([entry(i, found) for i in range(len(found.scenes))])
        evaluation = cocoeval.COCOeval(truth, results, kind)
        evaluation.evaluate()
        evaluation.accumulate()
    # (overlaps, recalls, classes), things of any size, 100 of them
    precision = evaluation.eval["precision"][:, :, :, 0, 2]
    return np.where(precision[:, 0] < 0, np.nan, precision.mean(1))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", ["bbox", "segm"])
def test_agrees_with_pycocotools(kind, seed):
    rng = np.random.default_rng(seed)
    true, found = scene_of_things(rng)
    if kind == "segm":
        true, found = as_masks(true, rng), as_masks(found, rng)
    wanted = by_pycocotools(true, found, kind, 4)  # the fourth class has nothing
    ours = average_precision(true, found, box_overlap if kind == "bbox" else mask_overlap, 4)
    assert 0.05 < np.nanmean(wanted) < 0.9
    np.testing.assert_allclose(ours, wanted, atol=1e-6)
