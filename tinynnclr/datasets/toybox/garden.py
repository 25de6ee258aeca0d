"""Blueprints of fish, trees and flowers; parts.py says how to read them."""
import numpy as np

from .codes import BODY, DETAIL, GLASS, INK, LIMB, MAIN, PALE, SECOND, THIRD, TOP, TRIM
from .parts import TURN, Thing, arc, around, bar, disc, dome, ellipse, eye, leaf, polygon

# ---------------- fish: a tail fin, an eye, a mouth, a bubble


def goldfish(dice):
    long, tall, fan = dice(0.48, 0.58), dice(0.34, 0.44), dice(0.34, 0.52)
    nose, peduncle = 0.2 + long, 0.26 - long
    parts = []
    for side in (-1, 1):
        parts.append(leaf(LIMB, SECOND, (peduncle + 0.12, 0.0), (-0.92, side * fan), 0.19))
    parts += [leaf(LIMB, SECOND, (peduncle + 0.1, 0.0), (-0.78, 0.0), 0.14),
              dome(LIMB, SECOND, (0.16, tall * 0.66), 0.3, 0.34),
              polygon(LIMB, SECOND, (0.2, -tall + 0.06), (-0.12, -tall - 0.2),
                      (-0.16, -tall + 0.14), corner=0.03),
              ellipse(BODY, MAIN, (0.2, 0.0), long, tall),
              arc(BODY, PALE, (-0.14, 0.0), 0.26, 0.035, spread=0.8),
              arc(BODY, PALE, (-0.34, 0.0), 0.26, 0.035, spread=0.6),
              leaf(LIMB, THIRD, (0.3, -0.08), (-0.06, -0.24), 0.09),
              arc(DETAIL, INK, (nose - 0.02, -0.04), 0.1, 0.025, facing=-2.3, spread=0.6),
              arc(DETAIL, PALE, (0.88, 0.44), 0.07, 0.025)]
    return Thing(parts + eye((0.2 + long * 0.52, tall * 0.3), 0.07), (0.16, tall * 0.66 + 0.34),
                 (-0.1, -tall - 0.2), (nose, 0.0), (-0.8, 0.0))


def angelfish(dice):
    tall, wide, sweep = dice(0.42, 0.52), dice(0.46, 0.54), dice(0.2, 0.44)
    reach, stripes = dice(0.8, 0.94), dice.whole(1, 3)
    parts = [polygon(LIMB, SECOND, (-0.2, 0.14), (-0.82, 0.3), (-0.82, -0.3), (-0.2, -0.14),
                     corner=0.04),]
    for side in (-1, 1):
        parts.append(polygon(LIMB, SECOND, (0.3, side * tall * 0.5), (0.06 - sweep, side * reach),
                             (-0.1 - sweep, side * reach), (-0.26, side * 0.1), corner=0.03))
    parts.append(polygon(BODY, MAIN, (0.14 + wide, 0.0), (0.16, tall), (-0.34, 0.1), (-0.34, -0.1),
                         (0.16, -tall), corner=0.1))
    for k in range(3):
        x = 0.3 - 0.22 * k
        half = tall * (0.72 - 0.2 * abs(k - 0.6))
        parts.append(bar(BODY, THIRD, (x, half), (x, -half), 0.05, when=k < stripes))
    parts += [leaf(LIMB, PALE, (0.2, -0.06), (-0.14, -0.26), 0.08),
              bar(DETAIL, INK, (0.2 + wide, -0.05), (0.1 + wide, -0.08), 0.025),
              arc(DETAIL, PALE, (0.88, 0.38), 0.07, 0.025)]
    return Thing(parts + eye((0.06 + wide * 0.72, 0.1), 0.06), (-0.02 - sweep, reach),
                 (-0.02 - sweep, -reach), (0.22 + wide, 0.0), (-0.84, 0.0))


