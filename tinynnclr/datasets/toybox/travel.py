"""Blueprints of boats and cars; parts.py says how to read them."""
from .codes import BODY, DETAIL, GLASS, INK, LIMB, MAIN, PALE, SECOND, THIRD, TOP, TRIM
from .parts import Thing, bar, box, disc, dome, leaf, polygon

# ---------------- boats: a hull with a raked bow, and its wave


def hull(dice, deck):
    """The hull and the bow wave of every boat; also its bow and stern, where the deck ends."""
    length, keel = dice(0.66, 0.8), deck - dice(0.36, 0.48)
    bow, stern = (length + 0.16, deck + 0.1), (-length - 0.06, deck + 0.02)
    stripe = deck - 0.14
    parts = [polygon(BODY, MAIN, stern, bow, (length * 0.62, keel), (-length * 0.74, keel),
                     corner=0.05),
             bar(BODY, PALE, (-length * 0.9, stripe), (length * 0.9, stripe + 0.03), 0.045),
             leaf(LIMB, PALE, (-0.95, keel), (0.05, keel - 0.04), 0.09),
             leaf(LIMB, PALE, (-0.05, keel - 0.04), (0.95, keel), 0.09)]
    return parts, (0.0, keel), bow, stern


def sailing_boat(dice):
    deck, mast = -0.36, dice(-0.08, 0.16)
    top, boom = dice(0.66, 0.92), dice(0.5, 0.68)
    parts, keel, bow, stern = hull(dice, deck)
    foot = deck + 0.14
    parts = [bar(BODY, TRIM, (mast, deck), (mast, top), 0.035),
             polygon(TOP, SECOND, (mast - 0.07, top - 0.06), (mast - 0.07, foot),
                     (mast - boom, foot), corner=0.03),
             polygon(TOP, THIRD, (mast + 0.08, top - dice(0.1, 0.4)), (mast + 0.08, foot),
                     (0.78, foot), corner=0.03),
             polygon(DETAIL, MAIN, (mast, top + 0.06), (mast - 0.26, top), (mast, top - 0.06),
                     corner=0.01)] + parts
    return Thing(parts, (mast, top), keel, bow, stern)


def tall_ship(dice):
    deck, fore, aft = -0.4, dice(0.28, 0.4), dice(-0.4, -0.26)
    top, sail, belly = dice(0.68, 0.9), dice(0.24, 0.3), dice(0.02, 0.1)
    colours = dice.either(SECOND, PALE), dice.either(THIRD, SECOND)
    parts, keel, bow, stern = hull(dice, deck)
    rig = [box(TOP, MAIN, (-0.68, deck + 0.12), 0.16, 0.14)]
    for mast, height in ((aft, top), (fore, top - 0.12)):
        rig.append(bar(BODY, TRIM, (mast, deck), (mast, height), 0.035))
        for level, half, colour in ((0.0, sail, colours[0]), (0.48, sail * 0.76, colours[1])):
            low = deck + 0.16 + level * (height - deck)
            high = low + 0.37 * (height - deck)
            rig.append(polygon(TOP, colour, (mast - half, low), (mast - half * 0.8, high),
                               (mast + half * 0.8, high), (mast + half, low),
                               (mast + belly, low + 0.08), corner=0.02))
    return Thing(rig + parts, (aft, top), keel, bow, stern)


