"""The picture of a table: means with 95 % intervals, floors and the supervised ceiling as lines."""
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from ...metrics.confidence import mean_and_interval
from ..plots.style import BLUE, GREY, INK, MARGIN, ORANGE, WIDTH, draw_headline, own_style, write_picture
from .neighbor_precision import ORACLES, STYLES, Gains, gains
from .page import CEILING, floors
from .table import Cells, Table

COLOURS, MARKERS = (BLUE, ORANGE, "#009E73", "#CC79A7"), "os^D"
POINTS = {"half-way": "^", "80 %": "D", "crops only": "p", "fog": "P", "sketch": "X"}


@own_style()
def draw_table(table: Table, cells: Cells, path: Path, title: str, images: int) -> Path:
    """Over the table's axis where it has one, else a line for each arm; kNN in percent."""
    if table.axis:
        return _over_axis(table, cells, path, title, images)
    arms = [arm for arm in dict.fromkeys(arm for arm, _ in cells) if arm != CEILING]
    height = 1.9 + 0.3 * len(arms)
    fig = Figure((WIDTH, height), dpi=130)
    top = draw_headline(fig, title, table.question)
    left = min(4.2, 0.3 + 0.085 * max(map(len, arms)))
    ax = fig.add_axes((left / WIDTH, 0.6 / height, (WIDTH - left - MARGIN - 0.3) / WIDTH,
                       (height - top - 1.1) / height))
    for y, arm in enumerate(arms):
        mean, half = mean_and_interval(_values(cells, arm, "knn"))
        ax.errorbar(100 * mean, y, xerr=100 * (half or 0), fmt="o", color=BLUE, capsize=3)
    _own_floors(ax, cells, arms)
    ax.set_yticks(range(len(arms)), arms, fontsize=9, color=INK)
    ax.set_ylim(len(arms) - 0.4, -0.6)
    _limits(ax, cells, "x")
    for name, value in _levels(cells):
        ax.axvline(value, color=GREY, linewidth=1, linestyle="--" if name == CEILING else ":")
        ax.annotate(name, (value, 1), xycoords=("data", "axes fraction"), xytext=(0, 3),
                    textcoords="offset points", ha="right" if name == CEILING else "left",
                    va="bottom", fontsize=8.5, color=GREY, rotation=0 if name == CEILING else 15)
    ax.set_xlabel("kNN accuracy on test images, percent", fontsize=9)
    _tidy(ax, "x")
    return write_picture(fig, path)


@own_style()
def draw_findings(table: Table, rows: Sequence[Mapping], path: Path, title: str) -> Path:
    """A protocol's rows, means over seeds, a line for each kind of row and a marker for each arm.
    """
    kinds = list(dict.fromkeys(_kind(row) for row in rows))
    arms = list(dict.fromkeys(_arm(row) for row in rows))
    height = 1.8 + 0.34 * len(kinds)
    fig = Figure((WIDTH, height), dpi=130)
    top = draw_headline(fig, title, table.question)
    left = min(4.2, 0.3 + 0.085 * max(map(len, kinds)))
    ax = fig.add_axes((left / WIDTH, 0.6 / height, (WIDTH - left - MARGIN - 2.3) / WIDTH,
                       (height - top - 0.8) / height))
    named: set[str] = set()  # in the legend
    for i, arm in enumerate(arms):
        for y, kind in enumerate(kinds):
            # arms have their floors in common: one number for each seed
            seeds: dict[str, list[float]] = {}
            for row in rows:
                if _arm(row) == arm and _kind(row) == kind:
                    seeds.setdefault(row["seed"], []).append(row["accuracy"])
            numbers = [float(np.mean(own)) for own in seeds.values()]
            if numbers:
                mean, half = mean_and_interval(numbers)
                grey = arm in ("random weights", "raw pixels")
                ax.errorbar(100 * mean, y + 0.1 * (i - len(arms) / 2), xerr=100 * (half or 0),
                            capsize=2, markersize=5, fmt=MARKERS[i % 4],
                            color=GREY if grey else COLOURS[i % 4],
                            label=None if arm in named else arm,
                            markerfacecolor="white" if grey or i > 3 else None)
                named.add(arm)
    ax.set_yticks(range(len(kinds)), kinds, fontsize=9, color=INK)
    ax.set_ylim(len(kinds) - 0.4, -0.6)
    ax.set_xlim(0, 100)
    ax.set_xlabel("accuracy, percent", fontsize=9)
    _tidy(ax, "x")
    ax.legend(loc="upper left", bbox_to_anchor=(1.02, 1), frameon=False, fontsize=8.5)
    return write_picture(fig, path)


