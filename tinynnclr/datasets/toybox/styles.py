"""Styles of the same scenes: they change colours, outlines and shadows, but never a shape."""
from typing import NamedTuple

import numpy as np

from .codes import GLASS, MAIN, SECOND


class Look(NamedTuple):
    """Colours (float32 RGB in [0, 1]) and effects of m images; widths are in units of the thing."""

    ground: np.ndarray  # (m, 3, 3)
    fills: np.ndarray  # (m, COLOURS, 3)
    lines: np.ndarray  # (m, COLOURS, 3), of the outlines
    contrast: float  # between the lit and the shaded side of a part
    shadow: float  # darkness of the shadow that the thing casts
    edge: float  # width of the outlines
    air: float = 1.0  # how much of the coloured air is left
    rim: float = 0.0  # opacity of the rim around the thing
    rim_colour: np.ndarray = np.zeros(3, np.float32)  # or (m, 3)
    rim_width: float = 0.0
    rim_blur: float = 0.0


def mix(a, b, share):
    """(1 - share) a + share b."""
    return a + share * (np.asarray(b, np.float32) - a)


def grey(colours):
    """Perceived brightness (..., 1)."""
    return colours @ np.array([[0.299], [0.587], [0.114]], np.float32)


def day(ground, colours):
    lines = colours * np.array([0.5, 0.45, 0.5], np.float32)
    return Look(ground, colours, lines, contrast=0.3, shadow=0.28, edge=0.045)


def night(ground, colours):
    """Moonlight: all is dim and blue, but the windows are lit."""
    moon = np.array([0.46, 0.54, 0.86], np.float32)
    fills = mix(colours, grey(colours), 0.3) * moon
    fills[:, GLASS] = (1.0, 0.84, 0.42)
    dark = mix(ground, grey(ground), 0.3) * moon * 0.62
    return Look(dark, fills, fills * 0.4, contrast=0.5, shadow=0.35, edge=0.045, air=0.15, rim=0.2,
                rim_colour=np.array([0.62, 0.7, 1.0], np.float32), rim_width=0.05, rim_blur=0.06)


def sketch(ground, colours):
    """Pencil on paper: outlines, and very pale colours."""
    paper = np.array([0.97, 0.95, 0.9], np.float32)
    pencil = np.array([0.27, 0.26, 0.3], np.float32)
    fills = mix(paper, mix(colours, grey(colours), 0.6), 0.22)
    lines = np.broadcast_to(pencil, colours.shape)
    faint = paper - 0.14 * (1 - mix(ground, grey(ground), 0.7))
    return Look(faint, fills, lines, contrast=0.12, shadow=0.1, edge=0.06, air=0.1)


def fog(ground, colours):
    """Haze takes away most of the contrast."""
    haze, share = np.array([0.8, 0.82, 0.84], np.float32), 0.66
    lines = mix(colours * 0.5, haze, share)
    return Look(mix(ground, haze, share), mix(colours, haze, share), lines, contrast=0.1,
                shadow=0.06, edge=0.04, air=1 - share)


def neon(ground, colours):
    """Glowing tubes along every outline, on black."""
    low, high = colours.min(-1, keepdims=True), colours.max(-1, keepdims=True)
    glow = 0.25 + 0.75 * (colours - low) / (high - low + 1e-3)
    black = np.array([0.05, 0.03, 0.1], np.float32)
    return Look(mix(ground, black, 0.9), mix(colours, black, 0.84), mix(glow, 1.0, 0.1),
                contrast=0.2, shadow=0.0, edge=0.06, air=0.1, rim=0.55,
                rim_colour=mix(glow[:, MAIN], glow[:, SECOND], 0.5) * 0.8, rim_blur=0.3)


STYLES = {"day": day, "night": night, "sketch": sketch, "fog": fog, "neon": neon}
