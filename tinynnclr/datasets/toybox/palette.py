"""Random colours of a scene: its ground, its thing and what is beside it."""
import numpy as np

from .parts import TURN, Dice

GROUND_TONE = (0.86, 0.96)  # lightness of the ground
GROUND_CONTRAST = 0.04  # between the colours of a ground, in lightness
THING_CONTRAST = (0.28, 0.34)  # how much darker than the ground a thing is
SPREAD = 1.1  # angle between the hues of a palette


def oklch_to_rgb(lightness: np.ndarray, chroma: np.ndarray, hue: np.ndarray) -> np.ndarray:
    """sRGB (..., 3) in [0, 1]; equal lightness looks equally light in every hue.

    Source: Björn Ottosson 2020, "A perceptual color space for image processing" (Oklab).
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
    """oklch_to_rgb with yellow lighter and blue darker than given, so that yellow is not brown."""
    return oklch_to_rgb(np.clip(lightness + 0.07 * np.cos(hue - 1.75), 0, 0.98), chroma, hue)


def draw_colours(dice: Dice) -> tuple[np.ndarray, np.ndarray]:
    """Ground colours (m, 3, 3) and a palette (m, COLOURS, 3), which do not depend on the class.

    The hues of a palette are at fixed angles from one random hue.
    """
    hue, base = dice(0, TURN), dice(*GROUND_TONE)
    ground_hue, ground_chroma = hue + dice(0, TURN), dice(0.03, 0.08)
    ground = np.stack([vivid(base + k * 0.5 * GROUND_CONTRAST, ground_chroma, ground_hue + 0.5 * k)
                       for k in (1, -1, 0)], 1)
    body, chroma = base - dice(*THING_CONTRAST), dice(0.13, 0.2)
    choices = (  # lightness, chroma and hue of each colour, in the order of codes.py
        (body, chroma, hue),  # MAIN
        (body - dice(-0.04, 0.12), chroma, hue + SPREAD),  # SECOND
        (dice(0.72, 0.84), chroma, hue - 0.8 * SPREAD),  # THIRD
        (dice(0.38, 0.52), 0.45 * chroma, hue + dice(-0.5, 0.5)),  # TRIM
        (dice(0.93, 0.97), 0.025, hue + dice(-1, 1)),  # PALE
        (dice(0.86, 0.92), 0.06, dice(0, TURN)),  # GLASS
        (dice(0.24, 0.32), 0.03, hue),  # INK
        (base - dice(0.08, 0.3), chroma, hue + dice(0, TURN)),  # EXTRA_1
        (base - dice(0.08, 0.3), chroma, hue + dice(0, TURN)),  # EXTRA_2
        (base - dice(0.05, 0.2), 0.5 * chroma, ground_hue + dice(-0.6, 0.6)),  # COVER
    )
    palette = np.stack([vivid(*choice) for choice in choices], 1)
    return ground.astype(np.float32), palette.astype(np.float32)
