"""The playroom: pictures of 64 x 64 pixels with one to five toys, some in front of others, and
where each of them is.

Every toy is drawn by the toybox's renderer in the frame, the air and the light of its scene, and
laid over what is behind it. A pixel (x, y) has its centre at (x, y) and reaches half to either
side, as in the toybox; a box tells the outer edges of a thing's pixels, so a thing in columns 3 to
5 has x0 = 2.5, x1 = 5.5 and a width of 3.
"""
from dataclasses import dataclass

import numpy as np

from ...datasets.toybox import CLASS_NAMES, KEYPOINT_NAMES, SPLITS, boxes_of, paint, visible_keypoints
from ...datasets.toybox.render import COVER_ROWS, DISTRACTOR_ROWS
from ...datasets.toybox.scene import Scenes, draw
from ...datasets.toybox.shapes import KIND, NOTHING
from ...kernels.engine.checks import plain_numbers

__all__ = ["CLASS_NAMES", "KEYPOINT_NAMES", "SIZE", "Playroom", "make"]

SIZE, MOST = 64, 5  # pixels of a side, things in a scene
TOY = (26, 42)  # pixels of the frame that a toy is drawn in, of which it fills about 0.8
STRAY = 0.7  # how far the middle of a toy lies from that of the scene, at most, in half sides
SHARE = 0.4  # of a thing's pixels that must stay visible, or it is taken out of the scene
BLOCK = 250  # scenes are drawn in whole blocks, so that scene i never depends on how many follow


@dataclass(frozen=True)
class Playroom:
    """n pictures, and t things in the order of their pictures, in each from the back to the front.
    """

    images: np.ndarray  # (n, 64, 64, 3) uint8
    scenes: np.ndarray  # (t,) int64: the picture that a thing is in, rising
    labels: np.ndarray  # (t,) int64, into CLASS_NAMES
    masks: np.ndarray  # (t, 64, 64) bool: the pixels where it is seen
    boxes: np.ndarray  # (t, 4) float32: x0, y0, x1, y1, the outer edges of these pixels
    # (t, 4, 3) float32: x, y in pixels, and 1 where it is visible, 0 where not
    keypoints: np.ndarray

    def __len__(self) -> int:
        return len(self.images)

    def take(self, pictures: np.ndarray) -> "Playroom":
        """These pictures (m,), in this order, each at most once."""
        place = np.full(len(self), -1)
        place[pictures] = np.arange(len(pictures))
        things = np.flatnonzero(place[self.scenes] >= 0)
        things = things[np.argsort(place[self.scenes[things]], kind="stable")]
        return Playroom(self.images[pictures], place[self.scenes[things]], self.labels[things],
                        self.masks[things], self.boxes[things], self.keypoints[things])


@plain_numbers
def make(n: int, seed: int = 0, *, split: str = "train") -> Playroom:
    """Draw n scenes; the first n of a longer run are the same, on any number of threads.

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
    whole = Playroom(*(np.concatenate([getattr(b, field) for b in blocks]) for field
                       in Playroom.__annotations__))
    return whole.take(np.arange(n))


def _block(rng, first):
    """BLOCK scenes, which count from `first`."""
    rooms, toys = draw(rng, BLOCK), draw(rng, BLOCK * MOST)
    there = (np.arange(MOST) < rng.integers(1, MOST + 1, (BLOCK, 1))).ravel()
    scales = rng.uniform(*TOY, BLOCK * MOST).astype(np.float32) / SIZE
    middles = rng.uniform(-STRAY, STRAY, (BLOCK * MOST, 2)).astype(np.float32)
    scenes = np.repeat(np.arange(BLOCK), MOST)[there]
    toys = _placed(Scenes(*(a[there] for a in toys)), Scenes(*(a[scenes] for a in rooms)),
                   scales[there], middles[there])
    rooms.parts[:, DISTRACTOR_ROWS:, KIND] = NOTHING
    pictures, masks = (np.empty((len(scenes), SIZE, SIZE, *c), np.uint8) for c in ((3,), ()))
    images, unused = np.empty((BLOCK, SIZE, SIZE, 3), np.uint8), np.empty((BLOCK, SIZE, SIZE),
                                                                          np.uint8)
    paint(toys, "day", pictures, masks)
    paint(rooms, "day", images, unused)
    visible = _lay(images, scenes, pictures, masks > 0)
    kept = visible.any((1, 2))
    visible, boxes = visible[kept], boxes_of(visible[kept])
    boxes += np.float32([-0.5, -0.5, 0.5, 0.5])
    keypoints = visible_keypoints(toys.keypoints[kept], visible)
    return Playroom(images, first + scenes[kept], toys.labels[kept], visible, boxes, keypoints)


def _placed(toys, rooms, scales, middles):
    """The toys without distractors and covers, moved to their places under the ground, the air and
    light of a room.
    """
    parts = toys.parts.copy()
    parts[:, :DISTRACTOR_ROWS, KIND] = parts[:, -COVER_ROWS:, KIND] = NOTHING
    poses = toys.poses * scales[:, None, None]
    shift = middles - poses[:, :, 2]
    poses[:, :, 2] = middles
    return toys._replace(parts=parts, poses=poses, keypoints=toys.keypoints * scales[:, None,
                                                                                     None]
                         + shift[:, None], ground=rooms.ground, ground_colours=rooms.ground_colours,
                         air=rooms.air, light=rooms.light)


def _lay(images, scenes, pictures, masks):
    """Paint the things into their images; returns (t, size, size) what is seen of each, nothing of
    one left out.

    From the front to the back: a thing stays if those before it that stayed leave enough of it.
    """
    visible, taken = np.zeros_like(masks), np.zeros(images.shape[:3], bool)
    # 1 is the thing in front
    turn = np.searchsorted(scenes, scenes, "right") - np.arange(len(scenes))
    for layer in range(1, MOST + 1):
        things = np.flatnonzero(turn == layer)
        seen = masks[things] & ~taken[scenes[things]]
        stays = seen.sum((1, 2)) >= SHARE * masks[things].sum((1, 2))
        things, seen = things[stays], seen[stays]
        visible[things] = seen
        taken[scenes[things]] |= masks[things]
        images[scenes[things]] = np.where(seen[..., None], pictures[things], images[scenes[things]])
    return visible