def shark(dice):
    fat, fin, fork, reach = dice(0.2, 0.28), dice(0.36, 0.52), dice(0.36, 0.5), dice(-0.1, 0.1)
    parts = [polygon(LIMB, SECOND, (-0.62, 0.0), (-0.98, fork), (-0.84, 0.02), (-0.94, -fork * 0.7),
                     corner=0.03),
             polygon(LIMB, SECOND, (0.24, 0.1), (reach - 0.1, fat + fin), (-0.14, 0.1),
                     corner=0.03),
             polygon(LIMB, SECOND, (-0.34, -0.08), (-0.5, -fat - 0.1), (-0.54, -0.04),
                     corner=0.02),
             leaf(BODY, MAIN, (-0.92, 0.0), (1.0, 0.04), fat),
             leaf(BODY, PALE, (-0.5, -fat * 0.46), (0.94, -0.02), fat * 0.4),
             polygon(LIMB, SECOND, (0.32, -0.1), (reach, -fat - 0.3), (0.06, -0.1), corner=0.03)]
    for k in range(3):
        parts.append(bar(DETAIL, INK, (0.4 - 0.09 * k, 0.09), (0.38 - 0.09 * k, -0.05), 0.02))
    parts.append(arc(DETAIL, PALE, (0.94, 0.34), 0.07, 0.025))
    return Thing(parts + eye((0.64, 0.07), 0.055), (reach - 0.1, fat + fin), (reach, -fat - 0.3),
                 (1.0, 0.04), (-0.88, 0.02))


def anglerfish(dice):
    """A big mouth full of teeth, and a lamp on a rod before it."""
    long, tall, gape = dice(0.5, 0.6), dice(0.44, 0.56), dice(0.2, 0.3)
    lamp, fan = (dice(0.62, 0.8), dice(0.56, 0.74)), dice(0.24, 0.36)
    parts = [polygon(LIMB, SECOND, (-0.4, 0.08), (-0.86, fan), (-0.78, 0.0), (-0.86, -fan),
                     (-0.4, -0.08), corner=0.04),
             polygon(LIMB, SECOND, (0.0, tall - 0.1), (-0.5, tall + 0.06), (-0.42, 0.1),
                     corner=0.04),
             bar(LIMB, TRIM, (0.1, tall - 0.1), (0.28, tall + 0.3), 0.035),
             bar(LIMB, TRIM, (0.28, tall + 0.3), lamp, 0.03),
             disc(DETAIL, GLASS, lamp, 0.12),
             ellipse(BODY, MAIN, (0.0, 0.0), long, tall),
             ellipse(BODY, SECOND, (long * 0.62, -0.3), 0.34, 0.2, turn=0.5),
             leaf(DETAIL, INK, (0.02, -0.16), (long + 0.2, 0.12), gape * 0.7)]
    for k in range(3):
        x, y = 0.2 + 0.15 * k, -0.16 + 0.08 * k
        parts.append(polygon(DETAIL, PALE, (x, y + gape * 0.4), (x + 0.12, y + gape * 0.5),
                             (x + 0.07, y), corner=0.0))
    parts.append(leaf(LIMB, THIRD, (-0.06, -0.1), (-0.42, -0.26), 0.1))
    return Thing(parts + eye((0.12, tall * 0.48), 0.08), (0.28, tall + 0.32), (0.0, -tall),
                 (long + 0.16, 0.0), (-0.84, 0.0))


# ---------------- trees: a trunk on a mound, a crown on the trunk


def mound():
    return dome(LIMB, SECOND, (0.0, -0.96), 0.6, 0.2)


def fir(dice):
    wide, top, tiers = dice(0.5, 0.68), dice(0.82, 0.98), dice(0.18, 0.3)
    parts = [mound(), bar(BODY, TRIM, (0.0, -0.86), (0.0, -0.4), 0.1)]
    for k in range(3):
        low, half = -0.6 + 0.46 * k, wide * (1.0 - tiers * k)
        high = low + 0.78 if k < 2 else top
        parts.append(polygon(TOP, MAIN, (-half, low), (half, low), (0.0, high), corner=0.04))
        for x in (-0.5, 0.3):
            parts.append(disc(DETAIL, THIRD, (half * (x + 0.14 * (k % 2)), low + 0.1), 0.06,
                              when=dice.chance(0.6)))
    return Thing(parts, (0.0, top), (0.0, -0.94), (wide, -0.6), (-wide, -0.6))


def oak(dice):
    wide, middle, puff = dice(0.4, 0.52), dice(0.16, 0.28), dice(0.3, 0.38)
    parts = [mound(),
             polygon(BODY, TRIM, (-0.17, -0.9), (-0.09, 0.0), (0.09, 0.0), (0.17, -0.9)),
             bar(BODY, TRIM, (0.0, -0.4), (0.3, 0.0), 0.06)]
    start = dice(0.0, TURN)
    for k in range(5):
        x, y = around((0.0, middle), wide, start + k * TURN / 5)
        parts.append(disc(TOP, MAIN, (x, y), puff))
    parts.append(disc(TOP, MAIN, (0.0, middle), wide))
    for k in range(5):
        x, y = around((0.0, middle), wide * 0.9 * (0.4 + 0.6 * (k % 2)), start + 1.0 + k * 2.4)
        parts.append(disc(DETAIL, THIRD, (x, y), 0.075))
    out = wide * 0.85 + puff * 0.8
    return Thing(parts, (0.0, middle + out), (0.0, -0.94), (out, middle), (-out, middle))


