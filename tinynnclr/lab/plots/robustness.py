"""The picture of robustness: accuracy against severity, a panel for each kind of change."""
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...metrics.confidence import mean_and_interval
from ..protocols.context import EvalResult, grouped
from .style import BLUE, GREY, INK, MARGIN, WIDTH, draw_headline, own_style, write_picture

BASELINES: dict[str, dict[str, Any]] = {
    "random weights": {"color": GREY, "linestyle": "-", "marker": "o", "markerfacecolor": "white"},
    "raw pixels": {"color": GREY, "linestyle": "--", "marker": "x"}}
TRAINED: dict[str, Any] = {"color": BLUE, "marker": "o", "linewidth": 2.2, "markersize": 5}
HEIGHT, LEFT, GAP = 3.7, 0.65, 0.35  # inches


@own_style()
def draw_robustness(result: EvalResult, path: str | Path, title: str) -> Path:
    """A line for each encoder, of means with 95 % intervals; styles have no order, so no line."""
    curves: dict[str, dict[str, list]] = {}  # change: encoder: [(severity, mean, half)]
    for which, numbers in grouped(result.rows).items():
        encoder, change, severity = (word for _, word in which)
        curves.setdefault(change, {}).setdefault(encoder, []).append(
            (severity, *mean_and_interval(numbers["accuracy"])))
    fig = Figure((WIDTH, HEIGHT), dpi=130)
    draw_headline(fig, title, "Accuracy on test images that are changed")
    width = (WIDTH - LEFT - MARGIN - 0.1 - GAP * (len(curves) - 1)) / len(curves)
    axes = []
    for i, (change, of_encoder) in enumerate(curves.items()):
        ax = fig.add_axes(((LEFT + i * (width + GAP)) / WIDTH, 0.62 / HEIGHT, width / WIDTH,
                           (HEIGHT - 1.75) / HEIGHT))
        _draw_change(ax, change, of_encoder)
        if result.chance is not None:
            ax.axhline(100 * result.chance, color=GREY, linewidth=1, linestyle=":", label="chance")
        axes.append(ax)
    axes[0].set_ylabel("kNN accuracy, percent", fontsize=9)
    handles, labels = axes[0].get_legend_handles_labels()  # drawn from behind to the front
    fig.legend(handles[::-1], labels[::-1], loc="upper left", frameon=False, fontsize=9,
               borderaxespad=0, ncols=5, bbox_to_anchor=(LEFT / WIDTH, 1 - 0.76 / HEIGHT))
    return write_picture(fig, path)


def _draw_change(ax: Axes, change, of_encoder):
    ordered = change != "style"
    names = [severity for severity, _, _ in next(iter(of_encoder.values()))]
    for encoder, points in reversed(of_encoder.items()):  # the trained one last, on top
        style = BASELINES.get(encoder, TRAINED) | ({} if ordered else {"linestyle": ""})
        x = [float(severity) for severity, _, _ in points] if ordered else range(len(points))
        halves = [100 * (half or 0) for _, _, half in points]
        ax.errorbar(x, [100 * mean for _, mean, _ in points], yerr=halves if any(halves) else None,
                    capsize=2, label=encoder, **style)
    if not ordered:
        ax.set_xticks(range(len(names)), names)
        ax.set_xlim(-0.5, len(names) - 0.5)
    elif change.startswith("rotation"):
        ax.set_xticks([0, 45, 90, 135, 180])
    ax.set_ylim(0, 100)
    ax.set_xlabel(change, fontsize=9)
    ax.tick_params(labelsize=8.5, colors=INK)
    ax.grid(color="#E5E5E5")
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
