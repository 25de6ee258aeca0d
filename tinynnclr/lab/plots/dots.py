"""The dot plot: means of several seeds with 95 % intervals, in rows, beside baselines as lines."""
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from ...metrics.confidence import format_percent, mean_and_interval
from .style import (
    BLUE,
    COLOURS,
    DPI,
    GREY,
    HALO,
    INK,
    MARGIN,
    MARKERS,
    ORANGE,
    PALE,
    WIDTH,
    draw_headline,
    own_style,
    plain_text,
    write_picture,
)

NUMBERS = 1.2  # inches at the right of `draw_arms` for the means
# inches: the name of a level, a row of `draw_arms` and of `draw_dots`, the axis and the legend
LEVEL, ARM_ROW, ROW, BOTTOM = 0.16, 0.42, 0.34, 0.72
NAMES = 2.75  # inches at the left of `draw_arms`
STRIP = 0.3  # share of the panel for the baselines, where the axis is broken
LEGEND = ("Small dots: one seed each. Large: the mean of the seeds and its 95 % interval. "
          "Dashed: baselines, and a supervised upper bound.")
BASELINES = ("raw pixels", "random weights")
FIXED: dict[str, dict] = {"random weights": {"marker": "o", "color": GREY, "mfc": "white"},
                          "raw pixels": {"marker": "x", "color": GREY},
                          "chance": {"marker": "|", "color": GREY, "ms": 14}}
Rows = Mapping[str, Mapping[str, Sequence[float]]]  # {row: {series: accuracies, one a seed}}


@own_style()
def draw_arms(arms: Mapping[str, Sequence[float]], levels: Mapping[str, float], path: str | Path, *,
              title: str = "", headline: str = "kNN accuracy", measure: str = "kNN") -> Path:
    """A row for each arm, with a dot for each seed and for their mean; returns the PNG's path.

    measure: its name. levels: accuracies drawn as dashed lines: baselines, an upper bound. Where
    the arms lie close together and far above the levels, the axis is broken between them.
    """
    panel = ARM_ROW * len(arms)
    height = 0.62 + 0.2 * bool(title) + LEVEL * len(levels) + panel + BOTTOM
    fig = Figure((WIDTH, height), DPI)
    draw_headline(fig, title, headline)
    width = WIDTH - NAMES - NUMBERS
    for low, high, start, share in axis_parts([*arms.values()], [*levels.values()]):
        ax = fig.add_axes(((NAMES + start * width) / WIDTH, BOTTOM / height, share * width / WIDTH,
                           panel / height))
        for i, values in enumerate(arms.values()):
            _draw_seeds(ax, i, values)
        broken_right = start + share < 0.99
        _draw_levels(ax, {name: value for name, value in levels.items() if low <= value <= high},
                     1.0 if broken_right else low + 0.75 * (high - low), panel)
        ax.set(xlim=(low, high), ylim=(len(arms) - 0.5, -0.5), yticks=[])
        ax.xaxis.set_major_locator(MaxNLocator(max(2, round(7 * share)), steps=[1, 2, 2.5, 5, 10],
                                               min_n_ticks=1))
        _percent_axis(ax)
        ends = [end for end, broken in ((0, start > 0), (1, broken_right)) if broken]
        # the slanted strokes of a broken axis
        ax.plot(ends, [0] * len(ends), ls="", marker=[(-0.5, -1), (0.5, 1)], ms=9, color=GREY,
                clip_on=False, transform=ax.transAxes)
    for i, (name, values) in enumerate(arms.items()):
        _name_arm(fig, (BOTTOM + panel - ARM_ROW * (i + 0.5)) / height, name, values)
    for x, y, ha, text in ((NAMES + width / 2, BOTTOM - 0.42, "center",
                            f"{measure}, on the test set"), (MARGIN, 0.1, "left", LEGEND)):
        fig.text(x / WIDTH, y / height, text, ha=ha, fontsize=9, color=GREY)
    return write_picture(fig, path)


def axis_parts(values: Sequence[Sequence[float]],
               levels: Sequence[float]) -> list[tuple[float, float, float, float]]:
    """The axis as (low, high, start, share of the panel): whole, or broken between two parts."""
    intervals = [mean_and_interval(list(numbers)) for numbers in values]
    ends = [*np.concatenate(values), *(mean + sign * (half or 0) for mean, half in intervals
                                       for sign in (-1, 1))]
    above = [level for level in levels if level > max(ends)]
    below = [level for level in levels if level <= max(ends)]
    low, high = max(min(ends), 0), min(max([*ends, *above]), 1)
    if not below or low - max(below) < 1.5 * (high - low):
        low = min([low, *below])
        margin = max(0.05 * (high - low), 0.01)
        return [(low - margin, high + margin, 0, 1)]
    margin = max(0.08 * (high - low), 0.004)
    strip_margin = max(0.25 * (max(below) - min(below)), 0.03)
    return [(min(below) - strip_margin, max(below) + strip_margin, 0, STRIP - 0.04),
            (low - margin, high + margin, STRIP, 1 - STRIP)]


def _draw_seeds(ax, y, values):
    """An arm's interval and mean, and its seeds a little below them."""
    mean, half = mean_and_interval(list(values))
    ax.axhline(y, color=PALE, lw=0.6, zorder=0)
    ax.plot(values, np.full(len(values), y + 0.24), "o", ms=4, mfc="white", mec=BLUE, mew=0.9,
            alpha=0.8, zorder=3)
    ax.plot([mean - (half or 0), mean + (half or 0)], [y, y], color=BLUE, lw=2.2,
            solid_capstyle="butt", zorder=3)
    ax.plot(mean, y, "o", ms=6.5, color=BLUE, mec="white", mew=0.8, zorder=4)