def palm(dice):
    """A leaning trunk in segments, and fronds that rise from its top and hang down again."""
    lean, long, droop = dice(-0.3, 0.3), dice(0.36, 0.46), dice(0.2, 0.5)
    crown = (lean, 0.4)
    parts, foot = [mound()], (-lean * 0.5, -0.86)
    for k in range(5):
        ends = [(foot[0] + (lean - foot[0]) * t * t, foot[1] + 1.24 * t) for t
                in (k / 5, (k + 1) / 5)]
        parts.append(bar(BODY, TRIM if k % 2 else INK, *ends, 0.105 - 0.01 * k))
    for rise in (0.95, 0.42, -0.2):
        for side in (-1, 1):
            knee = around(crown, long, np.pi / 2 - side * (np.pi / 2 - rise))
            tip = around(knee, long * 1.05, np.pi / 2 - side * (np.pi / 2 - rise + 0.75 + droop))
            parts += [leaf(TOP, MAIN, knee, tip, 0.1),
                      leaf(TOP, MAIN, crown, knee, 0.11),
                      disc(TOP, MAIN, knee, 0.075)]
    parts += [disc(DETAIL, THIRD, (lean - 0.09, 0.32), 0.09),
              disc(DETAIL, THIRD, (lean + 0.09, 0.32), 0.09)]
    side, low = long * 1.8, 0.4 - long * 0.3
    return Thing(parts, (lean, 0.4 + long * 0.8), (0.0, -0.94), (lean + side, low),
                 (lean - side, low))


def bonsai(dice):
    """A bent trunk that carries three flat cushions."""
    sway, thick = dice.either(-1.0, 1.0) * dice(0.2, 0.34), dice(0.19, 0.25)
    pads = ((sway * 1.3, dice(-0.02, 0.08), dice(0.3, 0.4)),
            (-sway * 1.4, dice(0.26, 0.36), dice(0.28, 0.38)),
            (sway * 0.4, dice(0.6, 0.7), dice(0.34, 0.46)))
    joints = ((0.0, -0.86), (-sway, -0.44), (sway * 0.3, -0.1), (-sway * 0.4, 0.3),
              (sway * 0.4, 0.66))
    parts = [mound()]
    for k in range(4):
        parts.append(bar(BODY, TRIM, joints[k], joints[k + 1], 0.11 - 0.018 * k))
    parts += [bar(BODY, TRIM, joints[2], pads[0][:2], 0.05),
              bar(BODY, TRIM, joints[3], pads[1][:2], 0.05)]
    for x, y, half in pads:
        parts += [dome(TOP, MAIN, (x, y), half, thick + 0.06),
                  bar(TOP, MAIN, (x - half + 0.07, y), (x + half - 0.07, y), 0.08),
                  disc(DETAIL, THIRD, (x + 0.1, y + 0.1), 0.06)]
    x, y, half = pads[2]
    return Thing(parts, (x, y + thick + 0.04), (0.0, -0.94), (x + half, y), (x - half, y))


# ---------------- flowers: a stem with two leaves, and the blossom


def stem(dice, tip, base=-0.94):
    """A bent stem up to `tip` with a leaf to either side."""
    bend = (tip[0] * 0.3 + dice(-0.1, 0.1), (tip[1] + base) / 2)
    low = base + 0.16
    return [bar(BODY, TRIM, (0.0, base), bend, 0.05),
            bar(BODY, TRIM, bend, tip, 0.05),
            leaf(LIMB, SECOND, (0.0, low - 0.1), (dice(0.4, 0.56), low + dice(0.1, 0.4)), 0.13),
            leaf(LIMB, SECOND, (0.0, low - 0.1), (-dice(0.4, 0.56), low + dice(0.1, 0.4)), 0.13)]


