"""The ten digits, drawn as pen strokes with random pose, weight, colours and noise."""
import numpy as np

from ..kernels.engine.checks import plain_numbers
from .dataset import Dataset

CLASS_NAMES = tuple("0123456789")
BLOCK = 100  # images are drawn in whole blocks, so that image i does not depend on n
TURN = 0.3  # radians to either side, at most
SHEAR = 0.25  # to either side, at most
STRAY = 0.1  # half frames to either side, at most
SCALE = (0.6, 0.95)  # of the frame
WEIGHT = (0.06, 0.16)  # half the width of a stroke, in half frames
CONTRAST = (0.35, 0.65)  # between ink and ground in each channel
NOISE = (0.0, 0.12)  # standard deviation of a pixel


def _arc(x, y, wide, high, start, stop):
    """Points of an ellipse around (x, y), degrees from the right, clockwise as y goes down."""
    t = np.radians(np.linspace(start, stop, 11))
    return list(zip(x + wide * np.cos(t), y + high * np.sin(t), strict=True))


_SIX = _arc(0.72, 0.66, 0.47, 0.56, 265, 180) + _arc(0.5, 0.67, 0.25, 0.25, 180, 540)
_STROKES = (  # one or two lines a digit, through points (x, y) of the unit square, y down
    [_arc(0.5, 0.5, 0.28, 0.42, 0, 360)],
    [[(0.35, 0.25), (0.55, 0.08), (0.55, 0.92)]],
    [_arc(0.5, 0.32, 0.26, 0.24, 180, 400) + [(0.24, 0.92), (0.78, 0.92)]],
    [_arc(0.47, 0.29, 0.25, 0.21, 200, 450), _arc(0.47, 0.71, 0.28, 0.21, 270, 520)],
    [[(0.62, 0.92), (0.62, 0.08), (0.22, 0.65), (0.8, 0.65)]],
    [[(0.74, 0.08), (0.32, 0.08), (0.28, 0.45)] + _arc(0.48, 0.65, 0.27, 0.26, 220, 500)],
    [_SIX],
    [[(0.22, 0.08), (0.78, 0.08), (0.42, 0.92)]],
    [_arc(0.5, 0.29, 0.22, 0.21, 0, 360), _arc(0.5, 0.71, 0.27, 0.21, 0, 360)],
    [[(1 - x, 1 - y) for x, y in _SIX]],
)


@plain_numbers
def make(n: int, seed: int = 0, *, split: str = "train", size: int = 32) -> Dataset:
    """n images (n, size, size, 3), every ten of them the ten digits; longer runs begin the same.

    Raises ValueError for n < 0, seed < 0, size < 8 or an unknown split.
    """
    for name, value, least in (("n", n, 0), ("seed", seed, 0), ("size", size, 8)):
        if value < least:
            raise ValueError(f"{name}: expected at least {least}, got {value}")
    if split not in ("train", "test"):
        raise ValueError(f"split: expected train or test, got {split!r}")
    images = np.empty((n, size, size, 3), np.uint8)
    labels = np.empty(n, np.int64)
    for start in range(0, n, BLOCK):
        rng = np.random.default_rng([seed, ("train", "test").index(split), start // BLOCK])
        digits = rng.permuted(np.tile(np.arange(10), (BLOCK // 10, 1)), axis=1).ravel()
        block = slice(start, start + BLOCK)
        labels[block] = digits[:n - start]
        images[block] = _draw(rng, digits, size)[:n - start]
    return Dataset(images, labels, CLASS_NAMES)


def load(train_size: int, test_size: int, seed: int = 0) -> tuple[Dataset, Dataset]:
    """(train, test), which have no image in common; raises what `make` raises."""
    return make(train_size, seed, split="train"), make(test_size, seed, split="test")


def _segments():
    """(10, s, 2, 2): the ends of each digit's segments in half frames from the middle.

    Digits with fewer segments repeat their last one.
    """
    pieces = [[pair for stroke in strokes for pair in zip(stroke, stroke[1:], strict=False)]
              for strokes in _STROKES]
    longest = max(map(len, pieces))
    return np.array([p + p[-1:] * (longest - len(p)) for p in pieces]) * 2 - 1


def _draw(rng, digits, size):
    """uint8 (m, size, size, 3): ink within half a stroke's width of a stroke, with a soft edge."""
    m = len(digits)
    distance = _distances(_draw_ends(rng, digits), size)
    ink = ((rng.uniform(*WEIGHT, (m, 1, 1)) - distance) * (size / 2) + 0.5).clip(0, 1)[..., None]
    ground = rng.uniform(0, 1, (m, 1, 1, 3))
    pen = (ground + rng.uniform(*CONTRAST, (m, 1, 1, 3))) % 1  # differs by 0.35 at least
    noise = rng.uniform(*NOISE, (m, 1, 1, 1)) * rng.standard_normal((m, size, size, 3))
    return np.rint((ground + ink * (pen - ground) + noise).clip(0, 1) * 255).astype(np.uint8)


def _draw_ends(rng, digits):
    """(m, s, 2, 2): the ends of the segments of each digit in a random pose."""
    m = len(digits)
    angle, shear = rng.uniform(-TURN, TURN, m), rng.uniform(-SHEAR, SHEAR, m)
    cos, sin = np.cos(angle), np.sin(angle)
    rows = [[cos, shear * cos - sin], [sin, shear * sin + cos]]  # turn @ shear
    pose = np.stack([np.stack(row, 1) for row in rows], 1) * rng.uniform(*SCALE, (m, 1, 1))
    turned = np.einsum("mij,msej->msei", pose, _segments()[digits])
    return turned + rng.uniform(-STRAY, STRAY, (m, 1, 1, 2))


def _distances(ends, size):
    """(m, size, size): from each pixel to the nearest segment, in half frames."""
    centres = (np.arange(size) + 0.5) * 2 / size - 1
    grid = np.stack(np.meshgrid(centres, centres), -1).astype(np.float32)  # (size, size, 2): x, y
    nearest = np.full((len(ends), size, size), np.inf, np.float32)
    for a, b in ends.transpose(1, 2, 0, 3).astype(np.float32):  # a segment of each: (m, 2), (m, 2)
        along = (b - a)[:, None, None]
        offset = grid - a[:, None, None]
        share = (offset * along).sum(-1) / np.maximum((along * along).sum(-1), np.float32(1e-9))
        gap = offset - share.clip(0, 1)[..., None] * along
        np.minimum(nearest, np.sqrt((gap * gap).sum(-1)), out=nearest)
    return nearest
