"""The toybox: a data set of toys that are drawn, any number of them from one seed.

Ten classes of things made of parts, each with three or four kinds that share some structure, in
random poses and colours on random grounds. Every image has a mask, a box and keypoints.
"""
from dataclasses import dataclass

import numpy as np

from ...kernels.engine.checks import plain_numbers
from ...kernels.engine.parallel import parallel
from ..dataset import Dataset
from .codes import PART_NAMES
from .render import CONTRAST, LOOK, RIM_COLOUR, render
from .scene import BLUEPRINTS, Scenes, draw
from .styles import STYLES as STYLE_FUNCTIONS

__all__ = ["CLASS_NAMES", "KEYPOINT_NAMES", "KIND_NAMES", "PART_NAMES", "SPLITS", "STYLES",
           "Toybox", "load", "make"]

CLASS_NAMES = tuple(BLUEPRINTS)
KIND_NAMES = tuple(tuple(kind.__name__.replace("_", " ") for kind in kinds)
                   for kinds in BLUEPRINTS.values())
# front: bow, nose or beak; the right side if a thing has none
KEYPOINT_NAMES = ("top", "bottom", "front", "back")
STYLES = tuple(STYLE_FUNCTIONS)
SPLITS = ("train", "test")
BLOCK = 1000  # images are drawn in whole blocks, so that image i does not depend on n


@dataclass(frozen=True)
class Toybox:
    """n images and their annotations; pixel (x, y) has its centre at (x, y).

    A box holds the centres of the first and last visible columns and rows, so a one-pixel thing has
    a box of size 0.
    """

    images: np.ndarray  # (n, size, size, 3) uint8
    labels: np.ndarray  # (n,) int64, into CLASS_NAMES
    kinds: np.ndarray  # (n,) int64, into KIND_NAMES[label]
    boxes: np.ndarray  # (n, 4) float32: x0, y0, x1, y1 of the visible thing, in pixels
    masks: np.ndarray  # (n, size, size) uint8, into PART_NAMES; 0 is not the thing
    keypoints: np.ndarray  # (n, 4, 3) float32: x, y in pixels, and 1 if visible, 0 if not

    def __len__(self) -> int:
        return len(self.labels)

    def dataset(self, kinds: bool = False) -> Dataset:
        """The images and labels only, as in every other data set.

        With kinds, the classes are the 36 kinds: "steam boat" instead of "boat".
        """
        if not kinds:
            return Dataset(self.images, self.labels, CLASS_NAMES)
        first = np.cumsum([0, *map(len, KIND_NAMES)])
        return Dataset(self.images, first[self.labels] + self.kinds,
                       tuple(kind for names in KIND_NAMES for kind in names))


@plain_numbers
def make(n: int, seed: int = 0, *, split: str = "train", size: int = 32,
         style: str = "day") -> Toybox:
    """Draw n images; a longer run begins with the same ones, on any number of threads.

    Every style and size shows the same scenes. Raises ValueError for n < 0, seed < 0, size < 8, an
    unknown split or style.
    """
    for name, value, least in (("n", n, 0), ("seed", seed, 0), ("size", size, 8)):
        if value < least:
            raise ValueError(f"{name}: expected at least {least}, got {value}")
    for name, choice, choices in (("split", split, SPLITS), ("style", style, STYLES)):
        if choice not in choices:
            raise ValueError(f"{name}: expected one of {', '.join(choices)}, got {choice!r}")
    toys = Toybox(
        images=np.empty((n, size, size, 3), np.uint8),
        labels=np.empty(n, np.int64),
        kinds=np.empty(n, np.int64),
        boxes=np.empty((n, 4), np.float32),
        masks=np.empty((n, size, size), np.uint8),
        keypoints=np.empty((n, 4, 3), np.float32),
    )
    for start in range(0, n, BLOCK):
        rng = np.random.default_rng([seed, SPLITS.index(split), start // BLOCK])
        scenes = Scenes(*(array[:n - start] for array in draw(rng, BLOCK)))
        block = slice(start, start + BLOCK)
        toys.labels[block], toys.kinds[block] = scenes.labels, scenes.kinds
        paint(scenes, style, toys.images[block], toys.masks[block])
        toys.boxes[block] = boxes_of(toys.masks[block])
        toys.keypoints[block] = visible_keypoints(scenes.keypoints, toys.masks[block])
    return toys


@plain_numbers
def load(train_size: int = 5000, test_size: int = 4000, seed: int = 0, *, size: int = 32,
         style: str = "day", kinds: bool = False) -> tuple[Dataset, Dataset]:
    """The training and the test images as data sets; raises what `make` raises."""
    return (make(train_size, seed, split="train", size=size, style=style).dataset(kinds),
            make(test_size, seed, split="test", size=size, style=style).dataset(kinds))


@plain_numbers
def pixels(size: int) -> np.ndarray:
    """(2, 3) float32: the map from [-1, 1] x [-1, 1] with y up to pixels with y down."""
    half = size / 2
    return np.array([[half, 0, half - 0.5], [0, -half, half - 0.5]], np.float32)


def paint(scenes: Scenes, style: str, images: np.ndarray, masks: np.ndarray) -> None:
    """Fill images (m, size, size, 3) and masks (m, size, size)."""
    look = STYLE_FUNCTIONS[style](scenes.ground_colours, scenes.colours)
    m = len(images)
    frame = pixels(images.shape[1])
    poses = np.empty((m, 2, 2, 3), np.float32)
    poses[:, 0], poses[:, 1] = frame, frame[:, :2] @ scenes.poses
    poses[:, 1, :, 2] += frame[:, 2]
    looks = np.empty((m, LOOK), np.float32)
    looks[:, :CONTRAST] = scenes.light * (1, -1)
    looks[:, CONTRAST:RIM_COLOUR] = (look.contrast, look.shadow, look.edge, look.rim,
                                     look.rim_width, look.rim_blur)
    looks[:, RIM_COLOUR:] = look.rim_colour
    palettes = np.concatenate([look.ground, look.fills, look.lines], 1, dtype=np.float32)
    air = scenes.air * np.float32(look.air)
    air[:, 0] += 1 - np.float32(look.air)
    parallel(render, m, scenes.parts, poses, scenes.ground, air, palettes, looks, images, masks)


def boxes_of(masks: np.ndarray) -> np.ndarray:
    """(m, 4) float32 x0, y0, x1, y1: the first and last columns and rows where masks are not 0."""
    boxes = np.empty((len(masks), 4), np.float32)
    last = masks.shape[1] - 1
    for k, axis in enumerate((1, 2)):
        occupied = np.asarray(masks.any(axis))  # (m, size)
        boxes[:, k], boxes[:, k + 2] = occupied.argmax(1), last - occupied[:, ::-1].argmax(1)
    return boxes


def visible_keypoints(points: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """(m, 4, 3): points (m, 4, 2) in pixels, and whether the visible thing is next to each."""
    m, size = masks.shape[:2]
    frame = pixels(size)
    points = points @ frame[:, :2].T + frame[:, 2]
    inside = ((points > -0.5) & (points < size - 0.5)).all(-1)
    near = np.zeros(inside.shape, bool)
    reach = max(1, size // 32)
    for dy in range(-reach, reach + 1):
        for dx in range(-reach, reach + 1):
            shifted = np.rint(points + np.array([dx, dy], np.float32))
            x, y = np.moveaxis(shifted.clip(0, size - 1).astype(np.int64), -1, 0)
            near |= masks[np.arange(m)[:, None], y, x] > 0
    return np.concatenate([points, (inside & near)[..., None]], -1).astype(np.float32)
