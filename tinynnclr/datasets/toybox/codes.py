"""The numbers that stand for a part in a mask, and for a colour in a palette."""
BODY, TOP, LIMB, DETAIL = 1, 2, 3, 4
PART_NAMES = ("none", "body", "top", "limb", "detail")  # 0 is not the thing

# the colours of a thing; at night only GLASS is lit
MAIN, SECOND, THIRD, TRIM, PALE, GLASS, INK = range(7)
# the colours of distractors, and of what hides part of the thing
EXTRA_1, EXTRA_2, COVER = 7, 8, 9
COLOURS = 10