@own_style()
def draw_friends(table: Table, cells: Cells, lent: Gains, path: Path, title: str) -> Path:
    """Gain over no neighbours against how often they agree: the dials as curves, real runs and
    those lent as points.
    """
    found = {**gains(cells), **lent}
    real = [arm for arm in found if not arm.startswith("oracle")]
    # below the axis: its name, and the legend's lines
    foot = 0.7 + 0.21 * -(-(len(ORACLES) + len(real)) // 2)
    height = 4.9 + foot
    fig = Figure((WIDTH, height), dpi=130)
    top = draw_headline(fig, title, table.question)
    ax = fig.add_axes((0.09, foot / height, 0.88, (height - top - foot - 0.3) / height))
    for kind, told in ORACLES.items():
        oracle, nearest = [found[f"{kind} {a:g}"] for a in told if f"{kind} {a:g}"
                           in found], kind.endswith("nearest")
        stats = [mean_and_interval(numbers) for _, numbers in oracle]
        ax.errorbar([100 * agreed for agreed, _ in oracle], [mean for mean, _ in stats],
                    [half or 0 for _, half in stats], fmt="D-" if nearest else "o--",
                    color=COLOURS[2] if nearest else BLUE, capsize=3,
                    label="the labels draw a class, then "
                    f"{'its nearest image' if nearest else 'any of its images'}")
    for arm in real:
        mean, half = mean_and_interval(found[arm][1])
        marker = next((marker for words, marker in POINTS.items() if arm.endswith(words)), "s")
        ax.errorbar(100 * found[arm][0], mean, half or 0, fmt=marker, color=_colour(arm), capsize=3,
                    markersize=7, label=f"real NNCLR, {arm.replace('nnclr, ', '')}")
    ax.axhline(0, color=INK, linewidth=1)
    ax.set_xlim(-3, 103)
    ax.set_xlabel("neighbours of the anchor's class, percent of those used", fontsize=9)
    ax.set_ylabel("kNN accuracy against no neighbours, points", fontsize=9)
    fig.legend(frameon=False, fontsize=8.5, ncols=2, loc="lower left", bbox_to_anchor=(0.08, 0))
    _tidy(ax, "both")
    return write_picture(fig, path)


def _colour(arm):
    """Of a real run: of the table's own data, of another style, of other data."""
    return INK if ": " in arm else COLOURS[3] if arm.endswith(STYLES) else ORANGE


def _over_axis(table, cells, path, title, images):
    fig = Figure((WIDTH, 4.8), dpi=130)
    top = draw_headline(fig, title, table.question)
    ax = fig.add_axes((0.08, 0.13, 0.76, (4.8 - top - 0.9) / 4.8))
    groups = list(dict.fromkeys(arm.group for arm in table.arms if arm.x is not None))
    ticks = sorted({arm.x for arm in table.arms if arm.x is not None})
    for group, colour, marker in zip(groups, COLOURS, MARKERS, strict=False):
        arms = [arm for arm in table.arms if arm.group == group
                and any(name == arm.name for name, _ in cells)]
        stats = [mean_and_interval(_values(cells, arm.name, "knn")) for arm in arms]
        ax.errorbar([arm.x for arm in arms], [100 * mean for mean, _ in stats],
                    [100 * (half or 0) for _, half in stats], fmt=f"{marker}-", color=colour,
                    capsize=3, label=f"{group}, kNN")
        others = [m for m in table.measures if m not in ("knn", "linear")]
        for measure, style in zip(others, (":", "--"), strict=False):
            points = [(arm.x, np.mean(_values(cells, arm.name, measure))) for arm in arms
                      if _values(cells, arm.name, measure)]
            if points:
                ax.plot([x for x, _ in points], [100 * y for _, y in points], linestyle=style,
                        marker=marker, markerfacecolor="white", color=COLOURS[2],
                        label=measure.replace("_", " "))
    if table.expected:
        name, formula = table.expected
        ax.plot(ticks, [100 * formula(x, images) for x in ticks], color=GREY, linewidth=1,
                label=name.replace("_", " "))
    if table.logarithmic:
        ax.set_xscale("log")
    ax.xaxis.set_major_locator(FixedLocator(ticks))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,g}" if x < 1e4 else f"{x:,.0f}"))
    _limits(ax, cells, "y", everything=len(table.measures) > 2)
    for name, value in _levels(cells):
        ax.axhline(value, color=GREY, linewidth=1, linestyle="--" if name == CEILING else ":")
    low, high = ax.get_ylim()
    gap, last = 0.05 * (high - low), -np.inf  # a line of text
    for name, value in sorted(_levels(cells), key=lambda level: level[1]):
        last = max(value, last + gap)
        ax.annotate(name, (1, last), xycoords=("axes fraction", "data"), xytext=(4, 0),
                    textcoords="offset points", va="center", fontsize=8.5, color=GREY)
    ax.set_xlabel(table.axis, fontsize=9)
    ax.set_ylabel("percent of test images" if len(table.measures) == 2 else "percent", fontsize=9)
    ax.legend(frameon=False, fontsize=8.5, loc="best")
    _tidy(ax, "both")
    return write_picture(fig, path)


