"""The renderer: from tables of parts to images and masks, anti-aliased by signed distances.

An image is painted from back to front on a float canvas: the ground and small distractors; the
shadow and the rim of the thing; the thing itself, part by part on a separate layer; what hides it.
"""
import math

import numpy as np
from numba import njit

from ...kernels.engine.compile import jit
from .codes import COLOURS
from .shapes import (
    COLOUR,
    FAR,
    GEOMETRY,
    HALF,
    KIND,
    NOTHING,
    ONE,
    PART,
    REACH,
    ZERO,
    distances,
    spine_points,
)

# how the rows of a part table are used, back to front
DISTRACTOR_ROWS, THING_ROWS, COVER_ROWS = 4, 26, 3
GRADIENT, STRIPES, DOTS, CHECKS, BLOBS, HILLS, GROUNDS = range(7)
# The columns of `looks`: the direction to the light (in pixels, y down); contrast between the lit
# and the shaded side of a part; darkness of the shadow; width of the outlines; opacity, width, blur
# and colour of the rim (widths in units of the thing).
LIGHT_X, LIGHT_Y, CONTRAST, SHADOW, EDGE, RIM, RIM_WIDTH, RIM_BLUR, RIM_COLOUR = range(9)
LOOK = RIM_COLOUR + 3
TWO, QUARTER, EIGHTH = np.float32(2), np.float32(0.25), np.float32(0.125)
EDGE_SHARE = np.float32(0.4)  # an outline is never wider than this share of its part
TONE_STEEPNESS = np.float32(2.2)  # of the step from the lit to the shaded side of a part
SHADOW_REACH, SHADOW_SOFTNESS = np.float32(0.11), np.float32(0.12)  # in units of the thing
# Compiled code that Python does not call: without an entry from Python, it compiles a fifth faster.
_piece = njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)


@_piece
def _clip01(x):
    return min(max(x, ZERO), ONE)


@_piece
def _wave(x):
    """Nearly sin(2 pi x), from one parabola per half period."""
    t = x - np.floor(x + HALF)
    return np.float32(8) * t * (ONE - TWO * abs(t))


@_piece
def _pattern(kind, u, v, pixel):
    """The ground colour at (u, v) in pattern units, from 0 to 2; edges are `pixel` units wide."""
    if kind == GRADIENT:
        return _clip01(HALF + QUARTER * u)
    if kind == BLOBS:
        return HALF + HALF * _wave(HALF * u + QUARTER * _wave(QUARTER * v)) * _wave(HALF * v)
    if kind == HILLS:
        far, near = QUARTER * _wave(HALF * u) - v, EIGHTH * _wave(QUARTER * u) - HALF - v
        return _clip01(HALF + far / pixel) + _clip01(HALF + near / pixel)
    a, b = abs(u - np.floor(u) - HALF) - QUARTER, abs(v - np.floor(v) - HALF) - QUARTER
    if kind == DOTS:
        return _clip01(HALF + (QUARTER - math.sqrt((a + QUARTER) ** 2 + (b + QUARTER) ** 2))
                       / pixel)
    a, b = _clip01(HALF + a / pixel), _clip01(HALF + b / pixel)
    return a if kind == STRIPES else a * b + (ONE - a) * (ONE - b)


@_piece
def _paint_ground(canvas, ground, colours):
    """Mix the colours (3, 3) by the pattern ground (6,): kind, cos, sin, frequency, two phases."""
    size = canvas.shape[0]
    kind, step = int(ground[0]), TWO / np.float32(size)
    for py in range(size):
        y = ONE - (np.float32(py) + HALF) * step
        for px in range(size):
            x = (np.float32(px) + HALF) * step - ONE
            u = (ground[1] * x + ground[2] * y) * ground[3] + ground[4]
            v = (ground[1] * y - ground[2] * x) * ground[3] + ground[5]
            t = _pattern(kind, u, v, step * ground[3])
            first, third = max(ONE - t, ZERO), max(t - ONE, ZERO)
            second = ONE - first - third
            for k in range(3):
                canvas[py, px, k] = (first * colours[0, k] + second * colours[1, k]
                                     + third * colours[2, k])


@_piece
def _first_and_last(row, axis, margin, size):
    """The range of pixels that a part may touch along an axis (3,), a row of the pose."""
    low, high = FAR, -FAR
    for k in range(spine_points(int(row[KIND]))):
        at = axis[0] * row[GEOMETRY + 2 * k] + axis[1] * row[GEOMETRY + 2 * k + 1] + axis[2]
        low, high = min(low, at), max(high, at)
    grow = row[REACH] * math.sqrt(axis[0] ** 2 + axis[1] ** 2) + margin
    return max(int(low - grow), 0), min(int(high + grow) + 2, size)


