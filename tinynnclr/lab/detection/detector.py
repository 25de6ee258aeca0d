"""A detector: an encoder, frozen or trained, and heads for boxes, masks and key points."""
import copy
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from ...datasets.dataset import batches
from ...kernels.engine.checks import plain_numbers
from ...methods.method import START, Method, Progress, Step
from ...models import Encoder
from ...models.encode import to_float
from ...nn import AdamW, BatchNorm, Linear, Module, Sequential
from ...tensor import Tensor, no_grad
from ...train.loop import Task, train
from .centre_head import CentreHead, box_loss, box_targets, centres, focal_loss, heat_targets, peaks
from .feature_map import feature_map
from .keypoints import keypoint_loss, keypoint_targets, read_keypoints
from .masks import mask_loss, mask_targets, paste_masks
from .playroom import CLASS_NAMES, KEYPOINT_NAMES, SIZE, Playroom
from .region_head import RegionHead

FEATURES = 64  # channels of the map that the heads read
BATCH = 32  # scenes in a step
RATE, WARMUP, DECAY = 1e-2, 0.1, 1e-4  # of AdamW
MOST = 20  # detections in a scene


class Found(NamedTuple):
    """Detections in the order of their scenes, in each with the best score first."""

    scenes: np.ndarray  # (d,) int64
    labels: np.ndarray  # (d,) int64
    scores: np.ndarray  # (d,) float
    boxes: np.ndarray  # (d, 4) float32
    masks: np.ndarray  # (d, 64, 64) bool


class Detector(Module):
    """A copy of the encoder, a layer that maps to 64 channels, and a head for each task."""

    def __init__(self, encoder: Encoder, frozen: bool, rng: np.random.Generator):
        self.encoder = copy.deepcopy(encoder)
        self.frozen = frozen
        self.encoder.eval()
        with no_grad():
            channels = feature_map(self.encoder, np.zeros((1, SIZE, SIZE, 3), np.float32)).shape[-1]
        self.neck = Sequential(Linear(channels, FEATURES, rng, bias=False),
                               BatchNorm(FEATURES, relu=True))
        self.centre = CentreHead(FEATURES, len(CLASS_NAMES), rng)
        self.mask = RegionHead(FEATURES, 1, rng)
        self.keypoint = RegionHead(FEATURES, len(KEYPOINT_NAMES), rng)

    def train(self, mode: bool = True) -> Module:
        """A frozen encoder stays in evaluation mode, so its running statistics do not change."""
        super().train(mode)
        self.encoder.train(mode and not self.frozen)
        return self

    def forward(self, images: np.ndarray) -> Tensor:
        """uint8 (n, 64, 64, 3) -> the map (n, 16, 16, 64) that all heads read."""
        x = to_float(images)
        if not self.frozen:
            return self.neck(feature_map(self.encoder, x))
        with no_grad():
            features = feature_map(self.encoder, x)
        return self.neck(features)

    def losses(self, scenes: Playroom) -> dict[str, Tensor]:
        """{task: loss} of some scenes; masks and key points are learned in the true boxes."""
        x = self(scenes.images)
        n, side = x.shape[:2]
        heat, found = self.centre(x)
        image, boxes = scenes.scenes, scenes.boxes
        column, row = centres(boxes, side)
        heat_map = heat_targets(n, side, len(CLASS_NAMES), image, scenes.labels, boxes)
        return {"heat": focal_loss(heat, heat_map),
                "box": box_loss(found[image, row, column], box_targets(boxes, side)),
                "mask": mask_loss(self.mask(x, boxes, image), mask_targets(scenes.masks, boxes)),
                "keypoint": keypoint_loss(self.keypoint(x, boxes, image),
                                          keypoint_targets(scenes.keypoints, boxes),
                                          scenes.keypoints[..., 2] > 0)}

    def find(self, images: np.ndarray) -> Found:
        """At most 20 things in each of the images (n, 64, 64, 3) uint8."""
        parts = []
        for start in range(0, len(images), BATCH):
            x = self._evaluated(images[start:start + BATCH])
            with no_grad():
                heat, found = (head.numpy() for head in self.centre(x))
                scenes, labels, scores, boxes = peaks(heat, found, MOST, SIZE)
                masks = paste_masks(self.mask(x, boxes, scenes).numpy(), boxes, SIZE)
            parts.append((scenes + start, labels, scores, boxes, masks))
        return Found(*(np.concatenate(field) for field in zip(*parts, strict=True)))

    def point(self, images: np.ndarray, scenes: np.ndarray, boxes: np.ndarray) -> np.ndarray:
        """(t, 4, 2): x, y of key points in boxes (t, 4) of the images `scenes` (t,), ascending."""
        parts = [np.zeros((0, len(KEYPOINT_NAMES), 2))]
        for start in range(0, len(images), BATCH):
            things = slice(*np.searchsorted(scenes, [start, start + BATCH]))
            x = self._evaluated(images[start:start + BATCH])
            with no_grad():
                logits = self.keypoint(x, boxes[things], scenes[things] - start).numpy()
            parts.append(read_keypoints(logits, boxes[things]))
        return np.concatenate(parts)

    def _evaluated(self, images):
        self.eval()
        with no_grad():
            return self(images)


@plain_numbers
def train_detector(encoder: Encoder, scenes: Playroom, frozen: bool, seed: int, steps: int,
                   bar: tqdm) -> Detector:
    """A detector on a copy of the encoder, trained on the sum of its losses.

    Raises ValueError for fewer scenes than a batch, FloatingPointError if the loss is not finite.
    """
    if len(scenes) < BATCH:
        raise ValueError(f"dense: expected at least {BATCH} training scenes, got {len(scenes)}")
    rng = np.random.default_rng(seed)
    detector = Detector(encoder, frozen, rng)
    detector.train()
    optimizer = AdamW(detector.parameters(), RATE, weight_decay=DECAY)
    task = Task(Detection(detector, scenes), optimizer, steps, max(1, round(WARMUP * steps)))
    try:
        train(task, scene_batches(len(scenes), steps, rng), [lambda task, step: bar.update()])
    except FloatingPointError as error:
        raise FloatingPointError(f"dense: step {task.step + 1}: {error}: does the encoder hold "
                                 "NaN?") from None
    detector.eval()
    return detector


class Detection(Method):
    """A detector and its scenes as a method for the training loop; ids are those of scenes."""

    def __init__(self, detector: Detector, scenes: Playroom):
        self.detector, self.scenes = detector, scenes

    def forward(self, views: Sequence[np.ndarray], ids: np.ndarray,
                progress: Progress = START) -> Step:
        """The sum of the detector's losses in the scenes `ids` (b,); there are no views."""
        heat, *others = self.detector.losses(self.scenes.take(ids)).values()
        return Step(sum(others, heat), ids)


def scene_batches(scenes: int, steps: int,
                  rng: np.random.Generator) -> Iterator[tuple[list, np.ndarray]]:
    """No views and the ids of a batch of scenes, for so many steps; each epoch in random order."""
    order: list[np.ndarray] = []
    for _ in range(steps):
        if not order:
            order = list(batches(rng.permutation(scenes), BATCH))
        yield [], order.pop()
