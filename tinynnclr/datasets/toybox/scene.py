"""The scene of an image before it is painted: the thing, its pose, palette, ground, air and light.

The constants below set how difficult the data set is.
"""
from typing import NamedTuple

import numpy as np

from ...kernels.engine.checks import plain_numbers
from .codes import COVER, EXTRA_1, EXTRA_2
from .garden import GARDEN
from .home import HOME
from .palette import draw_colours
from .parts import TURN, Dice, bar, box, disc, fill_table, leaf, polygon
from .render import COVER_ROWS, DISTRACTOR_ROWS, GROUNDS, HILLS, THING_ROWS
from .shapes import ROW
from .sky import SKY
from .travel import TRAVEL

# --- difficulty: pose
ROTATION = np.radians(17.0)  # at most, to either side
SCALE = (0.64, 0.93)  # of the frame
SQUEEZE, SHEAR = 0.1, 0.12  # at most
STRAY = 0.1  # how far a thing may leave the frame, in half frames
# --- difficulty: what disturbs
DISTRACTOR_CHANCE = 0.15  # of each of the four small shapes behind the thing
DISTRACTOR_RADIUS = (0.07, 0.15)  # in half frames
COVER_CHANCE = 0.08  # that something hides part of the thing
COVER_RADIUS = (0.22, 0.34)  # of what hides it, in units of the thing
# --- difficulty: what is between the thing and the eye
CLEAR = (0.2, 0.8)  # how much of the image the coloured air leaves
AIR = (0.25, 0.85)  # its colour in the middle of the image, of each channel
AIR_SLOPE = 0.3  # how far that colour changes up to the rim, at most

# class name: its kinds, each a function Dice -> Thing
BLUEPRINTS = {**TRAVEL, **SKY, **GARDEN, **HOME}
# classes and kinds never mirrored
SYMMETRIC = {"rocket", "tree", "flower", "house", "owl", "goblet", "beaker"}
# columns of random numbers for the thing and for the rest of a scene
SHAPE_DRAWS, SCENE_DRAWS = 32, 96


class Scenes(NamedTuple):
    """What m images show, in [-1, 1] x [-1, 1] with y up; float32, but int64 labels and kinds."""

    labels: np.ndarray  # (m,)
    kinds: np.ndarray  # (m,)
    parts: np.ndarray  # (m, rows, 16)
    poses: np.ndarray  # (m, 2, 3), from the thing's coordinates to the frame's
    keypoints: np.ndarray  # (m, 4, 2)
    ground: np.ndarray  # (m, 6): kind, cos, sin, frequency, two phases
    air: np.ndarray  # (m, 4, 3): share of the image that is left; colour, slope in x, slope in y
    ground_colours: np.ndarray  # (m, 3, 3) red, green, blue in [0, 1]
    colours: np.ndarray  # (m, COLOURS, 3)
    light: np.ndarray  # (m, 2), the direction towards the light


