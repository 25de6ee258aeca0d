"""The playroom: images of 64 x 64 pixels with one to five toys, and the place of each toy.

The toybox's renderer draws every toy with the frame, air and light of its scene, from the back to
the front. A pixel (x, y) has its centre at (x, y) and extends by 0.5 to each side, as in the
toybox; a box holds the outer edges of a thing's pixels: a thing in columns 3 to 5 has x0 = 2.5,
x1 = 5.5 and a width of 3.
"""
from dataclasses import dataclass

import numpy as np

from ...datasets.toybox import (
    CLASS_NAMES,
    KEYPOINT_NAMES,
    SPLITS,
    boxes_of,
    paint,
    visible_keypoints,
)
from ...datasets.toybox.render import COVER_ROWS, DISTRACTOR_ROWS
from ...datasets.toybox.scene import Scenes, draw
from ...datasets.toybox.shapes import KIND, NOTHING
from ...kernels.engine.checks import plain_numbers

__all__ = ["CLASS_NAMES", "KEYPOINT_NAMES", "SIZE", "Playroom", "make"]

SIZE = 64  # pixels of a side
MOST = 5  # things in a scene
TOY = (26, 42)  # pixels of the frame that a toy is drawn in, of which it fills about 0.8
STRAY = 0.7  # largest distance from a toy's centre to the scene's, in half sides
SHARE = 0.4  # of a thing's pixels that must stay visible, or it is removed from the scene
BLOCK = 250  # scenes are drawn in whole blocks, so that scene i does not depend on their number


@dataclass(frozen=True)
class Playroom:
    """n images, and t things in the order of their images, in each from back to front."""

    images: np.ndarray  # (n, 64, 64, 3) uint8
    scenes: np.ndarray  # (t,) int64: the image that a thing is in, ascending
    labels: np.ndarray  # (t,) int64, into CLASS_NAMES
    masks: np.ndarray  # (t, 64, 64) bool: its visible pixels
    boxes: np.ndarray  # (t, 4) float32: x0, y0, x1, y1, the outer edges of these pixels
    keypoints: np.ndarray  # (t, 4, 3) float32: x, y in pixels, and 1 if visible, else 0

    def __len__(self) -> int:
        return len(self.images)

    def take(self, images: np.ndarray) -> "Playroom":
        """The images with these indices (m,), in this order, each at most once."""
        place = np.full(len(self), -1)
        place[images] = np.arange(len(images))
        things = np.flatnonzero(place[self.scenes] >= 0)
        things = things[np.argsort(place[self.scenes[things]], kind="stable")]
        return Playroom(self.images[images], place[self.scenes[things]], self.labels[things],
                        self.masks[things], self.boxes[things], self.keypoints[things])


@plain_numbers
def make(n: int, seed: int = 0, *, split: str = "train") -> Playroom:
    """Draw n scenes, which equal the first n of a larger number, on any number of threads.

    Raises ValueError for n < 1, seed < 0 and an unknown split.
    """
    if n < 1:
        raise ValueError(f"n: expected at least 1, got {n}")
    if seed < 0:
        raise ValueError(f"seed: expected at least 0, got {seed}")
    if split not in SPLITS:
        raise ValueError(f"split: expected one of {', '.join(SPLITS)}, got {split!r}")
    blocks = [_block(np.random.default_rng([seed, SPLITS.index(split), start // BLOCK, SIZE]),
                     start) for start in range(0, n, BLOCK)]
    scenes = Playroom(*(np.concatenate([getattr(b, field) for b in blocks])
                        for field in Playroom.__annotations__))
    return scenes.take(np.arange(n))


def _block(rng, first):
    """BLOCK scenes, numbered from `first`."""
    grounds, toys = draw(rng, BLOCK), draw(rng, BLOCK * MOST)
    present = (np.arange(MOST) < rng.integers(1, MOST + 1, (BLOCK, 1))).ravel()
    scales = rng.uniform(*TOY, BLOCK * MOST).astype(np.float32) / SIZE
    centres = rng.uniform(-STRAY, STRAY, (BLOCK * MOST, 2)).astype(np.float32)
    scenes = np.repeat(np.arange(BLOCK), MOST)[present]
    toys = _placed(Scenes(*(a[present] for a in toys)), Scenes(*(a[scenes] for a in grounds)),
                   scales[present], centres[present])
    grounds.parts[:, DISTRACTOR_ROWS:, KIND] = NOTHING
    toy_images, masks = _painted(toys)
    images, _ = _painted(grounds)
    visible = _overlay(images, scenes, toy_images, masks > 0)
    kept = visible.any((1, 2))
    visible, boxes = visible[kept], boxes_of(visible[kept])
    boxes += np.float32([-0.5, -0.5, 0.5, 0.5])
    keypoints = visible_keypoints(toys.keypoints[kept], visible)
    return Playroom(images, first + scenes[kept], toys.labels[kept], visible, boxes, keypoints)


def _painted(scenes):
    """(images (n, 64, 64, 3), masks (n, 64, 64)), uint8."""
    n = len(scenes.labels)
    images, masks = np.empty((n, SIZE, SIZE, 3), np.uint8), np.empty((n, SIZE, SIZE), np.uint8)
    paint(scenes, "day", images, masks)
    return images, masks


def _placed(toys, grounds, scales, centres):
    """The toys without distractors and covers, at their places, in the light of their scenes."""
    parts = toys.parts.copy()
    parts[:, :DISTRACTOR_ROWS, KIND] = parts[:, -COVER_ROWS:, KIND] = NOTHING
    poses = toys.poses * scales[:, None, None]
    shift = centres - poses[:, :, 2]
    poses[:, :, 2] = centres
    keypoints = toys.keypoints * scales[:, None, None] + shift[:, None]
    return toys._replace(parts=parts, poses=poses, keypoints=keypoints, ground=grounds.ground,
                         ground_colours=grounds.ground_colours, air=grounds.air,
                         light=grounds.light)


def _overlay(images, scenes, toy_images, masks):
    """Paint the toys into their images; returns their visible pixels (t, size, size), bool.

    From front to back: a toy without enough visible pixels is left out.
    """
    visible = np.zeros_like(masks)
    taken = np.zeros(images.shape[:3], bool)
    depth = np.searchsorted(scenes, scenes, "right") - np.arange(len(scenes))  # 1: in front
    for layer in range(1, MOST + 1):
        toys = np.flatnonzero(depth == layer)
        free = masks[toys] & ~taken[scenes[toys]]
        kept = free.sum((1, 2)) >= SHARE * masks[toys].sum((1, 2))
        toys, free = toys[kept], free[kept]
        visible[toys] = free
        taken[scenes[toys]] |= masks[toys]
        images[scenes[toys]] = np.where(free[..., None], toy_images[toys], images[scenes[toys]])
    return visible
