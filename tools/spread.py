"""Draws docs/spread.png, which similarities each rank computes: `python tools/spread.py`."""
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from tinynnclr.lab.plots.style import DPI, GREY, INK, WIDTH, draw_headline, write_picture

RANKS, EACH = 4, 2  # ranks, images of each
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7")  # Okabe and Ito
ONE_PROCESS, NO_RANK = "#999999", "#FFFFFF"


def draw_table(axes: Axes, owner: np.ndarray, title: str, below: str) -> None:
    """A square for each similarity in the colour of its rank (-1: none); positives have a dot."""
    for row, column in np.ndindex(owner.shape):
        rank = owner[row, column]
        colour = NO_RANK if rank == -1 else ONE_PROCESS if rank == RANKS else COLOURS[rank]
        axes.add_patch(Rectangle((column, row), 1, 1, facecolor=colour, edgecolor="#CCCCCC",
                                 linewidth=0.6))
        if row == column:
            axes.plot(column + 0.5, row + 0.5, "o", color="white", markeredgecolor=INK,
                      markersize=6)
    n = len(owner)
    for cut in range(EACH, n, EACH) if owner.max() < RANKS else ():
        axes.axhline(cut, color=INK, linewidth=1)
        axes.axvline(cut, color=INK, linewidth=1, linestyle=":")
    axes.set(xlim=(0, n), ylim=(n, 0), aspect="equal", xticks=np.arange(n) + 0.5,
             yticks=np.arange(n) + 0.5)
    axes.set_xticklabels(range(n), fontsize=8)
    axes.set_yticklabels(range(n), fontsize=8)
    axes.tick_params(length=0)
    axes.set_title(title, fontsize=10.5, loc="left", color=INK)
    axes.set_xlabel(below, fontsize=9, color=GREY)


def draw(path: Path) -> Path:
    """One process, four independent ranks, and four that gather embeddings; returns the PNG's path.
    """
    n = RANKS * EACH
    fig = Figure((WIDTH, 4.35), dpi=DPI)
    top_inches = draw_headline(fig, f"A batch of {n} images: row i, the anchor, is compared with "
                               "the prediction of every image j. White dots: the positives.",
                               "Which rank computes which similarities")
    rank = np.arange(n) // EACH
    tables = [(np.full((n, n), RANKS), "one process", "candidates j: 7 negatives for each anchor"),
              (np.where(rank[:, None] == rank, rank[:, None], -1), "4 ranks, nothing gathered",
               "1 negative for each: another loss"),
              (np.repeat(rank[:, None], n, axis=1), "4 ranks, embeddings gathered",
               "7 negatives again")]
    top = 1 - (top_inches + 0.35) / 4.35
    for i, (owner, title, below) in enumerate(tables):
        axes = fig.add_axes((0.055 + 0.325 * i, 0.21, 0.29, top - 0.21))
        draw_table(axes, owner, title, below)
        if i == 0:
            axes.set_ylabel("anchors i", fontsize=9, color=GREY)
    handles = [Patch(facecolor=colour, label=f"rank {i}: images {EACH * i} and {EACH * i + 1}")
               for i, colour in enumerate(COLOURS)]
    fig.legend(handles=[*handles, Patch(facecolor=NO_RANK, edgecolor="#CCCCCC", label="no rank")],
               loc="lower center", ncols=5, frameon=False, fontsize=9, handlelength=1.2,
               columnspacing=1.6)
    return write_picture(fig, path)


if __name__ == "__main__":
    print(draw(Path(__file__).parents[1] / "docs" / "spread.png"))