@plain_numbers
def draw(rng: np.random.Generator, m: int) -> Scenes:
    """Draw m scenes; every ten in a row show the ten classes, in random order."""
    labels = rng.permuted(np.tile(np.arange(len(BLUEPRINTS)), (-(-m // 10), 1)), axis=1).ravel()[:m]
    shape_draws = rng.random((m, SHAPE_DRAWS), np.float32)
    dice = Dice(rng.random((m, SCENE_DRAWS), np.float32))
    kinds = np.zeros(m, np.int64)
    parts = np.zeros((m, DISTRACTOR_ROWS + THING_ROWS + COVER_ROWS, ROW), np.float32)
    keypoints, faces = np.zeros((m, 4, 2), np.float32), np.ones(m, bool)
    which = dice()
    for label, (name, blueprints) in enumerate(BLUEPRINTS.items()):
        for kind, blueprint in enumerate(blueprints):
            rows = np.flatnonzero((labels == label) & (np.floor(which * len(blueprints)) == kind))
            thing = blueprint(Dice(shape_draws[rows]))
            table = np.zeros((len(rows), THING_ROWS, ROW), np.float32)
            fill_table(table, thing.parts)
            parts[rows, DISTRACTOR_ROWS:DISTRACTOR_ROWS + THING_ROWS] = table
            for k, point in enumerate((thing.top, thing.bottom, thing.front, thing.back)):
                keypoints[rows, k, 0], keypoints[rows, k, 1] = point
            kinds[rows], faces[rows] = kind, not {name, blueprint.__name__} & SYMMETRIC
    poses = draw_poses(dice, faces)
    fill_table(parts[:, :DISTRACTOR_ROWS], distractors(dice))
    fill_table(parts[:, -COVER_ROWS:], covers(dice))
    ground, air = draw_ground(dice), draw_air(dice)
    ground_colours, colours = draw_colours(dice)
    keypoints = keypoints @ poses[:, :, :2].transpose(0, 2, 1) + poses[:, None, :, 2]
    sun = dice(np.pi / 6, np.pi * 5 / 6)
    light = np.stack([np.cos(sun), np.sin(sun)], 1)
    return Scenes(labels, kinds, parts, poses, keypoints, ground, air, ground_colours, colours,
                  light)


def draw_poses(dice: Dice, faces: np.ndarray) -> np.ndarray:
    """(m, 2, 3): turn @ shear @ scale, mirrored half of the time if `faces`, and the position."""
    scale, angle = dice(*SCALE), dice(-ROTATION, ROTATION)
    squeeze, shear = 1 + dice(-SQUEEZE, SQUEEZE), dice(-SHEAR, SHEAR)
    mirror = np.where(dice.chance(0.5) & faces, -1, 1)
    wide, tall = scale * np.minimum(squeeze, 1), scale * np.minimum(1 / squeeze, 1)
    cos, sin = np.cos(angle), np.sin(angle)
    slack = 1 - scale + STRAY
    pose = np.empty((len(scale), 2, 3), np.float32)
    pose[:, 0] = np.stack([mirror * wide * cos, tall * (shear * cos - sin), slack * dice(-1, 1)], 1)
    pose[:, 1] = np.stack([mirror * wide * sin, tall * (shear * sin + cos), slack * dice(-1, 1)], 1)
    return pose


def distractors(dice: Dice) -> list:
    """A ball, a block, a triangle and a leaf anywhere in the frame, each there by chance."""
    places = [_distractor_place(dice) for _ in range(4)]
    x, y, dx, dy, radius, _, when = places[0]
    ball = disc(0, EXTRA_1, (x, y), radius, when=when)
    x, y, dx, dy, radius, turn, when = places[1]
    block = box(0, EXTRA_2, (x, y), radius * 0.8, radius * 0.8, 0.03, turn, when=when)
    x, y, dx, dy, radius, turn, when = places[2]
    triangle = polygon(0, EXTRA_1, (x + dx, y + dy), (x - dy, y + dx), (x + dy, y - dx), when=when)
    x, y, dx, dy, radius, turn, when = places[3]
    blade = leaf(0, EXTRA_2, (x + dx, y + dy), (x - dx, y - dy), radius * 0.5, when=when)
    return [ball, block, triangle, blade]


def _distractor_place(dice):
    """Centre, offset (radius in the direction turn), radius, turn, and whether it is there."""
    x, y = dice(-0.95, 0.95), dice(-0.95, 0.95)
    radius, turn = dice(*DISTRACTOR_RADIUS), dice(0, TURN)
    there = dice.chance(DISTRACTOR_CHANCE)
    return x, y, radius * np.cos(turn), radius * np.sin(turn), radius, turn, there


def covers(dice: Dice) -> list:
    """A ball, a bar or a leaf in the thing's coordinates, off its middle, that hides part of it."""
    angle, away, size = dice(0, TURN), dice(0.45, 0.75), dice(*COVER_RADIUS)
    lean = angle + np.pi / 2 + dice(-0.3, 0.3)
    shape = dice.whole(0, 2)
    there = dice.chance(COVER_CHANCE)
    x, y = away * np.cos(angle), away * np.sin(angle)
    dx, dy = np.cos(lean), np.sin(lean)
    return [disc(0, COVER, (x, y), size, when=there & (shape == 0)),
            bar(0, COVER, (x - 1.5 * dx, y - 1.5 * dy), (x + 1.5 * dx, y + 1.5 * dy), size * 0.4,
                when=there & (shape == 1)),
            leaf(0, COVER, (x - 0.7 * dx, y - 0.7 * dy), (x + 0.7 * dx, y + 0.7 * dy), size * 0.9,
                 when=there & (shape == 2))]


def draw_ground(dice: Dice) -> np.ndarray:
    """(m, 6): the kind of pattern, the cosine and sine of its direction, frequency, two phases."""
    kind, angle = dice.whole(0, GROUNDS - 1), dice(0, TURN)
    hills = kind == HILLS
    angle = np.where(hills, 0.2 * np.sin(angle), angle)
    frequency = np.where(hills, dice(0.8, 1.6), dice(1.0, 2.6))
    across, along = dice(-3, 3), dice(-3, 3)
    return np.stack([kind, np.cos(angle), np.sin(angle), frequency, across,
                     np.where(hills, 0.1, 1) * along], 1).astype(np.float32)


def draw_air(dice: Dice) -> np.ndarray:
    """(m, 4, 3): coloured air before the scene; its colour changes linearly across the image.

    It hides a thing from a comparison of pixels, but not its edges.
    """
    clear = dice(*CLEAR)
    channels = [np.stack([dice(*AIR), dice(-AIR_SLOPE, AIR_SLOPE), dice(-AIR_SLOPE, AIR_SLOPE)], 1)
                for _ in range(3)]
    air = np.empty((len(clear), 4, 3), np.float32)
    air[:, 0] = clear[:, None]
    air[:, 1:] = np.stack(channels, 2) * (1 - clear)[:, None, None]
    return air
