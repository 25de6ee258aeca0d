"""Blueprints of houses and cups; parts.py says how to read them."""
import numpy as np

from .codes import BODY, DETAIL, GLASS, INK, LIMB, MAIN, PALE, SECOND, THIRD, TOP, TRIM
from .parts import Thing, arc, bar, box, disc, dome, ellipse, leaf, polygon

GROUND = -0.84  # where houses stand

# ---------------- houses: a door with a knob, windows with a bar


def door(x, half_width, height):
    return [dome(LIMB, TRIM, (x, GROUND + height * 0.6), half_width, height * 0.4),
            box(LIMB, TRIM, (x, GROUND + height * 0.3), half_width, height * 0.32, corner=0.0),
            disc(DETAIL, PALE, (x + half_width * 0.5, GROUND + height * 0.4), 0.04)]


def window(x, y, half, when=True):
    return [box(DETAIL, PALE, (x, y), half + 0.045, half + 0.045, when=when),
            box(DETAIL, GLASS, (x, y), half, half, when=when)]


def cottage(dice):
    half, eaves, ridge = dice(0.56, 0.7), dice(-0.06, 0.14), dice(0.6, 0.84)
    chimney, entrance = dice.either(-0.4, 0.4), dice.either(-1.0, 1.0)
    parts = [box(TOP, TRIM, (chimney, (eaves + ridge) / 2 + 0.14), 0.1,
                 (ridge - eaves) / 2 + 0.04),
             box(BODY, MAIN, (0.0, (GROUND + eaves) / 2), half, (eaves - GROUND) / 2),
             polygon(TOP, SECOND, (-half - 0.18, eaves - 0.04), (0.0, ridge),
                     (half + 0.18, eaves - 0.04), corner=0.05),
             disc(DETAIL, PALE, (0.0, eaves + 0.2), 0.15),
             disc(DETAIL, GLASS, (0.0, eaves + 0.2), 0.1)]
    parts += door(entrance * half * 0.45, 0.15, 0.5)
    parts += window(-entrance * half * 0.45, (GROUND + eaves) / 2 + 0.08, 0.15)
    return Thing(parts, (0.0, ridge + 0.05), (0.0, GROUND), (half + 0.2, eaves - 0.06),
                 (-half - 0.2, eaves - 0.06))


def tower_block(dice):
    half, top, columns = dice(0.34, 0.5), dice(0.56, 0.76), dice.whole(2, 3)
    antenna = dice.either(-0.5, 0.0, 0.5) * half
    parts = [bar(TOP, INK, (antenna, top), (antenna, top + 0.2), 0.03),
             box(BODY, MAIN, (0.0, (GROUND + top) / 2), half, (top - GROUND) / 2),
             box(TOP, SECOND, (0.0, top), half + 0.07, 0.07)]
    storey = (top - GROUND - 0.42) / 4
    for level in range(4):
        for column in range(3):
            x = half * (2 * column + 1 - columns) / columns
            y = GROUND + 0.46 + storey * (level + 0.36)
            parts.append(box(DETAIL, GLASS, (x, y), 0.2 * half + 0.1 * (half - 0.1) * (3 - columns),
                             storey * 0.3, when=column < columns))
    parts += door(0.0, 0.14, 0.4)
    return Thing(parts, (0.0, top + 0.07), (0.0, GROUND), (half, GROUND), (-half, GROUND))


def castle(dice):
    wall, keep, apart = dice(-0.06, 0.1), dice(0.16, 0.34), dice(0.52, 0.62)
    spire, thick = dice(0.4, 0.54), dice(0.19, 0.23)
    parts = [bar(TOP, INK, (0.0, wall), (0.0, wall + 0.62), 0.025),
             polygon(DETAIL, THIRD, (0.0, wall + 0.62), (0.3, wall + 0.5), (0.0, wall + 0.38))]
    for k in range(4):
        parts.append(box(TOP, MAIN, (-0.36 + 0.24 * k, wall + 0.08), 0.07, 0.1))
    parts.append(box(BODY, MAIN, (0.0, (GROUND + wall) / 2), apart, (wall - GROUND) / 2))
    for side in (-1, 1):
        x = side * apart
        parts += [box(BODY, SECOND, (x, (GROUND + keep) / 2), thick, (keep - GROUND) / 2),
                  polygon(TOP, THIRD, (x - thick - 0.08, keep), (x + thick + 0.08, keep),
                          (x, keep + spire), corner=0.03),
                  box(DETAIL, GLASS, (x, keep - 0.24), 0.07, 0.11)]
    parts += door(0.0, 0.22, 0.58)
    side = apart + thick
    return Thing(parts, (0.0, wall + 0.62), (0.0, GROUND), (side, GROUND), (-side, GROUND))


def igloo(dice):
    half, tall, porch = dice(0.72, 0.84), dice(0.84, 1.06), dice(0.26, 0.32)
    entrance = dice(-0.3, 0.3)
    top = GROUND + tall
    parts = [box(BODY, TRIM, (0.0, GROUND), half + 0.1, 0.06),
             bar(TOP, SECOND, (0.0, top - 0.06), (0.0, top + 0.1), 0.13),
             dome(BODY, MAIN, (0.0, GROUND), half, tall)]
    for level, reach in ((0.36, 0.86), (0.66, 0.68)):
        y = GROUND + tall * level
        parts.append(bar(BODY, THIRD, (-half * reach, y), (half * reach, y), 0.03))
    parts.append(dome(LIMB, SECOND, (entrance, GROUND), porch + 0.08, 0.64))
    parts += door(entrance, porch - 0.06, 0.5)
    for x in (-0.56, 0.56):
        parts += window(x * half + entrance * 0.4, GROUND + tall * 0.52, 0.1)
    return Thing(parts, (0.0, top + 0.2), (0.0, GROUND), (half, GROUND), (-half, GROUND))