def _values(cells, arm, measure):
    return [cell[measure] for (name, _), cell in cells.items() if name == arm and measure in cell]


def _levels(cells):
    """(name, percent) of floors and ceiling; random weights are those that most arms share."""
    found = [(name, 100 * float(np.mean(knn))) for name,
             (knn, _) in floors(cells).items() if " of " not in name]
    ceiling = _values(cells, CEILING, "knn")
    return found + ([(CEILING, 100 * float(np.mean(ceiling)))] if ceiling else [])


def _own_floors(ax, cells, arms):
    """In the row of an arm with another encoder, the random weights of that one."""
    shared, words = floors(cells).get("random weights",
                                      ((), ()))[0], "random weights of its own encoder"
    for y, arm in enumerate(arms):
        own = _values(cells, arm, "random knn")
        if not set(own) <= set(shared):
            ax.plot(100 * np.mean(own), y, "s", color=GREY, markerfacecolor="white", markersize=5,
                    label=words)
            ax.legend(frameon=False, fontsize=8.5, labelcolor=GREY, loc="best")
            words = ""


def _limits(ax, cells, axis, everything=False):
    """From a little below the floors to a little above the ceiling; all of 0 to 100 where other
    shares are drawn.
    """
    values = [100 * cell["knn"] for cell in cells.values()] + [value for _, value in _levels(cells)]
    low, high = (0, 100) if everything else (max(0, min(values) - 4), min(103, max(values) + 4))
    ax.set(**{f"{axis}lim": (low, high)})


def _arm(row):
    """Who is judged: the arm, or the floor that its protocol put beside it."""
    return row["encoder"] if row["encoder"] in ("random weights", "raw pixels") else row["arm"]


def _kind(row):
    return ", ".join(str(value) for key, value in row.items()
                     if isinstance(value, str) and key not in ("arm", "seed", "encoder"))


def _tidy(ax, axis):
    ax.grid(axis=axis, color="#E5E5E5")
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
