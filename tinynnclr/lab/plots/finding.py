"""The picture of a protocol's table: a line for each row, a dot for each measure, floors in grey.
"""
from pathlib import Path

from matplotlib.figure import Figure

from ...metrics.confidence import mean_and_interval
from ..protocols.context import EvalResult, grouped
from .style import BLUE, GREY, INK, MARGIN, ORANGE, WIDTH, draw_headline, own_style, write_picture

FLOORS = ("random weights", "raw pixels")
COLOURS, MARKERS = (BLUE, ORANGE, "#009E73", "#CC79A7"), "os^D"  # Okabe and Ito's, one a measure


@own_style()
def draw_finding(finding: EvalResult, path: str | Path, title: str) -> Path:
    """Means over seeds with 95 % intervals, in percent; the table's words name the lines."""
    groups = grouped(finding.rows)
    measures = list(dict.fromkeys(key for numbers in groups.values() for key in numbers))
    height = 1.55 + 0.3 * len(groups)
    fig = Figure((WIDTH, height), dpi=130)
    top = draw_headline(fig, title, "How well does it do, and how well do its floors?")
    left = min(4.2, 0.3 + 0.085 * max(len(_name(which)) for which in groups))
    ax = fig.add_axes((left / WIDTH, 0.55 / height, (WIDTH - left - MARGIN - 0.1) / WIDTH,
                       (height - top - 0.95) / height))
    for y, (which, numbers) in enumerate(groups.items()):
        for measure, colour, marker in zip(measures, COLOURS, MARKERS, strict=False):
            if measure in numbers:
                mean, half = mean_and_interval(numbers[measure])
                floor = which[0][1] in FLOORS
                ax.errorbar(100 * mean, y, xerr=100 * (half or 0), fmt=marker, color=colour,
                            markersize=6, capsize=3, markerfacecolor="white" if floor else colour,
                            label=measure if y == 0 else None)
    if finding.chance is not None:
        ax.axvline(100 * finding.chance, color=GREY, linewidth=1, linestyle=":")
        ax.annotate("chance", (100 * finding.chance, 1), xycoords=("data", "axes fraction"),
                    ha="center", va="bottom", fontsize=8.5, color=GREY)
    ax.set_yticks(range(len(groups)), [_name(which) for which in groups], fontsize=9, color=INK)
    ax.set(ylim=(len(groups) - 0.4, -0.6), xlim=(0, 100))
    ax.set_xlabel("percent", fontsize=9)
    ax.grid(axis="x", color="#E5E5E5")
    ax.set_axisbelow(True)
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.tick_params(axis="y", length=0)
    fig.legend(loc="upper right", ncols=len(measures), frameon=False, fontsize=9)
    return write_picture(fig, path)


def _name(which):
    return ", ".join(word for _, word in which)
