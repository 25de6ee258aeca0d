"""Blueprints of aircraft, rockets and birds; parts.py says how to read them."""
import numpy as np

from .codes import BODY, DETAIL, GLASS, INK, LIMB, MAIN, PALE, SECOND, THIRD, TOP, TRIM
from .parts import Thing, arc, bar, box, disc, dome, ellipse, eye, leaf, polygon

# ---------------- aircraft: a fuselage, a tail fin, wings or a rotor


def airliner(dice):
    fat, fin, sweep = dice(0.17, 0.23), dice(0.4, 0.6), dice(0.25, 0.5)
    root, drop = dice(0.0, 0.16), dice(0.42, 0.6)
    parts = [polygon(LIMB, SECOND, (root + 0.06, 0.1), (root - sweep - 0.02, drop * 0.8),
                     (root - sweep - 0.16, drop * 0.8), (root - 0.26, 0.1)),
             polygon(LIMB, SECOND, (-0.5, 0.04), (-0.74, fin), (-0.96, fin), (-0.88, 0.04),
                     corner=0.03),
             bar(BODY, MAIN, (-0.56, 0.0), (0.7, 0.0), fat),
             polygon(BODY, MAIN, (-0.4, 0.05 - fat), (-0.4, fat - 0.05), (-0.9, fat - 0.04),
                     (-0.9, fat - 0.1), corner=0.05),
             bar(BODY, PALE, (-0.5, -fat * 0.62), (0.72, -fat * 0.62), fat * 0.3),
             leaf(LIMB, SECOND, (-0.98, 0.04), (-0.5, 0.06), 0.07),
             bar(LIMB, TRIM, (root - sweep * 0.4, -drop * 0.46),
                 (root + 0.2 - sweep * 0.4, -drop * 0.46), 0.09),
             polygon(LIMB, SECOND, (root + 0.14, -0.06), (root - sweep + 0.06, -drop),
                     (root - sweep - 0.14, -drop), (root - 0.24, -0.06)),
             polygon(DETAIL, GLASS, (0.64, 0.03), (0.64, 0.12), (0.76, 0.1), (0.82, 0.03),
                     corner=0.01)]
    parts += [disc(DETAIL, GLASS, (0.46 - 0.2 * k, 0.06), 0.055) for k in range(5)]
    return Thing(parts, (-0.84, fin), (root - sweep, -drop), (0.7 + fat, 0.0), (-0.95, 0.06))


def biplane(dice):
    gap, span, fat = dice(0.36, 0.48), dice(0.48, 0.62), dice(0.2, 0.26)
    middle, blade, stagger = dice(0.1, 0.26), dice(0.38, 0.52), dice(0.0, 0.12)
    upper, lower = (middle + stagger, gap), (middle, -fat)
    parts = [leaf(LIMB, TRIM, (0.88, -blade), (0.88, blade), 0.07),
             polygon(LIMB, SECOND, (-0.62, 0.0), (-0.8, 0.42), (-0.95, 0.42), (-0.92, 0.0),
                     corner=0.04),
             polygon(BODY, MAIN, (0.8, -fat), (0.8, fat), (0.1, fat), (-0.94, 0.07), (-0.94, -0.04),
                     corner=0.04),
             disc(TOP, PALE, (-0.16, fat + 0.08), 0.12),
             bar(BODY, THIRD, (0.82, -fat * 0.7), (0.82, fat * 0.7), 0.08),
             bar(LIMB, TRIM, (middle - 0.3, -fat), (middle - 0.3 + stagger, gap), 0.03),
             bar(LIMB, TRIM, (middle + 0.3, -fat), (middle + 0.3 + stagger, gap), 0.03),
             bar(LIMB, SECOND, (upper[0] - span, gap), (upper[0] + span, gap), 0.085),
             bar(LIMB, SECOND, (lower[0] - span * 0.9, -fat), (lower[0] + span * 0.9, -fat),
                 0.085),
             bar(LIMB, TRIM, (0.4, -fat), (0.48, -fat - 0.2), 0.04),
             disc(LIMB, INK, (0.5, -fat - 0.26), 0.14),
             disc(DETAIL, PALE, (0.5, -fat - 0.26), 0.05)]
    return Thing(parts, (upper[0], gap + 0.08), (0.5, -fat - 0.4), (0.9, 0.0), (-0.94, 0.02))