def steamer(dice):
    deck, cabin, height = -0.3, dice(0.36, 0.5), dice(0.15, 0.2)
    funnel, top, lean = dice(-0.2, -0.05), dice(0.5, 0.62), dice(-0.1, 0.02)
    twin, roof = dice.chance(0.5), deck + 2 * height
    parts, keel, bow, stern = hull(dice, deck)
    superstructure = []
    for x, when in ((funnel - 0.06, True), (funnel + 0.3, twin)):
        superstructure += [polygon(TOP, THIRD, (x - 0.1, deck), (x - 0.1 + lean, top),
                                   (x + 0.1 + lean, top), (x + 0.1, deck), when=when),
                           bar(TOP, INK, (x + lean - 0.1, top - 0.02), (x + lean + 0.1, top - 0.02),
                               0.05, when=when)]
    superstructure.append(box(TOP, SECOND, (-0.02, deck + height), cabin, height + 0.03,
                              corner=0.05))
    for k in range(3):
        superstructure.append(disc(DETAIL, GLASS, (cabin * (0.62 * k - 0.66), deck + height + 0.05),
                                   0.08))
    smoke = [disc(DETAIL, PALE, (funnel + lean - 0.14 - 0.17 * k, top + 0.13 + 0.09 * k),
                  0.08 + 0.03 * k) for k in range(3)]
    superstructure.append(bar(BODY, TRIM, (cabin - 0.1, roof), (cabin - 0.1, roof + 0.3), 0.03))
    return Thing(smoke + superstructure + parts, (funnel + lean, top), keel, bow, stern)


def rowing_boat(dice):
    deck, swing = -0.2, dice(-0.2, 0.25)
    parts, keel, bow, stern = hull(dice, deck)
    crew = []
    for x, shirt, when in ((-0.34, SECOND, True), (0.3, THIRD, dice.chance(0.6))):
        tall = dice(0.36, 0.5)
        crew += [dome(TOP, shirt, (x, deck - 0.04), 0.19, tall, when=when),
                 disc(TOP, PALE, (x + 0.02, deck + tall + 0.06), 0.15, when=when),
                 dome(TOP, TRIM, (x + 0.02, deck + tall + 0.1), 0.17, 0.12, when=when)]
    grip, blade = (-0.12, deck + 0.22), (0.36 + swing, keel[1] - 0.02)
    oar = [bar(LIMB, INK, grip, blade, 0.035),
           leaf(LIMB, THIRD, (blade[0] - 0.1, blade[1] + 0.15), (blade[0] + 0.1, blade[1] - 0.17),
                0.09)]
    return Thing(crew + parts + oar, (-0.32, 0.3), keel, bow, stern)


# ---------------- cars: wheels with hubs, windows, a lamp in front


def wheel(centre, radius, when=True):
    return [disc(LIMB, INK, centre, radius, when=when),
            disc(LIMB, PALE, centre, radius * 0.45, when=when)]


def beetle(dice):
    sill, top, roof = -0.42, dice(0.36, 0.54), dice(-0.14, 0.04)
    cabin, bonnet, tyre = dice(0.46, 0.58), dice(0.1, 0.24), dice(0.2, 0.25)
    parts = [dome(TOP, MAIN, (roof, sill + 0.24), cabin, top - sill - 0.24),
             dome(DETAIL, GLASS, (roof, sill + 0.3), cabin * 0.78, top - sill - 0.44),
             bar(TOP, MAIN, (roof, sill + 0.3), (roof, top - 0.06), 0.045),
             dome(BODY, MAIN, (0.0, sill - 0.04), 0.9, 0.36 + bonnet),
             box(BODY, SECOND, (0.0, sill), 0.92, 0.08, corner=0.06),
             disc(DETAIL, PALE, (0.78, sill + 0.17), 0.08),
             bar(DETAIL, TRIM, (roof + 0.06, sill + 0.24), (roof + 0.18, sill + 0.24), 0.03)]
    parts += wheel((-0.5, sill - 0.08), tyre) + wheel((0.5, sill - 0.08), tyre)
    return Thing(parts, (roof, top), (0.0, sill - 0.08), (0.92, sill + 0.04), (-0.92, sill + 0.04))