@_piece
def _paint_part(canvas, near, mask, span, row, pose, margin, fill, line, look):
    """Paint one part over the canvas (size, size, 4), with a lit and a shaded side and an outline.

    Also lowers near (size, size), pixels to the nearest part, up to `margin` pixels around it, and
    sets its mask. span: scratch (size,).
    """
    x0, x1 = _first_and_last(row, pose[0], margin, len(near))
    y0, y1 = _first_and_last(row, pose[1], margin, len(near))
    a, b, c, d = pose[0, 0], pose[0, 1], pose[1, 0], pose[1, 1]
    determinant = a * d - b * c
    # the inverse of the pose
    unit, step_x, step_y = math.sqrt(abs(determinant)), d / determinant, -c / determinant
    middle_x, middle_y = HALF * np.float32(x0 + x1 - 1), HALF * np.float32(y0 + y1 - 1)
    half = HALF * np.float32(min(x1 - x0, y1 - y0)) - margin + ONE
    edge, tone = min(look[EDGE] * unit, EDGE_SHARE * half), TONE_STEEPNESS / half
    for py in range(y0, y1):
        x, y = np.float32(x0) - pose[0, 2], np.float32(py) - pose[1, 2]
        distances(span, x1 - x0, row, (d * x - b * y) / determinant, (a * y - c * x) / determinant,
                  step_x, step_y)
        for px in range(x0, x1):
            distance = span[px - x0] * unit
            near[py, px] = min(near[py, px], distance)
            cover = _clip01(HALF - distance)
            if cover > ZERO:
                across, down = np.float32(px) - middle_x, np.float32(py) - middle_y
                lit = _clip01(HALF + tone * (across * look[LIGHT_X] + down * look[LIGHT_Y]))
                shade = ONE + look[CONTRAST] * (lit - HALF)
                outline = _clip01(HALF + distance + edge)
                for k in range(3):
                    colour = fill[k] * shade
                    colour += outline * (line[k] - colour)
                    canvas[py, px, k] += cover * (colour - canvas[py, px, k])
                canvas[py, px, 3] += cover * (ONE - canvas[py, px, 3])
                if cover > HALF:
                    mask[py, px] = np.uint8(row[PART])


@_piece
def _compose(canvas, layer, near, look, unit):
    """Lay the thing's soft shadow, its rim and its layer over the canvas; unit is in pixels."""
    size = len(near)
    shift_x = int(look[LIGHT_X] * SHADOW_REACH * unit + HALF)
    shift_y = int(look[LIGHT_Y] * SHADOW_REACH * unit - HALF)
    soft, width, blur = SHADOW_SOFTNESS * unit, look[RIM_WIDTH] * unit, look[RIM_BLUR] * unit + ONE
    for py in range(size):
        for px in range(size):
            towards_x, towards_y = min(max(px + shift_x, 0), size - 1), max(py + shift_y, 0)
            shadow = look[SHADOW] * _clip01(HALF - near[towards_y, towards_x] / soft)
            rim = look[RIM] * _clip01(HALF - (near[py, px] - width) / blur)
            for k in range(3):
                below = canvas[py, px, k] * (ONE - shadow)
                below += rim * (look[RIM_COLOUR + k] - below)
                canvas[py, px, k] = below * (ONE - layer[py, px, 3]) + layer[py, px, k]


@_piece
def _paint_image(canvas, layer, near, span, image, mask, parts, poses, ground, air, palette,
                   look):
    """Paint one image; scratch arrays first, then rows of the arguments of `render`."""
    size, pose = len(mask), poses[1]
    _paint_ground(canvas, ground, palette)
    mask[:] = 0
    layer[:] = ZERO
    unit = math.sqrt(abs(pose[0, 0] * pose[1, 1] - pose[0, 1] * pose[1, 0]))
    margin = ONE + unit * max(SHADOW_SOFTNESS, look[RIM_WIDTH] + HALF * look[RIM_BLUR])
    for j in range(len(parts)):
        is_thing = DISTRACTOR_ROWS <= j < DISTRACTOR_ROWS + THING_ROWS
        if j == DISTRACTOR_ROWS:
            near[:] = FAR
        if j == DISTRACTOR_ROWS + THING_ROWS:
            _compose(canvas, layer, near, look, unit)
        if parts[j, KIND] != NOTHING:
            fill, line = 3 + int(parts[j, COLOUR]), 3 + COLOURS + int(parts[j, COLOUR])
            target, grow = (layer, margin) if is_thing else (canvas, ONE)
            _paint_part(target, near, mask, span, parts[j], poses[0 if j < DISTRACTOR_ROWS else 1],
                        grow, palette[fill], palette[line], look)
    step = TWO / np.float32(size)
    for py in range(size):
        y = ONE - (np.float32(py) + HALF) * step
        for px in range(size):
            x = (np.float32(px) + HALF) * step - ONE
            for k in range(3):
                seen = air[0, k] * canvas[py, px, k] + air[1, k] + air[2, k] * x + air[3, k] * y
                image[py, px, k] = np.uint8(_clip01(seen) * np.float32(255) + HALF)


@jit
def render(start, stop, parts, poses, ground, air, palettes, looks, images, masks):
    """Fill images (n, size, size, 3) and masks (n, size, size), uint8, from start to stop.

    All else is float32: parts (n, rows, 16); poses (n, 2, 2, 3), from the square [-1, 1] x [-1, 1]
    and from the thing to pixels; ground (n, 6); air (n, 4, 3) makes of an image v: air[0] * v +
    air[1] + air[2] * x + air[3] * y; palettes (n, 3 + 2 COLOURS, 3) of the ground, fills and
    outlines; looks (n, 11), see the constants above.
    """
    size = masks.shape[1]
    canvas, layer = np.zeros((size, size, 4), np.float32), np.zeros((size, size, 4), np.float32)
    near, span = np.zeros((size, size), np.float32), np.zeros(size, np.float32)
    for i in range(start, stop):
        _paint_image(canvas, layer, near, span, images[i], masks[i], parts[i], poses[i],
                       ground[i], air[i], palettes[i], looks[i])