def helicopter(dice):
    cabin, height, nose = dice(0.4, 0.48), dice(0.34, 0.42), dice(0.24, 0.34)
    mast, blade, tilt = height + 0.16, dice(0.72, 0.88), dice(-0.08, 0.08)
    parts = [polygon(BODY, MAIN, (0.0, height * 0.5), (0.0, -height * 0.3), (-0.9, 0.12),
                     (-0.9, 0.24), corner=0.04),
             polygon(LIMB, SECOND, (-0.74, 0.16), (-0.84, 0.5), (-0.97, 0.5), (-0.95, 0.1),
                     corner=0.03),
             bar(LIMB, INK, (nose, height * 0.6), (nose, mast), 0.05),
             bar(LIMB, TRIM, (nose - blade * 0.95, mast - tilt), (nose + blade * 0.75, mast + tilt),
                 0.055),
             bar(LIMB, TRIM, (nose - 0.24, -height), (nose - 0.28, -height - 0.2), 0.035),
             bar(LIMB, TRIM, (nose + 0.2, -height), (nose + 0.24, -height - 0.2), 0.035),
             bar(LIMB, TRIM, (nose - 0.5, -height - 0.2), (nose + 0.5, -height - 0.2), 0.05),
             ellipse(BODY, MAIN, (nose, 0.0), cabin, height),
             dome(DETAIL, GLASS, (nose + cabin * 0.1, 0.0), cabin * 0.76, height * 0.76),
             bar(BODY, MAIN, (nose - 0.04, 0.02), (nose - 0.04, height * 0.8), 0.04),
             bar(BODY, THIRD, (nose - cabin * 0.8, -0.1), (nose + cabin * 0.8, -0.1), 0.06),
             arc(LIMB, TRIM, (-0.88, 0.26), 0.16, 0.03)]
    return Thing(parts, (nose, mast + 0.04), (nose, -height - 0.24), (nose + cabin, 0.0),
                 (-0.96, 0.3))


def jet(dice):
    """Seen from above: the nose on the right, swept wings and tail planes to both sides."""
    fat, span, sweep = dice(0.15, 0.2), dice(0.66, 0.9), dice(0.3, 0.6)
    chord, tail = dice(0.36, 0.5), dice(0.28, 0.4)
    parts = []
    for side in (-1, 1):
        parts += [polygon(LIMB, SECOND, (0.3, 0.0), (0.3 - sweep, side * span),
                          (0.16 - sweep, side * span), (0.3 - chord, 0.0), corner=0.03),
                  polygon(LIMB, THIRD, (-0.52, 0.0), (-0.86, side * tail), (-0.98, side * tail),
                          (-0.9, 0.0), corner=0.03),
                  bar(LIMB, TRIM, (0.08 - sweep * 0.5, side * span * 0.48),
                      (0.26 - sweep * 0.5, side * span * 0.48), 0.075)]
    parts += [leaf(BODY, MAIN, (-1.06, 0.0), (1.0, 0.0), fat),
              leaf(BODY, PALE, (-0.95, 0.0), (-0.4, 0.0), 0.05),
              leaf(DETAIL, GLASS, (0.36, 0.0), (0.78, 0.0), fat * 0.5)]
    return Thing(parts, (0.2 - sweep, span), (0.2 - sweep, -span), (0.92, 0.0), (-0.96, 0.0))


# ---------------- rockets: a nose, portholes, fins and a flame


