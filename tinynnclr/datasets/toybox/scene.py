"""Everything a picture is before it is painted: which thing, which pose, which palette, ground and
light.

The options of the data set's difficulty are the constants below.
"""
from typing import NamedTuple

import numpy as np

from ...kernels.engine.checks import plain_numbers
from .garden import GARDEN
from .home import HOME
from .parts import (
    COLOURS,
    COVER,
    EXTRA_1,
    EXTRA_2,
    GLASS,
    INK,
    MAIN,
    PALE,
    SECOND,
    THIRD,
    TRIM,
    TURN,
    Dice,
    bar,
    box,
    disc,
    fill_table,
    leaf,
    polygon,
)
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
# --- difficulty: colour
GROUND_TONE = (0.86, 0.96)  # lightness of the ground
GROUND_CONTRAST = 0.04  # lightness between the colours of a ground
CLEAR = (0.2, 0.8)  # how much of the picture the coloured air leaves
AIR = (0.25, 0.85)  # its colour in the middle of the picture, each channel for itself
AIR_SLOPE = 0.3  # how far that changes up to the rim, at most
THING_CONTRAST = (0.28, 0.34)  # how much darker than the ground a thing is, at least and at most
RIM_CHANCE = 0.0  # that a pale rim surrounds the thing, as on a sticker

SPREAD = 1.1  # angle between the hues of a palette

# class name: its kinds, each a function Dice -> Thing
BLUEPRINTS = {**TRAVEL, **SKY, **GARDEN, **HOME}
# classes and kinds never mirrored
SYMMETRIC = {"rocket", "tree", "flower", "house", "owl", "goblet", "beaker"}
# columns of random numbers for a picture's thing and for the rest of it
SHAPE_DRAWS, SCENE_DRAWS = 32, 96


class Scenes(NamedTuple):
    """What m pictures show, in [-1, 1] x [-1, 1] with y up; all float32 but the two int64 labels.
    """

    labels: np.ndarray  # (m,)
    kinds: np.ndarray  # (m,)
    parts: np.ndarray  # (m, rows, 16)
    poses: np.ndarray  # (m, 2, 3), from the thing's coordinates to the picture's
    keypoints: np.ndarray  # (m, 4, 2)
    ground: np.ndarray  # (m, 6): kind, cos, sin, frequency, two phases
    # (m, 4, 3): how much of the picture is left, and what is added: constant, slope in x, slope in
    # y
    air: np.ndarray
    ground_colours: np.ndarray  # (m, 3, 3) red, green, blue in [0, 1]
    colours: np.ndarray  # (m, COLOURS, 3)
    light: np.ndarray  # (m, 2), the direction towards the light
    rim: np.ndarray  # (m,) 0 or 1


@plain_numbers
def draw(rng: np.random.Generator, m: int) -> Scenes:
    """Draw m pictures; every ten in a row show the ten classes, in random order."""
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
    rim = dice.chance(RIM_CHANCE).astype(np.float32)
    return Scenes(labels, kinds, parts, poses, keypoints, ground, air, ground_colours, colours,
                  light, rim)


def draw_poses(dice: Dice, faces: np.ndarray) -> np.ndarray:
    """(m, 2, 3): turn @ shear @ scale, mirrored half of the time where `faces`, and a place in the
    frame.
    """
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
    found: list = []
    for colour in (EXTRA_1, EXTRA_2, EXTRA_1, EXTRA_2):
        x, y, radius, turn = dice(-0.95, 0.95), dice(-0.95, 0.95), dice(*DISTRACTOR_RADIUS), dice(0, TURN)
        dx, dy, when = radius * np.cos(turn), radius * np.sin(turn), dice.chance(DISTRACTOR_CHANCE)
        shape = len(found)
        if shape == 0:
            found.append(disc(0, colour, (x, y), radius, when=when))
        elif shape == 1:
            found.append(box(0, colour, (x, y), radius * 0.8, radius * 0.8, 0.03, turn, when=when))
        elif shape == 2:
            found.append(polygon(0, colour, (x + dx, y + dy), (x - dy, y + dx), (x + dy, y - dx),
                                 when=when))
        else:
            found.append(leaf(0, colour, (x + dx, y + dy), (x - dx, y - dy), radius * 0.5,
                              when=when))
    return found


