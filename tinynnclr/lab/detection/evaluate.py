"""The protocol `dense`: boxes, masks and key points in scenes, on frozen or fine-tuned encoders."""
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

TRAIN, TEST = 1500, 500  # scenes
STEPS = 300  # of each detector
TOYS, TOY_STEPS = 5000, 600  # images of single toys and steps on them, for the supervised encoder
SHOWN = 4  # test scenes in the picture
SURE = 0.35  # score from which a detection is drawn
FROZEN = {"frozen": True, "fine-tuned": False}


@dataclass(frozen=True)
class DetectionResult(EvalResult):
    """Also for the picture: a few test scenes, and what the encoder's detectors found in them."""

    truth: Playroom | None = None
    found: dict[str, Playroom] = field(default_factory=dict)


def detection(context: EvalContext) -> DetectionResult:
    """Detectors on the encoder, random weights and a supervised encoder, frozen and fine-tuned.

    Raises ValueError for an encoder that has no feature map.
    """
    config = context.config
    train, test = playroom.make(TRAIN), playroom.make(TEST, split="test")
    shown = test.take(np.arange(min(SHOWN, len(test))))
    found: dict[str, Playroom] = {}
    rows: list[Row] = []
    encoders = context.encoders()
    names = list(dict.fromkeys([*encoders, "supervised"]))
    with tqdm(total=len(names) * len(FROZEN) * STEPS, disable=None, unit="step",
              dynamic_ncols=True) as bar:
        for name in names:
            encoder = encoders[name] if name in encoders else supervised_encoder(context)
            for how, frozen in FROZEN.items():
                bar.set_description(f"{name}, {how}")
                detector = train_detector(encoder, train, frozen, config.seed, STEPS, bar)
                rows.append({"encoder": name, "how": how, **measure(detector, test)})
                if name == config.method:
                    found[f"{name}, {how}"] = as_scenes(detector, shown)
    return DetectionResult(rows, _description(), None, shown, found)


def supervised_encoder(context: EvalContext) -> Encoder:
    """The encoder at its random weights, trained to classify images of single toys."""
    toys = toybox.make(TOYS).dataset()
    return fine_tune(context.config, context.untrained, toys, context.config.seed,
                     TOY_STEPS).encoder


def measure(detector: Detector, scenes: Playroom) -> dict[str, float]:
    """{"box AP", "box AP50", "mask AP", "mask AP50", "PCK"} on some scenes."""
    found = detector.find(scenes.images)
    measures = {}
    for kind, true_shapes, shapes, overlap in (("box", scenes.boxes, found.boxes, box_overlap),
                                               ("mask", scenes.masks, found.masks, mask_overlap)):
        table = average_precision(Marks(scenes.scenes, scenes.labels, true_shapes),
                                  Marks(found.scenes, found.labels, shapes, found.scores), overlap,
                                  len(CLASS_NAMES))
        measures[f"{kind} AP"] = float(np.nanmean(table))
        measures[f"{kind} AP50"] = float(np.nanmean(table[0]))
    points = detector.point(scenes.images, scenes.scenes, scenes.boxes)
    measures["PCK"] = percentage_of_correct_keypoints(points, scenes.keypoints, scenes.boxes)
    return measures


def as_scenes(detector: Detector, scenes: Playroom) -> Playroom:
    """The same images with the things that the detector finds with a score of at least SURE."""
    found = detector.find(scenes.images)
    kept = found.scores >= SURE
    points = detector.point(scenes.images, found.scenes[kept], found.boxes[kept])
    keypoints = np.concatenate([points, np.ones((*points.shape[:2], 1))], 2).astype(np.float32)
    return Playroom(scenes.images, found.scenes[kept], found.labels[kept], found.masks[kept],
                    found.boxes[kept], keypoints)


def _description():
    return (f"Trained on {TRAIN} scenes of 64 x 64 pixels with 1 to 5 toys for {STEPS} steps, "
            f"measured on {TEST} others after the last step; learning rate and steps were set on "
            "held-out training scenes. Frozen: only the heads learn. Supervised: the same encoder, "
            f"first trained on the labels of {TOYS} single toys for {TOY_STEPS} steps. AP as in "
            "COCO (overlaps of 0.50 to 0.95, 101 recalls, mean over classes), AP50 at 0.50. PCK: "
            "visible key points, predicted in the true boxes, within "
            f"{NEAR} of the box's larger side.")