def flame(base, width, length, when=True):
    end = (base[0], base[1] - length)
    return [leaf(LIMB, THIRD, (base[0], base[1] + 0.2), end, width, when=when),
            leaf(LIMB, PALE, (base[0], base[1] + 0.14), (base[0], base[1] - length * 0.55),
                 width * 0.5, when=when)]


def moon_rocket(dice):
    fat, top, waist, fin = dice(0.26, 0.38), dice(0.8, 0.96), -0.5, dice(0.42, 0.6)
    hole, fire = dice(0.1, 0.15), dice(0.28, 0.44)
    parts = flame((0.0, waist - 0.04), 0.15, fire)
    for side in (-1, 1):
        parts.append(polygon(LIMB, SECOND, (side * fat * 0.5, 0.02), (side * fin, waist + 0.06),
                             (side * fin, waist - 0.24), (side * 0.14, waist + 0.06), corner=0.03))
    parts += [leaf(BODY, MAIN, (0.0, waist - 0.28), (0.0, top), fat),
              box(BODY, TRIM, (0.0, waist), 0.17, 0.08),
              polygon(TOP, SECOND, (0.0, top), (-fat * 0.5, top - 0.36), (fat * 0.5, top - 0.36),
                      corner=0.0),
              disc(DETAIL, PALE, (0.0, 0.2), hole + 0.05),
              disc(DETAIL, GLASS, (0.0, 0.2), hole),
              disc(DETAIL, GLASS, (0.0, -0.16), hole * 0.7, when=dice.chance(0.5)),
              leaf(LIMB, SECOND, (0.0, -0.16), (0.0, waist - 0.22), 0.06)]
    return Thing(parts, (0.0, top), (0.0, waist - fire), (fin, waist - 0.2), (-fin, waist - 0.2))


def stage_rocket(dice):
    half, nose, base = dice(0.15, 0.21), dice(0.3, 0.42), -0.6
    waist, fin, fire = dice(0.0, 0.2), dice(0.14, 0.26), dice(0.2, 0.32)
    shoulder, upper = 0.98 - nose, half * dice(0.62, 0.95)
    parts = flame((0.0, base), half * 0.8, fire)
    for side in (-1, 1):
        edge = side * half
        parts.append(polygon(LIMB, THIRD, (edge * 0.8, base + 0.3),
                             (edge + side * fin, base - 0.06), (edge + side * fin, base - 0.16),
                             (edge * 0.8, base), corner=0.02))
    parts += [polygon(TOP, SECOND, (-upper, shoulder), (upper, shoulder), (0.0, 0.98)),
              box(BODY, MAIN, (0.0, (shoulder + waist) / 2), upper, (shoulder - waist) / 2 + 0.02),
              polygon(BODY, PALE, (-half, waist - 0.06), (half, waist - 0.06),
                      (upper, waist + 0.08), (-upper, waist + 0.08)),
              box(BODY, MAIN, (0.0, (waist + base) / 2), half, (waist - base) / 2),
              box(BODY, TRIM, (0.0, base + 0.03), half + 0.03, 0.06),
              box(BODY, SECOND, (0.0, (waist + base) / 2 + 0.05), half, 0.08),
              disc(DETAIL, GLASS, (0.0, (shoulder + waist) / 2 + 0.1), upper * 0.5)]
    side = half + fin
    return Thing(parts, (0.0, 0.98), (0.0, base - fire), (side, base - 0.1), (-side, base - 0.1))