def daisy(dice):
    heart, long, petals = (dice(-0.12, 0.12), dice(0.26, 0.36)), dice(0.54, 0.62), dice.whole(6, 10)
    wide, start = dice(0.8, 1.0) * 1.0 / petals, dice(0.0, TURN)
    parts = stem(dice, heart)
    for k in range(10):
        tip = around(heart, long, start + k * TURN / petals)
        parts.append(leaf(TOP, MAIN, around(heart, 0.02, start + k * TURN / petals), tip, wide,
                          when=k < petals))
    parts += [disc(DETAIL, THIRD, heart, dice(0.17, 0.24))]
    x, y = heart
    out = long * 0.75  # between two petals it is still near both
    return Thing(parts, (x, y + out), (0.0, -0.98), (x + out, y), (x - out, y))


def tulip(dice):
    x, base, tall, wide = dice(-0.14, 0.14), dice(-0.02, 0.12), dice(0.66, 0.8), dice(0.28, 0.38)
    top, flare = base + tall, dice(0.02, 0.2)
    parts = stem(dice, (x, base + 0.1))
    parts += [leaf(TOP, SECOND, (x, base + 0.06), (x, top - 0.02), wide * 0.6),
              leaf(TOP, MAIN, (x + 0.06, base), (x - wide - flare, top), wide * 0.68),
              leaf(TOP, MAIN, (x - 0.06, base), (x + wide + flare, top), wide * 0.68),
              dome(TOP, MAIN, (x, base + 0.28), wide + 0.02, 0.3, turn=np.pi),
              leaf(TOP, THIRD, (x, base), (x, top - 0.16), wide * 0.42)]
    return Thing(parts, (x, top - 0.1), (0.0, -0.98), (x + wide + flare, top),
                 (x - wide - flare, top))


def bluebell(dice):
    """A crook with three bells that hang from it."""
    side, top, reach = dice.either(-1.0, 1.0), dice(0.6, 0.72), dice(0.26, 0.34)
    wide, tall = dice(0.2, 0.26), dice(0.34, 0.42)
    parts = stem(dice, (0.0, top - 0.1))
    parts += [bar(BODY, TRIM, (0.0, top - 0.1), (side * reach * 0.7, top + 0.1), 0.045),
              bar(BODY, TRIM, (side * reach * 0.7, top + 0.1), (side * reach * 1.6, top), 0.045)]
    for x, y in ((1.7, top - 0.34), (-1.1, top - 0.42), (0.3, top - 0.64)):
        x = side * reach * x
        parts += [bar(BODY, TRIM, (x * 0.7, y + tall + 0.05), (x, y + tall * 0.8), 0.03),
                  dome(TOP, MAIN, (x, y), wide, tall),
                  polygon(TOP, THIRD, (x - wide - 0.06, y - 0.08), (x - wide + 0.02, y + 0.05),
                          (x + wide - 0.02, y + 0.05), (x + wide + 0.06, y - 0.08), corner=0.02),
                  disc(DETAIL, PALE, (x, y - 0.1), 0.06)]
    right = np.where(side > 0, 1.7, 1.1) * reach + wide, np.where(side > 0, top - 0.4, top - 0.48)
    left = -np.where(side > 0, 1.1, 1.7) * reach - wide, np.where(side > 0, top - 0.48, top - 0.4)
    return Thing(parts, (side * reach * 0.7, top + 0.14), (0.0, -0.98), right, left)


def lupin(dice):
    """A spire of small blossoms, in pairs that shrink towards the top."""
    top, wide, size = dice(0.78, 0.94), dice(0.24, 0.34), dice(0.14, 0.18)
    parts = stem(dice, (0.0, 0.2))
    pairs = dice.whole(4, 5)
    for k in range(5):
        shrink = 1.0 - 0.16 * k
        y = -0.16 + (top + 0.06) * k / pairs
        for side in (-1, 1):
            middle, colour = (side * wide * shrink * 0.7, y + 0.04), MAIN if k % 2 else THIRD
            parts.append(ellipse(TOP, colour, middle, size * shrink * 1.35, size * shrink * 0.9,
                                 side * 0.6, k < pairs))
    parts.append(leaf(TOP, MAIN, (0.0, top - 0.36), (0.0, top + 0.04), 0.11))
    return Thing(parts, (0.0, top), (0.0, -0.98), (wide + 0.08, -0.06), (-wide - 0.08, -0.06))


GARDEN = {
    "fish": (goldfish, angelfish, shark, anglerfish),
    "tree": (fir, oak, palm, bonsai),
    "flower": (daisy, tulip, bluebell, lupin),
}
