"""The picture of a comparison: a row an arm, with its seeds, their mean and its interval; floors as
dashed lines.
"""
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from ...metrics.confidence import format_percent, mean_and_interval
from .style import (
    BLUE,
    DPI,
    GREY,
    HALO,
    INK,
    MARGIN,
    ORANGE,
    PALE,
    WIDTH,
    draw_headline,
    expect,
    own_style,
    plain_text,
    write_picture,
)

NAMES, NUMBERS = 2.75, 1.2  # inches at the left and at the right
PANEL = WIDTH - NAMES - NUMBERS
# inches: a gap, the name of a floor, an arm, the axis and the legend
TOP, LEVEL, ROW, BOTTOM = 0.2, 0.16, 0.42, 0.72
STRIP = 0.3  # share of the panel that goes to the floors alone, where the axis is broken
LEGEND = ("Small dots: one seed each. Large: the mean of the seeds and its 95 % interval. "
          "Dashed: what one has without learning.")


@own_style()
def draw_comparison(arms: Sequence[tuple[str, Sequence[float]]],
                    floors: Sequence[tuple[str, float]], path: str | Path, *,
                    title: str = "") -> Path:
    """A dot plot of (name, kNN accuracy of each seed), in the order given, above (name, accuracy)
    of the floors.

    Where the arms lie close together and far above the floors, the axis is broken between them.
    Returns the PNG's path.
    """
    expect(len(arms) > 0, "draw_comparison: arms: expected at least one, got none")
    for name, values in [*arms, *((name, [value]) for name, value in floors)]:
        expect(len(values) > 0 and np.isfinite(values).all(),
                f"draw_comparison: {name}: expected finite accuracies, got {list(values)}")
    intervals = [mean_and_interval(list(values)) for _, values in arms]
    panel = ROW * len(arms)
    height = 0.42 + 0.2 * bool(title) + TOP + LEVEL * len(floors) + panel + BOTTOM
    fig = Figure((WIDTH, height), DPI)
    draw_headline(fig, title, "How often do the nearest neighbours tell the class?")
    parts = _parts([values for _, values in arms], intervals, [value for _, value in floors])
    for low, high, start, share in parts:
        ax = fig.add_axes(((NAMES + start * PANEL) / WIDTH, BOTTOM / height, share * PANEL / WIDTH,
                           panel / height))
        _rows(ax, arms, intervals)
        _floors(ax, [floor for floor in floors if low <= floor[1] <= high],
                1 if start + share < 0.99 else low + 0.75 * (high - low), panel)
        ax.set(xlim=(low, high), ylim=(len(arms) - 0.5, -0.5), yticks=[])
        ax.xaxis.set_major_locator(MaxNLocator(max(2, round(7 * share)), steps=[1, 2, 2.5, 5, 10]))
        ends = [end for end, broken in ((0, start > 0), (1, start + share < 0.99)) if broken]
        # the slanted strokes of a broken axis
        ax.plot(ends, [0] * len(ends), ls="", marker=[(-0.5, -1), (0.5, 1)], ms=9, color=GREY,
                clip_on=False, transform=ax.transAxes)
    for i, (name, values) in enumerate(arms):
        method, _, options = name.partition(":")
        y = (BOTTOM + panel - ROW * (i + 0.5)) / height
        for text, size, colour, va in ((plain_text(method, 30), 10.5, INK,
                                        "bottom" if options else "center"),
                                       (plain_text(options.replace(":", ", "), 46), 8, GREY,
                                        "top")):
            fig.text((NAMES - 0.15) / WIDTH, y, text, ha="right", va=va, fontsize=size,
                     color=colour)
        fig.text((WIDTH - NUMBERS + 0.15) / WIDTH, y, format_percent(list(values)), va="center",
                 fontsize=9.5, color=INK)
    for x, y, ha, text in ((NAMES + PANEL / 2, BOTTOM - 0.42, "center",
                            "kNN accuracy on the test set"), (MARGIN, 0.1, "left", LEGEND)):
        fig.text(x / WIDTH, y / height, text, ha=ha, fontsize=9, color=GREY)
    return write_picture(fig, path)


def _parts(values, intervals, floors):
    """The axis as (low, high, where it starts, its share of the panel): whole, or broken between
    floors and arms.
    """
    ends = [*np.concatenate(values), *(mean + sign * (half or 0) for mean,
                                       half in intervals for sign in (-1, 1))]
    low, high = max(min(ends), 0), min(max(ends), 1)
    if not floors or low - max(floors) < 1.5 * (high - low):
        low, high = min([low, *floors]), max([high, *floors])
        margin = max(0.05 * (high - low), 0.01)
        return [(low - margin, high + margin, 0, 1)]
    margin, pad = max(0.08 * (high - low), 0.004), max(0.25 * (max(floors) - min(floors)), 0.03)
    return [(min(floors) - pad, max(floors) + pad, 0, STRIP - 0.04),
            (low - margin, high + margin, STRIP, 1 - STRIP)]


def _rows(ax, arms, intervals):
    """Each arm's interval and mean, and its seeds a little below them."""
    for i, ((_, values), (mean, half)) in enumerate(zip(arms, intervals, strict=True)):
        ax.axhline(i, color=PALE, lw=0.6, zorder=0)
        ax.plot(values, np.full(len(values), i + 0.24), "o", ms=4, mfc="white", mec=BLUE, mew=0.9,
                alpha=0.8, zorder=3)
        ax.plot([mean - (half or 0), mean + (half or 0)], [i, i], color=BLUE, lw=2.2,
                solid_capstyle="butt", zorder=3)
        ax.plot(mean, i, "o", ms=6.5, color=BLUE, mec="white", mew=0.8, zorder=4)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:.4g} %"))
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.spines["bottom"].set_color(GREY)
    ax.tick_params(colors=GREY, labelsize=8.5, length=3)


def _floors(ax, floors, limit, inches):
    """A dashed line each, up to its name above the panel, where each has a level of its own: the
    lowest the top.
    """
    for i, (name, value) in enumerate(sorted(floors, key=lambda floor: -floor[1])):
        end = 1 + (0.08 + LEVEL * i) / inches
        ax.plot([value, value], [0, end + 0.7 * LEVEL / inches], color=ORANGE, lw=1.1,
                ls=("--", ":", "-.")[i % 3], zorder=1, clip_on=False,
                transform=ax.get_xaxis_transform())
        far = value > limit  # to its left where there is no room at its right
        ax.annotate(f"{plain_text(name, 48)} {100 * value:.1f} %", (value, end),
                    (-4 if far else 4, 0), va="bottom", ha="right" if far else "left",
                    xycoords=ax.get_xaxis_transform(), textcoords="offset points", fontsize=8.5,
                    color=ORANGE, path_effects=HALO)