def shuttle(dice):
    tank, apart, booster = dice(0.15, 0.2), dice(0.34, 0.42), dice(0.1, 0.13)
    top, wing, fire = dice(0.72, 0.86), dice(0.34, 0.46), dice(0.24, 0.36)
    base, parts = -0.56, []
    for side in (-1, 1):
        x = side * apart
        parts += flame((x, base - 0.06), 0.09, fire)
        parts += [polygon(TOP, THIRD, (x - booster, 0.36), (x + booster, 0.36), (x, 0.36 + 0.28)),
                  box(LIMB, PALE, (x, (base + 0.38) / 2), booster, (0.38 - base) / 2),
                  box(LIMB, THIRD, (x, base + 0.02), booster + 0.03, 0.06)]
    parts += [bar(BODY, SECOND, (0.0, base + tank), (0.0, top - tank), tank),
              polygon(LIMB, MAIN, (0.0, 0.16), (wing, base + 0.06), (wing, base - 0.06),
                      (-wing, base - 0.06), (-wing, base + 0.06), corner=0.03),
              bar(BODY, MAIN, (0.0, base + 0.06), (0.0, 0.22), 0.13),
              leaf(BODY, TRIM, (0.0, base - 0.18), (0.0, base + 0.3), 0.06),
              box(DETAIL, GLASS, (0.0, 0.22), 0.08, 0.05),
              disc(DETAIL, PALE, (0.0, -0.1), 0.06)]
    return Thing(parts, (0.0, top), (0.0, base - 0.06), (apart + booster, base),
                 (-apart - booster, base))


# ---------------- birds: a beak, an eye, a wing, two legs


def songbird(dice):
    plump, head, perk = dice(0.38, 0.5), dice(0.25, 0.31), dice(0.1, 0.5)
    nape, beak = (0.34, 0.4), dice(0.2, 0.32)
    tip = (-0.94, 0.0 + perk)
    parts = [bar(LIMB, TRIM, (-0.06, -0.3), (-0.02, -0.84), 0.035),
             bar(LIMB, TRIM, (0.14, -0.3), (0.18, -0.84), 0.035),
             bar(LIMB, TRIM, (-0.1, -0.85), (0.3, -0.85), 0.04),
             polygon(LIMB, SECOND, (-0.3, 0.06), (tip[0], tip[1] + 0.1),
                     (tip[0] - 0.02, tip[1] - 0.12), (-0.3, -0.2), corner=0.03),
             polygon(TOP, THIRD, (0.5, nape[1] + 0.13), (0.56 + beak, nape[1] + 0.0),
                     (0.5, nape[1] - 0.13), corner=0.02),
             ellipse(BODY, MAIN, (0.0, -0.1), 0.56, plump, turn=0.45),
             disc(TOP, MAIN, nape, head),
             ellipse(BODY, PALE, (0.2, -0.16), 0.28, plump * 0.62, turn=0.7),
             leaf(LIMB, SECOND, (0.16, 0.12), (-0.66, -0.16), 0.2)]
    return Thing(parts + eye((0.42, nape[1] + 0.07), 0.06), (0.34, nape[1] + head), (0.1, -0.88),
                 (0.56 + beak, nape[1]), tip)


def duck(dice):
    float_line, neck, back = -0.42, dice(0.36, 0.58), dice(0.66, 0.8)
    head, bill = (0.44, float_line + 0.36 + neck), dice(0.26, 0.36)
    parts = [polygon(LIMB, MAIN, (-0.3, 0.0), (-0.96, 0.22), (-0.7, -0.3), corner=0.05),
             bar(TOP, MAIN, (0.4, -0.2), (0.42, head[1]), 0.15),
             bar(TOP, PALE, (0.28, head[1] - 0.3), (0.54, head[1] - 0.3), 0.045),
             leaf(TOP, THIRD, (head[0] + 0.04, head[1] - 0.04),
                  (head[0] + 0.22 + bill, head[1] - 0.1), 0.1),
             disc(TOP, SECOND, head, 0.24),
             dome(BODY, MAIN, (-0.06, 0.0), back, 0.52, turn=np.pi),
             dome(BODY, MAIN, (-0.06, -0.06), back, 0.24),
             leaf(LIMB, SECOND, (0.26, -0.06), (-0.66, 0.02), 0.17),
             leaf(LIMB, PALE, (-0.98, -0.5), (0.1, -0.56), 0.09),
             leaf(LIMB, PALE, (-0.1, -0.56), (0.96, -0.5), 0.09)]
    front = (head[0] + 0.22 + bill, head[1] - 0.1)
    return Thing(parts + eye((0.5, head[1] + 0.06), 0.055), (0.44, head[1] + 0.24), (0.0, -0.58),
                 front, (-0.96, 0.22))