def covers(dice: Dice) -> list:
    """A ball, a bar or a leaf, in the thing's own coordinates and off its middle, that hides part
    of it.
    """
    angle, away, size = dice(0, TURN), dice(0.45, 0.75), dice(*COVER_RADIUS)
    lean, shape, there = angle + np.pi / 2 + dice(-0.3, 0.3), dice.whole(0,
                                                                         2), dice.chance(
            COVER_CHANCE)
    ball, beam, blade = (there & (shape == k) for k in range(3))
    x, y, dx, dy = away * np.cos(angle), away * np.sin(angle), np.cos(lean), np.sin(lean)
    return [disc(0, COVER, (x, y), size, when=ball), bar(0, COVER, (x - 1.5 * dx, y - 1.5 * dy),
                                                         (x + 1.5 * dx, y + 1.5 * dy), size * 0.4,
                                                         when=beam),
            leaf(0, COVER, (x - 0.7 * dx, y - 0.7 * dy), (x + 0.7 * dx, y + 0.7 * dy), size * 0.9,
                 when=blade),]


def draw_ground(dice: Dice) -> np.ndarray:
    """(m, 6): the kind of pattern, the cosine and sine of its direction, its frequency and two
    phases.
    """
    kind, angle = dice.whole(0, GROUNDS - 1), dice(0, TURN)
    hills = kind == HILLS
    angle = np.where(hills, 0.2 * np.sin(angle), angle)
    frequency, phases = np.where(hills, dice(0.8, 1.6), dice(1.0, 2.6)), (dice(-3, 3), dice(-3, 3))
    return np.stack([kind, np.cos(angle), np.sin(angle), frequency, phases[0],
                     np.where(hills, 0.1, 1) * phases[1]], 1).astype(np.float32)


def draw_air(dice: Dice) -> np.ndarray:
    """(m, 4, 3): coloured air between the picture and the eye, denser here and there; a slope of
    colour, no detail.

    It all but hides a thing from a comparison of pixels, and not at all from whoever looks at
    edges.
    """
    clear = dice(*CLEAR)
    channels = [np.stack([dice(*AIR), dice(-AIR_SLOPE, AIR_SLOPE), dice(-AIR_SLOPE, AIR_SLOPE)], 1)
                for _ in range(3)]
    air = np.empty((len(clear), 4, 3), np.float32)
    air[:, 0] = clear[:, None]
    air[:, 1:] = np.stack(channels, 2) * (1 - clear)[:, None, None]
    return air


def oklch_to_rgb(lightness: np.ndarray, chroma: np.ndarray, hue: np.ndarray) -> np.ndarray:
    """sRGB in [0, 1], (..., 3); equal lightness looks equally light in every hue (Bjorn Ottosson,
    "Oklab", 2020).
    """
    a, b = chroma * np.cos(hue), chroma * np.sin(hue)
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    linear = np.stack([
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    ], -1).clip(0, 1)
    return np.where(linear < 0.0031308, 12.92 * linear,
                    1.055 * np.maximum(linear, 1e-4) ** (1 / 2.4) - 0.055)


def vivid(lightness, chroma, hue):
    """oklch_to_rgb, but yellow lighter and blue darker than asked for, or yellow would be mud."""
    return oklch_to_rgb(np.clip(lightness + 0.07 * np.cos(hue - 1.75), 0, 0.98), chroma, hue)


def draw_colours(dice: Dice) -> tuple[np.ndarray, np.ndarray]:
    """Ground colours (m, 3, 3) and a palette (m, COLOURS, 3) that know nothing of the class.

    The hues of a palette sit at fixed angles from one random hue.
    """
    hue, base = dice(0, TURN), dice(*GROUND_TONE)
    ground_hue, ground_chroma = hue + dice(0, TURN), dice(0.03, 0.08)
    ground = np.stack([vivid(base + k * 0.5 * GROUND_CONTRAST, ground_chroma, ground_hue + 0.5 * k)
                       for k in (1, -1, 0)], 1)
    body, chroma = base - dice(*THING_CONTRAST), dice(0.13, 0.2)
    choice = {  # colour: lightness, chroma, hue
        MAIN: (body, chroma, hue),
        SECOND: (body - dice(-0.04, 0.12), chroma, hue + SPREAD),
        THIRD: (dice(0.72, 0.84), chroma, hue - 0.8 * SPREAD),
        TRIM: (dice(0.38, 0.52), 0.45 * chroma, hue + dice(-0.5, 0.5)),
        PALE: (dice(0.93, 0.97), 0.025, hue + dice(-1, 1)),
        GLASS: (dice(0.86, 0.92), 0.06, dice(0, TURN)),
        INK: (dice(0.24, 0.32), 0.03, hue),
        EXTRA_1: (base - dice(0.08, 0.3), chroma, hue + dice(0, TURN)),
        EXTRA_2: (base - dice(0.08, 0.3), chroma, hue + dice(0, TURN)),
        COVER: (base - dice(0.05, 0.2), 0.5 * chroma, ground_hue + dice(-0.6, 0.6)),
    }
    palette = np.stack([vivid(*choice[colour]) for colour in range(COLOURS)], 1)
    return ground.astype(np.float32), palette.astype(np.float32)
