"""Signed distances from a point to each kind of shape: negative inside, in the shape's units.

`clip(0.5 - distance_in_pixels, 0, 1)` is how much of a pixel the shape covers. Formulas after Inigo
Quilez, "2D distance functions" (iquilezles.org/articles/distfunctions2d).
"""
import math

import numpy as np
from numba import njit

ZERO, HALF, ONE = np.float32(0), np.float32(0.5), np.float32(1)
TINY, FAR = np.float32(1e-12), np.float32(1e12)

# The columns of `row`: four numbers that every shape has, then its geometry (at most six corners).
KIND, COLOUR, PART, REACH, GEOMETRY, ROW = 0, 1, 2, 3, 4, 16
NOTHING, ELLIPSE, BOX, POLYGON, BAR, LEAF, ARC, DOME = range(8)


@njit(error_model="numpy")
def ellipse_distance(x, y, radius_x, radius_y):
    """k (k - 1) / |p / r^2| with k = |p / r|: exact for a circle, else to first order."""
    u, v = x / radius_x, y / radius_y
    k = math.sqrt(u * u + v * v)
    slope = math.sqrt((u / radius_x) ** 2 + (v / radius_y) ** 2)
    return k * (k - ONE) / slope if slope > TINY else -min(radius_x, radius_y)


@njit(error_model="numpy")
def dome_distance(x, y, radius_x, radius_y):
    """The upper half (y > 0) of an ellipse: max(ellipse, -y), a lower bound near the corners."""
    return max(ellipse_distance(x, y, radius_x, radius_y), -y)


@njit(error_model="numpy")
def box_distance(x, y, half_width, half_height, corner):
    """A rounded box, q = |p| - half + corner: |max(q, 0)| + min(max(q_x, q_y), 0) - corner."""
    u, v = abs(x) - half_width + corner, abs(y) - half_height + corner
    outside = math.sqrt(max(u, ZERO) ** 2 + max(v, ZERO) ** 2)
    return outside + min(max(u, v), ZERO) - corner


@njit(error_model="numpy")
def bar_distance(x, y, ax, ay, bx, by, radius):
    """A straight line from a to b, round ends: the distance to the segment, minus the radius."""
    ex, ey, wx, wy = bx - ax, by - ay, x - ax, y - ay
    t = min(max((wx * ex + wy * ey) / (ex * ex + ey * ey + TINY), ZERO), ONE)
    return math.sqrt((wx - ex * t) ** 2 + (wy - ey * t) ** 2) - radius


@njit(error_model="numpy")
def leaf_distance(x, y, ax, ay, bx, by, half_width):
    """The overlap of two equal discs (a vesica) with its tips at a and b.

    With half length r and half width w, w < r, the discs have radius d + w and centres d = (r^2 -
    w^2) / 2w off axis.
    """
    ex, ey = HALF * (bx - ax), HALF * (by - ay)
    r = math.sqrt(ex * ex + ey * ey) + TINY
    wx, wy = x - ax - ex, y - ay - ey
    along, across = abs(wx * ex + wy * ey) / r, abs(wx * ey - wy * ex) / r
    d = HALF * (r * r - half_width * half_width) / half_width
    if r * across < d * (along - r):  # beyond the tip, where the nearest point is the tip itself
        return math.sqrt(across * across + (along - r) ** 2)
    return math.sqrt((across + d) ** 2 + along * along) - d - half_width


@njit(error_model="numpy")
def arc_distance(x, y, radius, sin_spread, cos_spread, thickness):
    """A round stroke along the circle, `spread` to either side of +x; thickness is its radius."""
    y = abs(y)
    if cos_spread * y > sin_spread * x:  # past the end of the arc
        x, y = x - radius * cos_spread, y - radius * sin_spread
        return math.sqrt(x ** 2 + y ** 2) - thickness
    return abs(math.sqrt(x * x + y * y) - radius) - thickness


@njit(error_model="numpy")
def polygon_distances(out, count, corners, rounding, x, y, dx, dy):
    """A polygon of corners (12,), six of x, y with repetitions, grown by `rounding`.

    The nearest edge gives the distance, and the parity of the edges that a ray to the right crosses
    gives the sign. Until the end, `out` holds sign times squared distance.
    """
    out[:count] = FAR
    for edge in range(6):
        ax, ay = corners[2 * edge - 2], corners[2 * edge - 1]
        bx, by = corners[2 * edge], corners[2 * edge + 1]
        ex, ey = bx - ax, by - ay
        scale = ONE / (ex * ex + ey * ey + TINY)
        for k in range(count):
            wx, wy = x + np.float32(k) * dx - ax, y + np.float32(k) * dy - ay
            t = min(max((wx * ex + wy * ey) * scale, ZERO), ONE)
            nearest = min(abs(out[k]), (wx - ex * t) ** 2 + (wy - ey * t) ** 2)
            crosses = ((wy < ZERO) != (wy < ey)) and ((wx * ey < ex * wy) == (ey > ZERO))
            out[k] = -math.copysign(nearest, out[k]) if crosses else math.copysign(nearest, out[k])
    for k in range(count):
        out[k] = math.copysign(math.sqrt(abs(out[k])), out[k]) - rounding


@njit(error_model="numpy")
def distances(out, count, row, x, y, dx, dy):
    """out[k] = signed distance from (x + k dx, y + k dy) to the shape `row` (16,), for k < count.

    A row of pixels at a time: the shape is looked up once, and the short loops compile to vector
    instructions.
    """
    kind, reach, g = int(row[KIND]), row[REACH], row[GEOMETRY:]
    if kind == POLYGON:
        polygon_distances(out, count, g, reach, x, y, dx, dy)
        return
    g0, g1, g2, g3, g4, g5, g6, g7 = g[0], g[1], g[2], g[3], g[4], g[5], g[6], g[7]
    if kind == BAR:
        for k in range(count):
            out[k] = bar_distance(x + np.float32(k) * dx, y + np.float32(k) * dy, g0, g1, g2, g3,
                                  reach)
        return
    if kind == LEAF:
        for k in range(count):
            out[k] = leaf_distance(x + np.float32(k) * dx, y + np.float32(k) * dy, g0, g1, g2, g3,
                                   reach)
        return
    x, y = x - g0, y - g1
    x, y = g2 * x + g3 * y, g2 * y - g3 * x  # turned by the angle whose cosine and sine are g2, g3
    dx, dy = g2 * dx + g3 * dy, g2 * dy - g3 * dx
    if kind == ELLIPSE:
        for k in range(count):
            out[k] = ellipse_distance(x + np.float32(k) * dx, y + np.float32(k) * dy, g4, g5)
    elif kind == DOME:
        for k in range(count):
            out[k] = dome_distance(x + np.float32(k) * dx, y + np.float32(k) * dy, g4, g5)
    elif kind == BOX:
        for k in range(count):
            out[k] = box_distance(x + np.float32(k) * dx, y + np.float32(k) * dy, g4, g5, g6)
    else:
        for k in range(count):
            out[k] = arc_distance(x + np.float32(k) * dx, y + np.float32(k) * dy, g4, g5, g6, g7)


@njit(error_model="numpy")
def spine_points(kind):
    """The number of points (centre, ends or corners) that bound a shape with REACH around each."""
    if kind == POLYGON:
        return 6
    return 2 if kind == BAR or kind == LEAF else 1
