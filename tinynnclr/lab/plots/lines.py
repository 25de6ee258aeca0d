"""Curves through means of several seeds, with 95 % intervals: a sweep over an option's values."""
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from ...metrics.confidence import mean_and_interval
from .style import DPI, GREY, INK, WIDTH, draw_headline, own_style, plain_text, write_picture


@dataclass(frozen=True)
class Line:
    """A curve, or a single point: its numbers at each x, and Matplotlib's format and colour."""

    points: Sequence[tuple[float, Sequence[float]]]
    fmt: str
    color: str
    hollow: bool = False


@own_style()
def draw_lines(lines: Mapping[str, Line], path: str | Path, *, title: str, headline: str,
               xlabel: str, ylabel: str, levels: Mapping[str, float] | None = None,
               logarithmic: bool = False, ticks: Sequence[float] | None = None) -> Path:
    """Each line's means, with bars of 95 % intervals, and a legend below; returns the PNG's path.

    levels: {name: y} for horizontal lines with names at the right: baselines, an upper bound.
    """
    foot = 0.7 + 0.21 * -(-len(lines) // 2)  # inches: the axis' name and the legend
    height = 4.4 + foot
    fig = Figure((WIDTH, height), DPI)
    top = draw_headline(fig, title, headline)
    ax = fig.add_axes((0.09, foot / height, 0.76 if levels else 0.88,
                       (height - top - foot - 0.3) / height))
    for name, line in lines.items():
        estimates = [mean_and_interval(list(numbers)) for _, numbers in line.points]
        ax.errorbar([x for x, _ in line.points], [mean for mean, _ in estimates],
                    [half or 0 for _, half in estimates], fmt=line.fmt, color=line.color,
                    capsize=3, mfc="white" if line.hollow else line.color,
                    label=plain_text(name, 60))
    if logarithmic:
        ax.set_xscale("log")
    if ticks is not None:
        ax.xaxis.set_major_locator(FixedLocator(ticks))
        ax.xaxis.set_minor_locator(NullLocator())
        ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,g}" if x < 1e4
                                                   else f"{x:,.0f}"))
    _draw_levels(ax, levels or {})
    ax.set_xlabel(xlabel, fontsize=9)
    ax.set_ylabel(ylabel, fontsize=9)
    fig.legend(frameon=False, fontsize=8.5, ncols=2, loc="lower left", bbox_to_anchor=(0.08, 0))
    ax.grid(color="#E5E5E5")
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    if any(np.mean(numbers) < 0 for line in lines.values() for _, numbers in line.points):
        ax.axhline(0, color=INK, linewidth=1)
    return write_picture(fig, path)


def _draw_levels(ax, levels):
    for value in levels.values():
        ax.axhline(value, color=GREY, linewidth=1, linestyle="--")
    low, high = ax.get_ylim()
    line_height, last = 0.05 * (high - low), -np.inf
    for name, value in sorted(levels.items(), key=lambda level: level[1]):
        last = max(value, last + line_height)  # names do not overlap
        ax.annotate(plain_text(name, 24), (1, last), xycoords=("axes fraction", "data"),
                    xytext=(4, 0), textcoords="offset points", va="center", fontsize=8.5,
                    color=GREY)
