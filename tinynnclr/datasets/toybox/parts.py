"""The language of blueprints: random shape parameters, and one constructor for each kind of part.

A blueprint draws m images of its thing at once, so every number in it may be a float or an (m,)
array. A thing lies in [-1, 1] x [-1, 1], x to the right, y up, and faces right. Later parts cover
earlier ones.
"""
from typing import NamedTuple

import numpy as np

from .codes import DETAIL, INK, PALE
from .shapes import ARC, BAR, BOX, COLOUR, DOME, ELLIPSE, GEOMETRY, KIND, LEAF, PART, POLYGON, REACH

TURN = 2 * np.pi


class Dice:
    """Uniform draws (m, draws) in [0, 1) for m images; each call takes the next column."""

    def __init__(self, uniform: np.ndarray):
        self.uniform = uniform
        self.column = -1

    def __call__(self, low: float = 0.0, high: float = 1.0) -> np.ndarray:
        """(m,) float32, uniform in [low, high)."""
        self.column += 1
        return low + (high - low) * self.uniform[:, self.column]

    def whole(self, low: int, high: int) -> np.ndarray:
        """(m,) float32 with the whole numbers from low to high."""
        return np.minimum(np.floor(self(low, high + 1)), high)

    def chance(self, probability: float) -> np.ndarray:
        """(m,) bool, True with this probability."""
        return self() < probability

    def either(self, *choices) -> np.ndarray:
        """(m,) array: one of the choices for each image."""
        return np.asarray(choices)[self.whole(0, len(choices) - 1).astype(np.int64)]


class Part(NamedTuple):
    """One shape of a thing; some images leave it out, where `when` is False."""

    kind: int
    part: int
    colour: int
    reach: float
    geometry: tuple
    when: bool


class Thing(NamedTuple):
    """A finished blueprint: parts from back to front, and four (x, y) points for the keypoints."""

    parts: list
    top: tuple
    bottom: tuple
    front: tuple
    back: tuple


def ellipse(part, colour, centre, radius_x, radius_y, turn=0.0, when=True):
    """An ellipse turned counter-clockwise by `turn` radians."""
    frame = (*centre, np.cos(turn), np.sin(turn))
    return Part(ELLIPSE, part, colour, np.maximum(radius_x, radius_y), (*frame, radius_x, radius_y),
                when)


def disc(part, colour, centre, radius, when=True):
    return Part(ELLIPSE, part, colour, radius, (*centre, 1.0, 0.0, radius, radius), when)


def dome(part, colour, centre, radius_x, radius_y, turn=0.0, when=True):
    """The upper half of an ellipse; turn = pi makes a bowl of it."""
    frame = (*centre, np.cos(turn), np.sin(turn))
    return Part(DOME, part, colour, np.maximum(radius_x, radius_y), (*frame, radius_x, radius_y),
                when)


def box(part, colour, centre, half_width, half_height, corner=0.02, turn=0.0, when=True):
    frame = (*centre, np.cos(turn), np.sin(turn))
    return Part(BOX, part, colour, np.hypot(half_width, half_height),
                (*frame, half_width, half_height, corner), when)


def polygon(part, colour, *points, corner=0.02, when=True):
    """Three to six corners, in order; the outline is rounded by (and grows by) `corner`."""
    points = points + (points[-1],) * (6 - len(points))
    return Part(POLYGON, part, colour, corner, tuple(v for point in points for v in point), when)


def bar(part, colour, a, b, radius, when=True):
    """A straight line from a to b with round ends."""
    return Part(BAR, part, colour, radius, (*a, *b), when)


def leaf(part, colour, a, b, half_width, when=True):
    """A pointed leaf from tip a to tip b; it must be longer than wide."""
    return Part(LEAF, part, colour, half_width, (*a, *b), when)


def arc(part, colour, centre, radius, thickness, facing=0.0, spread=np.pi, when=True):
    """A round stroke along a circle, `spread` radians to either side of the direction `facing`."""
    frame = (*centre, np.cos(facing), np.sin(facing))
    shape = (radius, np.sin(spread), np.cos(spread), thickness)
    return Part(ARC, part, colour, radius + thickness, (*frame, *shape), when)


def eye(centre, radius):
    """The eye of birds and fish: white, with a pupil that looks ahead."""
    pupil = (centre[0] + radius * 0.3, centre[1])
    return [disc(DETAIL, PALE, centre, radius * 1.6), disc(DETAIL, INK, pupil, radius)]


def around(centre, radius, angle):
    """The point at `radius` from `centre` in the direction `angle`, counter-clockwise from +x."""
    return centre[0] + radius * np.cos(angle), centre[1] + radius * np.sin(angle)


def fill_table(table: np.ndarray, parts: list[Part]) -> None:
    """Write the parts into `table` (m, at least len(parts), 16) float32, one row per part."""
    if len(parts) > table.shape[1]:
        raise ValueError(f"parts: expected at most {table.shape[1]}, got {len(parts)}")
    for j, part in enumerate(parts):
        row = table[:, j]  # (m, 16)
        row[:, KIND] = part.kind * np.asarray(part.when)
        row[:, COLOUR] = part.colour
        row[:, PART] = part.part
        row[:, REACH] = part.reach
        for k, value in enumerate(part.geometry):
            row[:, GEOMETRY + k] = value
