"""The same scenes in another light: a style changes colours, outlines and shadows, and never a
shape.
"""
from typing import NamedTuple

import numpy as np

from .parts import GLASS, MAIN, PALE, SECOND


class Look(NamedTuple):
    """What the renderer needs to know of colour for m pictures, float32, red, green, blue in [0,
    1].
    """

    ground: np.ndarray  # (m, 3, 3)
    fills: np.ndarray  # (m, COLOURS, 3)
    lines: np.ndarray  # (m, COLOURS, 3), of the outlines
    rim_colour: np.ndarray  # (m, 3), of the rim around the thing
    rim: np.ndarray  # (m,), its opacity
    rim_width: float  # in units of the thing, as are blur and edge
    rim_blur: float
    contrast: float  # between the lit and the shaded side of a part
    shadow: float  # darkness of the shadow that the thing casts
    edge: float  # width of the outlines
    air: float = 1.0  # how much of the coloured air is left


def mix(a, b, share):
    """(1 - share) a + share b."""
    return a + share * (np.asarray(b, np.float32) - a)


def grey(colours):
    """Perceived brightness (..., 1)."""
    return colours @ np.array([[0.299], [0.587], [0.114]], np.float32)


def day(ground, colours, rim):
    lines = colours * np.array([0.5, 0.45, 0.5], np.float32)
    return Look(ground, colours, lines, mix(colours[:, PALE], 1.0, 0.6), rim,
                rim_width=0.075, rim_blur=0.0, contrast=0.3, shadow=0.28, edge=0.045)


def night(ground, colours, rim):
    """Moonlight: all is dim and blue, but the windows are lit."""
    moon = np.array([0.46, 0.54, 0.86], np.float32)
    fills = mix(colours, grey(colours), 0.3) * moon
    fills[:, GLASS] = (1.0, 0.84, 0.42)
    dark = mix(ground, grey(ground), 0.3) * moon * 0.62
    rim_colour = np.broadcast_to(np.array([0.62, 0.7, 1.0], np.float32), dark[:, 0].shape)
    return Look(dark, fills, fills * 0.4, rim_colour, 0.2 + 0.3 * rim,
                rim_width=0.05, rim_blur=0.06, contrast=0.5, shadow=0.35, edge=0.045, air=0.15)


def sketch(ground, colours, rim):
    """Pencil on paper: outlines, and only a breath of colour."""
    paper, pencil = np.array([0.97, 0.95, 0.9], np.float32), np.array([0.27, 0.26, 0.3], np.float32)
    fills = mix(paper, mix(colours, grey(colours), 0.6), 0.22)
    lines = np.broadcast_to(pencil, colours.shape)
    faint = paper - 0.14 * (1 - mix(ground, grey(ground), 0.7))
    return Look(faint, fills, lines, np.broadcast_to(paper, faint[:, 0].shape), rim,
                rim_width=0.075, rim_blur=0.0, contrast=0.12, shadow=0.1, edge=0.06, air=0.1)


def fog(ground, colours, rim):
    """Haze takes away most of the contrast."""
    haze, share = np.array([0.8, 0.82, 0.84], np.float32), 0.66
    ground, fills, lines = mix(ground, haze, share), mix(colours, haze, share), mix(colours * 0.5,
                                                                                    haze, share)
    return Look(ground, fills, lines, fills[:, PALE], 0.6 * rim,
                rim_width=0.075, rim_blur=0.05, contrast=0.1, shadow=0.06, edge=0.04, air=1 - share)


def neon(ground, colours, rim):
    """Glowing tubes along every outline, on black."""
    low, high = colours.min(-1, keepdims=True), colours.max(-1, keepdims=True)
    glow = 0.25 + 0.75 * (colours - low) / (high - low + 1e-3)
    black = np.array([0.05, 0.03, 0.1], np.float32)
    lines = mix(glow, 1.0, 0.1)
    rim_colour = mix(glow[:, MAIN], glow[:, SECOND], 0.5) * 0.8
    ground, fills = mix(ground, black, 0.9), mix(colours, black, 0.84)
    return Look(ground, fills, lines, rim_colour, np.full_like(rim, 0.55),
                rim_width=0.0, rim_blur=0.3, contrast=0.2, shadow=0.0, edge=0.06, air=0.1)


STYLES = {"day": day, "night": night, "sketch": sketch, "fog": fog, "neon": neon}