# ---------------- cups: an open rim with something to drink in it


def rim(centre, half, tilt=0.15):
    """The opening of every cup: an ellipse seen from slightly above, and the drink in it."""
    return [ellipse(TOP, PALE, centre, half, tilt),
            ellipse(DETAIL, TRIM, centre, half - 0.07, tilt - 0.06)]


def steam(x, y):
    return [arc(DETAIL, PALE, (x, y + 0.12), 0.1, 0.028, facing=0.0, spread=1.2),
            arc(DETAIL, PALE, (x + 0.07, y + 0.3), 0.1, 0.028, facing=np.pi, spread=1.2)]


def mug(dice):
    half, top, base = dice(0.38, 0.48), dice(0.3, 0.48), dice(-0.86, -0.7)
    loop, middle = dice(0.24, 0.32), (top + base) / 2
    x = 0.14
    parts = steam(x - 0.16, top + 0.1) + steam(x + 0.16, top + 0.1)
    parts += [arc(LIMB, SECOND, (x - half - 0.02, middle), loop, 0.085, facing=np.pi, spread=2.0),
              box(BODY, MAIN, (x, middle), half, (top - base) / 2, corner=0.1),
              ellipse(BODY, MAIN, (x, base + 0.06), half * 0.94, 0.12),
              box(BODY, THIRD, (x, middle - 0.02), half, 0.12)]
    parts += rim((x, top), half)
    return Thing(parts, (x, top + 0.15), (x, base - 0.05), (x + half, middle),
                 (x - half - loop - 0.08, middle))


def teacup(dice):
    half, top, deep = dice(0.5, 0.6), dice(0.08, 0.24), dice(0.54, 0.68)
    saucer, x = dice(0.74, 0.84), 0.1
    base = top - deep
    parts = steam(x, top + 0.12)
    parts += [ellipse(LIMB, SECOND, (x, base), saucer, 0.17),
              ellipse(LIMB, PALE, (x, base + 0.03), saucer * 0.6, 0.09),
              arc(LIMB, MAIN, (x - half, top - 0.22), 0.19, 0.06, facing=np.pi, spread=2.0),
              dome(BODY, MAIN, (x, top), half, deep, turn=np.pi),
              box(BODY, MAIN, (x, base + 0.04), 0.2, 0.07),
              disc(BODY, THIRD, (x, top - 0.32), 0.1),
              disc(BODY, THIRD, (x - 0.26, top - 0.28), 0.07),
              disc(BODY, THIRD, (x + 0.26, top - 0.28), 0.07)]
    parts += rim((x, top), half)
    return Thing(parts, (x, top + 0.15), (x, base - 0.17), (x + saucer, base), (x - saucer, base))


def goblet(dice):
    half, top, deep = dice(0.34, 0.46), dice(0.68, 0.84), dice(0.66, 0.84)
    foot, base = dice(0.3, 0.42), -0.86
    parts = [ellipse(LIMB, SECOND, (0.0, base), foot, 0.11),
             bar(LIMB, SECOND, (0.0, base + 0.02), (0.0, top - deep), 0.06),
             disc(LIMB, THIRD, (0.0, (base + top - deep) / 2), 0.11),
             dome(BODY, MAIN, (0.0, top), half, deep, turn=np.pi),
             bar(BODY, THIRD, (-half * 0.82, top - deep * 0.42), (half * 0.82, top - deep * 0.42),
                 0.05)]
    parts += rim((0.0, top), half, 0.13)
    return Thing(parts, (0.0, top + 0.13), (0.0, base - 0.11), (half, top), (-half, top))


def beaker(dice):
    """A tall tapered beaker with a straw, an umbrella leaf and a band."""
    half, top, taper = dice(0.4, 0.5), dice(0.24, 0.4), dice(0.6, 0.76)
    lean, base = dice.either(-1.0, 1.0) * dice(0.16, 0.3), -0.9
    tip = (lean, 0.86)
    band = (top + base) / 2
    parts = [polygon(BODY, MAIN, (-half, top), (half, top), (half * taper, base),
                     (-half * taper, base), corner=0.04),
             polygon(BODY, THIRD, (-half * 0.93, band + 0.16), (half * 0.93, band + 0.16),
                     (half * 0.86, band - 0.16), (-half * 0.86, band - 0.16), corner=0.0)]
    parts += rim((0.0, top), half + 0.04)
    parts += [bar(LIMB, SECOND, (0.0, top), tip, 0.055),
              bar(LIMB, SECOND, tip, (tip[0] + lean, tip[1] + 0.04), 0.055),
              leaf(DETAIL, THIRD, (-lean * 0.2, top - 0.02), (-lean * 2.0, top + 0.3), 0.1)]
    return Thing(parts, (lean, 0.9), (0.0, base - 0.04), (half * taper, base),
                 (-half * taper, base))


HOME = {
    "house": (cottage, tower_block, castle, igloo),
    "cup": (mug, teacup, goblet, beaker),
}
