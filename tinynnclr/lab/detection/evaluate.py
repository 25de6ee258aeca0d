"""The protocol `dense`: boxes, masks and key points in scenes, by heads on encoders that are frozen
or fine-tuned.
"""
from dataclasses import dataclass, field

import numpy as np
from tqdm import tqdm

from ...datasets import toybox
from ...models import Encoder
from ..protocols.context import EvalContext, EvalResult, Row
from ..protocols.finetune import fine_tune
from . import playroom
from .average_precision import Marks, average_precision, box_overlap, mask_overlap
from .detector import Detector, train_detector
from .keypoints import NEAR, percentage_of_correct_keypoints
from .playroom import CLASS_NAMES, Playroom

# scenes to learn from and to be measured on, steps of each detector
TRAIN, TEST, STEPS = 1500, 500, 300
TOYS, TOY_STEPS = 5000, 600  # single pictures, and steps of 64 on them, for the supervised encoder
SHOWN, SURE = 4, 0.35  # test scenes in the picture, and the score from which a thing is drawn
HOW = {"frozen": True, "fine-tuned": False}


@dataclass(frozen=True)
class DetectionResult(EvalResult):
    """Also what a picture shows: a few test scenes, and what the judged encoder's detectors found
    in them.
    """

    truth: Playroom | None = None
    found: dict[str, Playroom] = field(default_factory=dict)


def dense(subject: EvalContext) -> DetectionResult:
    """Detectors on the judged encoder, on random weights and on a supervised encoder, each frozen
    and fine-tuned.

    Raises ValueError for an encoder that has no map.
    """
    seed = subject.config.seed
    train, test = playroom.make(TRAIN), playroom.make(TEST, split="test")
    shown, found = test.take(np.arange(min(SHOWN, len(test)))), {}
    rows: list[Row] = []
    encoders = subject.encoders()
    names = list(dict.fromkeys([*encoders, "supervised"]))
    with tqdm(total=len(names) * len(HOW) * STEPS, disable=None, unit="step",
              dynamic_ncols=True) as bar:
        for name in names:
            encoder = encoders[name] if name in encoders else supervised_encoder(subject)
            for how, frozen in HOW.items():
                bar.set_description(f"{name}, {how}")
                detector = train_detector(encoder, train, frozen, seed, STEPS, bar)
                rows.append({"encoder": name, "how": how, **measure(detector, test)})
                if name == subject.config.method:
                    found[f"{name}, {how}"] = as_scenes(detector, shown)
    return DetectionResult(rows, _rules(), None, shown, found)



def supervised_encoder(subject: EvalContext) -> Encoder:
    """The encoder at its random weights, trained to name the class of single toys."""
    toys = toybox.make(TOYS).dataset()
    return fine_tune(subject.config, subject.untrained, toys, subject.config.seed,
                     TOY_STEPS).encoder


def measure(detector: Detector, rooms: Playroom) -> dict[str, float]:
    """{"box AP", "box AP50", "mask AP", "mask AP50", "PCK"} on some scenes."""
    found, measures = detector.find(rooms.images), {}
    for kind, shapes, own, overlap in (("box", rooms.boxes, found.boxes, box_overlap),
                                       ("mask", rooms.masks, found.masks, mask_overlap)):
        table = average_precision(Marks(rooms.scenes, rooms.labels, shapes),
                                  Marks(found.scenes, found.labels, own, found.scores), overlap,
                                  len(CLASS_NAMES))
        measures[f"{kind} AP"], measures[f"{kind} AP50"] = float(np.nanmean(table)), float(
                np.nanmean(table[0]))
    points = detector.point(rooms.images, rooms.scenes, rooms.boxes)
    return {**measures, "PCK": percentage_of_correct_keypoints(points, rooms.keypoints,
                                                               rooms.boxes)}


def as_scenes(detector: Detector, rooms: Playroom) -> Playroom:
    """The same pictures with the things that the detector is sure of, their key points in the boxes
    that it found.
    """
    found = detector.find(rooms.images)
    scenes, labels, boxes, masks = (a[found.scores >= SURE] for a
                                    in (found.scenes, found.labels, found.boxes, found.masks))
    points = detector.point(rooms.images, scenes, boxes)
    return Playroom(rooms.images, scenes, labels, masks, boxes, np.concatenate(
        [points, np.ones((*points.shape[:2], 1))], 2).astype(np.float32))


def _rules():
    return (f"Trained on {TRAIN} scenes of 64 x 64 pixels with 1 to 5 toys for {STEPS} steps, "
            f"measured on {TEST} others after the last step; rate and steps were set on training "
            "scenes held out. Frozen: only the heads learn. Supervised: the same encoder, first "
            f"trained on the labels of {TOYS} single toys for {TOY_STEPS} steps. AP as COCO has it "
            "(overlaps of 0.50 to 0.95, 101 recalls, mean over classes), AP50 at 0.50. PCK: "
            f"visible key points, looked for in the true boxes, within {NEAR} of the box's larger "
            "side.")
