"""The map of settings: what neighbours gain, over how often they are of the image's class."""
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from ...metrics.confidence import mean_and_interval
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
    own_style,
    plain_text,
    write_picture,
)

PANEL, LIST_ROW, BOTTOM = 0.56, 0.19, 0.62  # share of the width; inches
Numbers = Sequence[float]


@own_style()
def draw_neighbor_map(gains: Mapping[str, tuple[float, Numbers]],
                      oracle: Mapping[int, Sequence[tuple[float, Numbers]]],
                      crossing: tuple[float, float, float] | None, path: str | Path, *,
                      title: str = "", headline: str = "Where do neighbours help?") -> Path:
    """Numbered points with 95 % intervals, named in a list beside them; returns the PNG's path.

    gains: {setting: (share of neighbours of the class, points gained, one for each seed)}. oracle:
    {K: [(precision, points)]}, drawn as lines. crossing: where the gain is zero, with its interval.
    """
    height = max(4.6, 1.5 + LIST_ROW * len(gains) + BOTTOM)
    fig = Figure((WIDTH, height), DPI)
    top = draw_headline(fig, title, headline)
    ax = fig.add_axes((0.075, BOTTOM / height, PANEL - 0.075,
                       (height - BOTTOM - top - 0.25) / height))
    if crossing and not np.isnan(crossing[0]):
        at, low, high = (100 * number for number in crossing)
        ax.axvspan(low, high, color=PALE, zorder=0, lw=0)
        ax.axvline(at, color=GREY, lw=1, ls=":", zorder=1)
    ax.axhline(0, color=INK, lw=1, zorder=1)
    for k, curve in oracle.items():
        if curve:
            xs = [100 * precision for precision, _ in curve]
            ys = [mean_and_interval(list(numbers))[0] for _, numbers in curve]
            ax.plot(xs, ys, color=ORANGE, lw=1.1, ls="--", zorder=2)
            ax.annotate(f"K = {k}", (xs[-1], ys[-1]), (4, 0), textcoords="offset points",
                        va="center", fontsize=8.5, color=ORANGE, path_effects=HALO)
    for i, (accuracy, numbers) in enumerate(gains.values(), 1):
        mean, half = mean_and_interval(list(numbers))
        ax.errorbar(100 * accuracy, mean, half or 0, color=BLUE, lw=1, capsize=2, zorder=3)
        ax.plot(100 * accuracy, mean, "o", ms=12, color=BLUE, mec="white", mew=0.8, zorder=4)
        ax.annotate(str(i), (100 * accuracy, mean), ha="center", va="center", fontsize=7.5,
                    color="white", zorder=5)
    ax.set_xlabel("neighbours of the image's class, percent", fontsize=9)
    ax.set_ylabel("1-NN with 5 labels a class: points above the control", fontsize=9)
    ax.grid(color="#E5E5E5")
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    _list_settings(fig, gains, height, top)
    return write_picture(fig, path)


def _list_settings(fig, gains, height, top):
    """The numbers of the points with their settings and gains, in the right part."""
    x = PANEL + 0.035
    lines = [f"{i}  {plain_text(setting, 34)}: {_gain(numbers)}"
             for i, (setting, (_, numbers)) in enumerate(gains.items(), 1)]
    for i, line in enumerate(lines):
        fig.text(x, 1 - (top + 0.3 + LIST_ROW * i) / height, line, fontsize=8.5, color=INK,
                 va="top")
    note = ("Bars: 95 % intervals over seeds. Dashed: labels choose\nthe neighbours; the positive "
            "is the mean of K of them.\nGrey: where the gain crosses zero, 95 % interval.")
    fig.text(x, 0.15 / height, note, fontsize=8, color=GREY, va="bottom")
    fig.text(MARGIN / WIDTH, 0.06 / height, "The control differs in one thing: its positive is the "
             "image's other view, a constant.", fontsize=8, color=GREY)


def _gain(numbers):
    mean, half = mean_and_interval(list(numbers))
    return f"{mean:+.1f}" + ("" if half is None else f" ± {half:.1f}")