def _name_arm(fig, y, name, values):
    """The arm's name with its options at the left, its mean at the right."""
    method, _, options = name.partition(":")
    for text, size, colour, va in ((plain_text(method, 30), 10.5, INK,
                                    "bottom" if options else "center"),
                                   (plain_text(options.replace(":", ", "), 46), 8, GREY, "top")):
        fig.text((NAMES - 0.15) / WIDTH, y, text, ha="right", va=va, fontsize=size, color=colour)
    fig.text((WIDTH - NUMBERS + 0.15) / WIDTH, y, format_percent(list(values)), va="center",
             fontsize=9.5, color=INK)


def _draw_levels(ax, levels, limit, inches):
    """A dashed line for each level, up to its name above the panel; each name has its own height.
    """
    by_value = sorted(levels.items(), key=lambda level: -level[1])
    for i, (name, value) in enumerate(by_value):
        end = 1 + (0.08 + LEVEL * i) / inches
        ax.plot([value, value], [0, end + 0.7 * LEVEL / inches], color=ORANGE, lw=1.1,
                ls=("--", ":", "-.")[i % 3], zorder=1, clip_on=False,
                transform=ax.get_xaxis_transform())
        far = value > limit  # the name goes to the left if the right has no space
        ax.annotate(f"{plain_text(name, 48)} {100 * value:.1f} %", (value, end),
                    (-4 if far else 4, 0), va="bottom", ha="right" if far else "left",
                    xycoords=ax.get_xaxis_transform(), textcoords="offset points", fontsize=8.5,
                    color=ORANGE, path_effects=HALO)


@own_style()
def draw_dots(panels: Mapping[str, Rows], path: str | Path, *, title: str, headline: str,
              halves: Mapping[tuple[str, str, str], float] | None = None) -> Path:
    """Several series in the same rows: a marker for each mean with its 95 % interval, 0 to 100 %.

    panels: {heading: {row: {series: accuracies, one a seed}}}, the panels beside each other.
    halves: {(heading, row, series): half an interval} for single numbers that have one. Baselines
    are hollow; a series "chance" is a stroke. Returns the PNG's path.
    """
    rows = list(dict.fromkeys(row for panel in panels.values() for row in panel))
    series = series_of(panels.values())
    height = 1.85 + ROW * len(rows)
    fig = Figure((WIDTH, height), DPI)
    draw_headline(fig, title, headline)
    left, gap = min(4.2, 0.35 + 0.085 * min(48, max(map(len, rows)))), 0.3
    width = (WIDTH - left - MARGIN - 0.15 - gap * (len(panels) - 1)) / len(panels)
    for i, (heading, panel) in enumerate(panels.items()):
        ax = fig.add_axes(((left + i * (width + gap)) / WIDTH, 0.55 / height, width / WIDTH,
                           ROW * len(rows) / height))
        draw_rows_on(ax, rows, panel, series,
                     {(row, name): half for (panel_of, row, name), half in (halves or {}).items()
                      if panel_of == heading})
        ax.set_title(heading, fontsize=10, color=INK, loc="left")
        if i > 0:
            ax.set_yticklabels([""] * len(rows))
    draw_legend(fig, series, 0.66)
    return write_picture(fig, path)


def series_of(panels: Iterable[Rows]) -> dict[str, dict]:
    """{series: style}: the baselines and chance last and grey, the others in turn."""
    names = dict.fromkeys(name for panel in panels for numbers in panel.values()
                          for name in numbers)
    styles: dict[str, dict] = {}
    for i, name in enumerate(name for name in names if name not in FIXED):
        styles[name] = {"marker": MARKERS[i % 4], "color": COLOURS[i % 4],
                        "mfc": COLOURS[i % 4] if i < 4 else "white"}
    return styles | {name: style for name, style in FIXED.items() if name in names}


def draw_rows_on(ax: Axes, rows: Sequence[str], panel: Rows, series: Mapping[str, dict],
                 halves: Mapping[tuple[str, str], float]) -> None:
    """The rows of one panel of `draw_dots`."""
    for y, row in enumerate(rows):
        for i, name in reversed([*enumerate(series)]):  # the first on top
            if name in panel.get(row, {}):
                mean, half = mean_and_interval(list(panel[row][name]))
                half = halves.get((row, name)) if half is None else half
                offset = 0 if name == "chance" else (i - len(series) / 2) * 0.06
                hollow = {"mfc": "white"} if row.startswith(BASELINES) else {}
                ax.errorbar(mean, y + offset, xerr=half, capsize=2.5,
                            **{"ms": 6.5, "ls": "", **series[name], **hollow})
    ax.set_yticks(range(len(rows)), [plain_text(row, 48) for row in rows], fontsize=9, color=INK)
    ax.set(ylim=(len(rows) - 0.5, -0.5), xlim=(0, 1))
    _percent_axis(ax)
    ax.grid(color="#E5E5E5")
    ax.set_axisbelow(True)
    ax.tick_params(axis="y", length=0)


def draw_legend(fig: Figure, series: Mapping[str, dict], top: float,
                columns: int | None = None) -> None:
    """The series' markers and names at the right, so many inches below the top."""
    handles = [Line2D([], [], label=plain_text(name, 30), **{"ls": "", "ms": 6.5, **style})
               for name, style in series.items()]
    fig.legend(handles=handles, loc="upper right", frameon=False, fontsize=9, handlelength=1.2,
               bbox_to_anchor=(1 - MARGIN / WIDTH, 1 - top / fig.get_figheight()), borderaxespad=0,
               ncols=columns or len(series), columnspacing=1.2)


def _percent_axis(ax: Axes) -> None:
    ax.xaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:.4g} %"))
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.spines["bottom"].set_color(GREY)
    ax.tick_params(axis="x", colors=GREY, labelsize=8.5, length=3)