def lorry(dice):
    bed, top, cab_top = -0.36, dice(0.36, 0.62), dice(0.06, 0.28)
    cab, tyre = dice(0.3, 0.42), dice(0.16, 0.2)
    parts = [box(BODY, TRIM, (0.0, bed - 0.03), 0.92, 0.08),
             box(BODY, SECOND, (-0.3, (bed + top) / 2), 0.62, (top - bed) / 2, corner=0.04),
             bar(BODY, THIRD, (-0.78, bed + 0.3), (0.18, bed + 0.3), 0.07),
             polygon(TOP, MAIN, (0.92 - cab, bed), (0.92 - cab, cab_top), (0.78, cab_top),
                     (0.92, bed + 0.28), (0.92, bed), corner=0.03),
             polygon(DETAIL, GLASS, (0.98 - cab, bed + 0.34), (0.98 - cab, cab_top - 0.07),
                     (0.74, cab_top - 0.07), (0.83, bed + 0.34)),
             disc(DETAIL, PALE, (0.88, bed + 0.1), 0.06)]
    for x in (-0.7, -0.26, 0.62):
        parts += wheel((x, bed - 0.14), tyre)
    return Thing(parts, (-0.3, top), (0.0, bed - 0.14), (0.95, bed + 0.05), (-0.92, bed + 0.1))


def bus(dice):
    sill, top, tyre = -0.46, dice(0.3, 0.54), dice(0.16, 0.2)
    windows, split = dice.whole(3, 5), dice(0.4, 0.52)
    middle, half, band = (sill + top) / 2, (top - sill) / 2, sill + split * (top - sill)
    parts = [box(BODY, MAIN, (0.0, middle), 0.95, half, corner=0.14),
             box(BODY, SECOND, (0.0, sill + 0.12), 0.94, 0.1),
             bar(TOP, PALE, (-0.84, top - 0.02), (0.84, top - 0.02), 0.05)]
    pane = (top - 0.1 - band) / 2
    for k in range(5):
        width = 1.36 / windows
        x = -0.86 + width * (k + 0.5)
        parts.append(box(DETAIL, GLASS, (x, band + pane), width * 0.38, pane, corner=0.03,
                         when=k < windows))
    parts.append(box(DETAIL, GLASS, (0.74, middle), 0.13, half * 0.72, corner=0.03))
    parts += wheel((-0.54, sill - 0.02), tyre) + wheel((0.46, sill - 0.02), tyre)
    return Thing(parts, (0.0, top), (0.0, sill - 0.04), (0.95, sill + 0.2), (-0.95, sill + 0.2))


def racing_car(dice):
    sill, tyre, wing = -0.4, dice(0.25, 0.31), dice(0.2, 0.36)
    seat, helmet = dice(-0.2, 0.02), dice(0.13, 0.17)
    parts = [bar(TOP, TRIM, (-0.74, sill + 0.1), (-0.82, sill + wing + 0.2), 0.05),
             polygon(TOP, SECOND, (-0.98, sill + wing + 0.16), (-0.98, sill + wing + 0.36),
                     (-0.62, sill + wing + 0.22), corner=0.03),
             disc(TOP, THIRD, (seat, sill + 0.42), helmet),
             bar(DETAIL, GLASS, (seat + 0.06, sill + 0.42), (seat + 0.13, sill + 0.41), 0.045),
             leaf(TOP, MAIN, (seat - 0.62, sill + 0.24), (seat + 0.06, sill + 0.3), 0.15),
             polygon(BODY, MAIN, (-0.88, sill - 0.06), (-0.84, sill + 0.26), (0.2, sill + 0.3),
                     (0.92, sill + 0.02), (0.94, sill - 0.06), corner=0.04),
             disc(DETAIL, PALE, (0.02, sill + 0.1), 0.13),
             bar(LIMB, SECOND, (0.72, sill - 0.08), (0.96, sill - 0.06), 0.05)]
    parts += wheel((-0.58, sill - 0.02), tyre) + wheel((0.6, sill - 0.06), tyre * 0.86)
    return Thing(parts, (seat, sill + 0.42 + helmet), (0.0, sill - 0.1), (0.96, sill - 0.02),
                 (-0.9, sill + 0.1))


TRAVEL = {
    "boat": (sailing_boat, tall_ship, steamer, rowing_boat),
    "car": (beetle, lorry, bus, racing_car),
}
