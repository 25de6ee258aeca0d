"""The picture of a protocol that judges on several sets: a line for each set, a panel for each way,
floors hollow.
"""
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ...metrics.confidence import mean_and_interval
from ..protocols.context import EvalResult, grouped
from .style import BLUE, GREY, INK, MARGIN, ORANGE, WIDTH, draw_headline, own_style, plain_text, write_picture

FLOORS = {"random weights": {"marker": "o", "color": INK, "markerfacecolor": "none"},
          "raw pixels": {"marker": "x", "color": GREY}}
# Okabe and Ito's
ARMS = [{"marker": marker, "color": colour} for marker,
        colour in zip("os^D", (BLUE, ORANGE, "#009E73", "#CC79A7"), strict=True)]


@own_style()
def draw_sets(finding: EvalResult, path: str | Path, title: str) -> Path:
    """Accuracy of rows with the words encoder, to (the set) and how (the panel); "interval" or
    seeds give the bars.
    """
    groups = {tuple(word for _, word in which): numbers for which,
              numbers in grouped(finding.rows).items()}
    encoders, sets, hows = (list(dict.fromkeys(column)) for column in zip(*groups, strict=True))
    looks = dict(zip([e for e in encoders if e not in FLOORS], ARMS, strict=False)) | FLOORS
    height = 1.75 + 0.34 * len(sets)
    fig = Figure((WIDTH, height), dpi=130)
    draw_headline(fig, title, "What is it worth on sets that it never saw?")
    names = [plain_text(name, 28) for name in sets]
    left, gap = 0.35 + 0.085 * max(map(len, names)), 0.3
    wide = (WIDTH - left - MARGIN - 0.15 - gap * (len(hows) - 1)) / len(hows)
    for i, how in enumerate(hows):
        ax = fig.add_axes(((left + i * (wide + gap)) / WIDTH, 0.55 / height, wide / WIDTH,
                           0.34 * len(sets) / height))
        for y, name in enumerate(sets):
            for encoder in reversed(encoders):  # the judged one last, on top
                numbers = groups.get((encoder, name, how))
                if numbers:
                    mean, half = mean_and_interval(numbers["accuracy"])
                    half = numbers["interval"][0] if half is None and "interval" in numbers else half
                    ax.errorbar(100 * mean, y, xerr=100 * half if half else None, linestyle="",
                                capsize=2.5, markersize=6.5, **looks[encoder])
                    chance = finding.chance if finding.chance is not None else numbers["chance"][0]
                    ax.plot([100 * chance] * 2, [y - 0.5, y + 0.5], color=GREY, linewidth=1.2,
                            linestyle=":")
        ax.set_title(how, fontsize=10, color=INK, loc="left")
        ax.set_yticks(range(len(sets)), names if i == 0 else [""] * len(sets), fontsize=9,
                      color=INK)
        ax.set(ylim=(len(sets) - 0.5, -0.5), xlim=(0, 100))
        ax.set_xlabel("accuracy, percent", fontsize=9)
        ax.grid(color="#E5E5E5")
        ax.set_axisbelow(True)
        ax.spines[["top", "right", "left"]].set_visible(False)
        ax.tick_params(axis="y", length=0)
        ax.tick_params(axis="x", labelsize=8.5)
    legend = [Line2D([], [], linestyle="", markersize=6.5, label=e, **looks[e]) for e in encoders]
    legend.append(Line2D([], [], color=GREY, linewidth=1.2, linestyle=":", label="chance"))
    fig.legend(handles=legend, loc="upper right", bbox_to_anchor=(1 - MARGIN / WIDTH,
                                                                  1 - 0.6 / height),
               ncols=len(legend), frameon=False, fontsize=9, handlelength=1.2, borderaxespad=0)
    return write_picture(fig, path)