def flamingo(dice):
    hip, long, reach = dice(0.0, 0.12), dice(0.26, 0.36), dice(0.26, 0.4)
    top, knee = dice(0.74, 0.84), dice(-0.14, 0.06)
    bend, head = (reach + 0.14, 0.34), (reach + 0.02, top)
    parts = [bar(LIMB, SECOND, (-0.16, hip), (-0.2 + knee, -0.46), 0.04),
             bar(LIMB, SECOND, (-0.2 + knee, -0.46), (-0.14, -0.92), 0.04),
             bar(LIMB, SECOND, (-0.02, hip), (0.0, -0.92), 0.04),
             bar(LIMB, SECOND, (-0.0, -0.93), (0.16, -0.93), 0.04),
             leaf(LIMB, SECOND, (-0.3, hip + 0.08), (-0.86, hip - 0.22), 0.13),
             bar(TOP, MAIN, (0.16, hip + 0.12), bend, 0.085),
             bar(TOP, MAIN, bend, (reach - 0.06, top - 0.14), 0.08),
             bar(TOP, MAIN, (reach - 0.06, top - 0.14), head, 0.08),
             polygon(TOP, THIRD, (reach + 0.1, top + 0.1), (reach + 0.42, top - 0.06),
                     (reach + 0.38, top - 0.28), (reach + 0.2, top - 0.08), corner=0.03),
             disc(TOP, MAIN, head, 0.15),
             ellipse(BODY, MAIN, (-0.16, hip + 0.06), long + 0.1, 0.24, turn=0.2),
             leaf(LIMB, PALE, (0.14, hip + 0.1), (-0.62, hip - 0.06), 0.13)]
    return Thing(parts + eye((reach + 0.05, top + 0.03), 0.045), (reach, top + 0.15), (0.0, -0.95),
                 (reach + 0.42, top - 0.16), (-0.86, hip - 0.22))


def owl(dice):
    broad, top, ear = dice(0.44, 0.58), dice(0.48, 0.62), dice(0.2, 0.34)
    look, wing = dice(0.13, 0.17), dice(0.14, 0.2)
    parts = []
    for side in (-1, 1):
        parts += [polygon(TOP, SECOND, (side * 0.1, top - 0.1), (side * broad * 0.84, top + ear),
                          (side * broad, top - 0.3), corner=0.03),
                  bar(LIMB, THIRD, (side * 0.18, -0.66), (side * 0.18, -0.86), 0.09)]
    parts += [box(BODY, MAIN, (0.0, (top - 0.74) / 2), broad, (top + 0.74) / 2, corner=0.4),
              ellipse(BODY, PALE, (0.0, -0.38), broad * 0.62, 0.32)]
    for side in (-1, 1):
        x, y = side * 0.25, top - 0.28
        parts += [leaf(LIMB, SECOND, (side * broad * 0.86, 0.1), (side * (broad + 0.02), -0.72),
                       wing),
                  disc(TOP, PALE, (x, y), look + 0.1),
                  disc(DETAIL, INK, (x * 0.92, y), look),
                  disc(DETAIL, PALE, (x * 0.92 + 0.05, y + 0.05), 0.045)]
    parts.append(polygon(TOP, THIRD, (-0.09, top - 0.36), (0.09, top - 0.36), (0.0, top - 0.58)))
    parts.append(bar(LIMB, TRIM, (-0.8, -0.88), (0.8, -0.88), 0.06))
    return Thing(parts, (0.0, top), (0.0, -0.94), (0.82, -0.88), (-0.82, -0.88))


SKY = {
    "aircraft": (airliner, biplane, helicopter, jet),
    "rocket": (moon_rocket, stage_rocket, shuttle),
    "bird": (songbird, duck, flamingo, owl),
}
