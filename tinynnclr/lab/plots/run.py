"""The pictures of a run: curves, neighbours, a map of its features, views. Each is one PNG.

Shapes and line styles repeat what colours say, and the colours suit colour-blind readers. Below
the headline, `title` names the run.
"""
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Polygon, Rectangle
from matplotlib.ticker import FuncFormatter, MaxNLocator

from .style import (
    BLUE,
    DPI,
    GREY,
    HALO,
    INK,
    MARGIN,
    ORANGE,
    WIDTH,
    draw_headline,
    own_style,
    plain_text,
    write_picture,
)

COLOURS = ("#332288", "#88CCEE", "#CC6677", "#117733", "#DDCC77", "#882255", "#44AA99", "#AA4499",
           "#999933", "#777777")
# with Paul Tol's muted colours above: 100 different pairs
MARKERS = ("o", "^", "s", "v", "D", "P", "<", "X", ">", "p")
SMOOTH = "bicubic"
SHOWN = 5  # neighbours of a query in one block
# headline, unit, {metric: name of the line}
PANELS = (("Loss", "nats, mean of the steps", {"loss": ""}),
          ("kNN accuracy", "on training images, leave one out", {"monitor_knn": ""}),
          ("Learning rate", "at the end of the epoch", {"lr": ""}),
          ("Nearest neighbours", "share (display only)",
           {"neighbor_accuracy": "same class", "self_match_rate": "same image"}),
          ("Age of the neighbours", "mean, steps", {"neighbor_age": ""}),
          ("Different neighbours", "number in a batch", {"unique_neighbors": ""}),
          ("Variance of the embeddings", "1 - |mean direction|²; 0 is a collapse",
           {"embedding_variance": ""}),
          ("Entropy of the weights", "of soft neighbours, nats", {"entropy": ""}),
          ("Stability of the clusters", "NMI with the epoch before", {"nmi": ""}),
          ("Drift of the constant Z", "true value / value in use", {"drift": ""}))
SHARES = ("monitor_knn", "neighbor_accuracy", "self_match_rate")


@own_style()
def draw_curves(metrics: Sequence[dict], path: str | Path, *, title: str = "") -> Path:
    """The rows of `Run.metrics` over the epochs, a panel for each metric; returns the PNG's path.

    A panel whose numbers are all missing or NaN is left out.
    """
    epochs = np.array([row["epoch"] for row in metrics])
    columns = {name: np.array([row.get(name, np.nan) for row in metrics], float) for _, _,
               s in PANELS for name in s}
    panels = [(head, unit, kept) for head, unit,
              series in PANELS
              if (kept := {name: label for name,
                           label in series.items() if np.isfinite(columns[name]).any()})]
    rows = -(-len(panels) // 3)
    fig, sheet, top = _sheet(WIDTH, 0.1 + 2.3 * rows, title, "Metrics during training")
    for i, (head, unit, series) in enumerate(panels):
        x, y = 0.72 + 2.9 * (i % 3), top + 2.3 * (i // 3)  # inches from the top left corner
        sheet.text(x, y + 0.3, head, fontsize=10.5, color=INK, weight="bold")
        sheet.text(x, y + 0.48, unit, fontsize=8.5, color=GREY)
        ax = fig.add_axes((x / WIDTH, 1 - (y + 1.95) / fig.get_figheight(), 2.15 / WIDTH,
                           1.4 / fig.get_figheight()))
        _panel(ax, epochs, {label: columns[name] for name, label in series.items()},
               any(s in SHARES for s in series))
    return write_picture(fig, path)


def _panel(ax, epochs, series, percent):
    """One panel; each line has its last number at the right, and its name at the left if needed."""
    first, last = epochs[0], epochs[-1]
    span = max(last - first, 1)
    lines = [(label, np.flatnonzero(np.isfinite(values)), values, *style) for (label, values), style
             in zip(series.items(), ((BLUE, "-"), (ORANGE, "--")), strict=False)]
    for _, known, values, colour, style in lines:
        ax.plot(epochs[known], values[known], style, color=colour, lw=1.6,
                marker="o" if len(epochs) <= 30 else "", ms=3)
        ax.plot(epochs[known[-1]], values[known[-1]], "o", color=colour, ms=5)
    low, high = ax.get_ylim()
    low, high = (0 if percent and low < 0.5 * high else low), max(high,
                                                                  0.01 if percent else -np.inf)
    step = 0.12 * (high - low)
    ax.set_ylim(low, high + (step if len(lines) > 1 else 0.3 * step))
    above_first = above_last = -np.inf  # two labels never lie on each other
    for label, known, values, colour, _ in sorted(lines, key=lambda line: line[2][line[1][-1]]):
        above_last = max(values[known[-1]], above_last + step)
        above_first = max(values[known[0]], above_first + step)
        text = f"{100 * values[known[-1]]:.1f} %" if percent else f"{values[known[-1]]:.3g}"
        style = {"textcoords": "offset points", "fontsize": 9, "color": colour,
                 "path_effects": HALO}
        ax.annotate(text, (last, above_last), (6, 0), va="center", **style)
        ax.annotate(label if len(lines) > 1 else "", (epochs[known[0]], above_first), (0, 6),
                    va="bottom", **style)
    ax.set_xlim(first - 0.05 * span, last + 0.3 * span)
    ax.set_xticks(np.unique([first, (first + last) // 2, last]))
    ax.yaxis.set_major_locator(MaxNLocator(4))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda y,
                                               _: f"{100 * y:.4g} %" if percent else f"{y:.4g}"))
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines["bottom"].set_bounds(first, last)
    ax.spines[["left", "bottom"]].set_color(GREY)
    ax.tick_params(colors=GREY, labelsize=8.5, length=3)
    ax.set_xlabel("epoch", fontsize=8.5, color=GREY, labelpad=1)


@own_style()
def draw_neighbors(gallery: Sequence[np.ndarray], images: np.ndarray, labels: np.ndarray,
                   class_names: Sequence[str], path: str | Path, *, title: str = "",
                   note: str = "", epochs: Sequence[int] = ()) -> Path:
    """Query images and their nearest neighbours after the first, middle and last epoch.

    gallery: indices (q, s) into images (n, h, w, 3) uint8, one array for each of `epochs` (1, 2,
    ... if empty); the queries are the first q images. note: a sentence below the images. Returns
    the PNG's path.
    """
    labels = np.asarray(labels)
    drawn = sorted({0, (len(gallery) - 1) // 2, len(gallery) - 1})
    blocks = [np.asarray(gallery[e])[:, :SHOWN] for e in drawn]
    numbers = epochs or range(1, len(gallery) + 1)
    queries, shown = blocks[0].shape
    # inches: between blocks, of the names beside the queries, and of a square with an image
    gap = 0.22
    indent = MARGIN + 0.95
    side = min(0.6, (WIDTH - indent - MARGIN - 3 * gap) / (1 + 3 * shown))
    left = indent + side + gap
    fig, ax, top = _sheet(max(left + len(blocks) * (shown * side + gap), 5.6),
                          queries * side + 1.06 + 0.25 * bool(note), title,
                          "Which images does the network find similar?")
    top += 0.63
    ax.text(indent + side / 2, top - 0.06, "query", ha="center", va="bottom", fontsize=9.5,
            color=GREY)
    for q in range(queries):
        _draw_image(ax, images[q], indent, top + q * side, side)
        ax.text(indent - 0.08, top + (q + 0.5) * side, plain_text(class_names[labels[q]], 13),
                ha="right", va="center", fontsize=9.5, color=INK)
    for block, (epoch, indices) in enumerate(zip(drawn, blocks, strict=True)):
        width = shown * side
        x = left + block * (width + gap)
        same = labels[indices] == labels[:queries, None]  # (q, shown)
        ax.text(x, top - 0.43, f"after epoch {numbers[epoch]}", va="bottom", fontsize=10.5,
                color=INK, weight="bold")
        ax.text(x, top - 0.19, f"{100 * same.mean():.0f} % of the same class", va="bottom",
                fontsize=9.5, color=INK)
        for share, face, edge, hatch in ((1, "white", ORANGE, "//////"),
                                         (same.mean(), BLUE, BLUE, None)):
            ax.add_patch(Rectangle((x, top - 0.14), width * share, 0.07, lw=0.8, fc=face, ec=edge,
                                   hatch=hatch))
        for q, s in np.ndindex(indices.shape):
            _draw_image(ax, images[indices[q, s]], x + s * side, top + q * side, side, same[q, s])
    x = left
    y = top + queries * side + 0.08
    for same, text in ((True, "same class as the query"), (False, "another class")):
        _draw_image(ax, None, x, y, 0.26, same)
        ax.text(x + 0.32, y + 0.13, text, va="center", fontsize=9, color=INK)
        x += 2.0
    ax.text(left, y + 0.38, plain_text(note, 80), va="center", fontsize=9, color=GREY)
    return write_picture(fig, path)


@own_style()
def draw_embedding(positions: np.ndarray, labels: np.ndarray, class_names: Sequence[str],
                   path: str | Path, *, title: str = "", images: np.ndarray | None = None) -> Path:
    """A map of the test features: positions (n, 2) by t-SNE, each class named where it is densest.

    images (n, h, w, 3) uint8: those of some points are drawn, where there is space. Returns the
    PNG's path.
    """
    positions, labels = np.asarray(positions), np.asarray(labels)
    low, high = positions.min(axis=0), positions.max(axis=0)
    # inches per unit
    scale = min((WIDTH - 0.8) / max(high[0] - low[0], 1e-9), 6.2 / max(high[1] - low[1], 1e-9))
    height = max((high[1] - low[1]) * scale, 2.0)
    fig, ax, top = _sheet(WIDTH, height + 0.95, title, "t-SNE map of the test features")
    # inches on the sheet
    at = (positions - (low + high) / 2) * (scale, -scale) + (WIDTH / 2, top + 0.4 + height / 2)
    names, points = [], []
    for c in np.unique(labels):
        style = {"ls": "", "color": COLOURS[c % 10], "marker": MARKERS[(c + c // 10) % 10]}
        members = at[labels == c]
        points.append(_densest(members, at, 0.3))
        ax.plot(*members.T, ms=4.2, mew=0, alpha=0.75, zorder=1, **style)
        ax.plot(*points[-1], ms=9.5, mec="white", mew=1.2, zorder=4, **style)
        names.append(ax.text(0, 0, plain_text(class_names[c], 24), ha="center", va="center",
                             weight="bold", color=INK,
                             fontsize=11 if len(class_names) <= 20 else 7.5, zorder=5,
                             path_effects=HALO))
    taken = _place(names, np.array(points), fig.get_size_inches())
    for (x, y), (end_x, end_y) in zip(points, taken[:, :2], strict=True):
        far = np.hypot(x - end_x, y - end_y) > 0.25
        ax.plot([x, end_x], [y, end_y], color=GREY, lw=0.8 if far else 0, zorder=3)
    side = 0.32 if images is not None else np.inf
    # images, as long as none covers another or a name
    for i in np.random.default_rng(0).permutation(len(at)):
        if (np.abs(taken[:, :2] - at[i]) > taken[:, 2:] + side / 2).any(axis=1).all():
            taken = np.vstack([taken, [*at[i], 0.6 * side, 0.6 * side]])
            _draw_image(ax, None if images is None else images[i], at[i, 0] - side / 2,
                     at[i, 1] - side / 2, side)
            ax.add_patch(Rectangle(at[i] - 0.45 * side, 0.9 * side, 0.9 * side, fill=False,
                                   edgecolor=COLOURS[labels[i] % 10], lw=1.5, zorder=2))
    ax.text(WIDTH / 2, fig.get_figheight() - 0.13, "Near neighbours stay near; the distances "
            "between clusters, and their sizes, mean little.",
            ha="center", fontsize=9, color=GREY)
    return write_picture(fig, path)


def _densest(members, points, radius):
    """The member of a class with the largest number times share of members within the radius."""
    def density(neighbors):
        return np.exp(-((((members[:, None] - neighbors) / radius) ** 2).sum(axis=2))).sum(axis=1)
    return members[(density(members) ** 2 / density(points)).argmax()]


def _place(names, points, sheet):
    """Put each name above its point, without overlaps; their centres and half sizes (m, 4), inches.
    """
    half = np.array([name.get_window_extent().size for name in names]) / DPI / 2 + 0.015
    centres = points - (0, 0.17)
    for _ in range(300):
        offsets = centres[:, None] - centres
        overlap = half[:, None] + half - np.abs(offsets)  # (m, m, 2)
        i, j = np.nonzero(np.triu((overlap > 0).all(axis=2), 1))
        axis = overlap[i, j].argmin(axis=1)  # the shorter way out
        push = np.where(offsets[i, j, axis] < 0, -0.3, 0.3) * overlap[i, j, axis]
        np.add.at(centres, (i, axis), push)
        np.add.at(centres, (j, axis), -push)
        centres = np.clip(centres, half, sheet - half)
    for name, centre in zip(names, centres, strict=True):
        name.set_position(centre)
    return np.hstack([centres, half])


@own_style()
def draw_views(originals: np.ndarray, views: np.ndarray, path: str | Path, *,
               title: str = "") -> Path:
    """Images (n, h, w, 3) uint8 and their random views (n, k, h, w, 3) in [0, 1]; returns the path.
    """
    n, k = views.shape[:2]
    side = min(0.8, (WIDTH - 2 * MARGIN - 0.3) / (1 + k))
    fig, ax, top = _sheet(max(2 * MARGIN + 0.3 + (1 + k) * side, 5.6), n * side + 0.4, title,
                          "Random views of training images")
    top += 0.25
    left = MARGIN + side + 0.3
    for x, text in ((MARGIN + 0.02, "the image"),
                    (left, "its views: different pixels, the same object")):
        ax.text(x, top - 0.07, text, va="bottom", fontsize=10, color=GREY)
    for i in range(n):
        _draw_image(ax, originals[i], MARGIN, top + i * side, side)
        for j in range(k):
            _draw_image(ax, np.clip(views[i, j], 0, 1), left + j * side, top + i * side, side)
    return write_picture(fig, path)


def _sheet(width, height, title, headline):
    """A figure, its axes in inches from the top left corner, and the height of the headline."""
    fig = Figure((width, height + 0.42 + 0.2 * bool(title)), DPI)
    ax = fig.add_axes((0, 0, 1, 1))
    ax.set(xlim=(0, width), ylim=(fig.get_figheight(), 0), autoscale_on=False)
    ax.set_axis_off()
    return fig, ax, draw_headline(fig, title, headline)


def _draw_image(ax, image, x, y, side, same=None):
    """An image (h, w, 3) in a square of the sheet, with a frame if `same` is given.

    True: a solid blue frame; False: a dashed orange one with a corner.
    """
    inner = (0.05 if same is None else 0.1) * side
    x0, x1 = x + inner, x + side - inner
    y0, y1 = y + inner, y + side - inner
    if image is not None:
        ax.imshow(image, extent=(x0, x1, y1, y0), aspect="auto", interpolation=SMOOTH, zorder=2)
    if same is not None:
        style = {"edgecolor": BLUE, "lw": 2.4} if same else \
            {"edgecolor": ORANGE, "lw": 1.1, "linestyle": (0, (3, 1.5))}
        ax.add_patch(Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, zorder=2, **style))
    if same is not None and not same:
        cut = 0.22 * side
        ax.add_patch(Polygon([(x1, y0), (x1 - cut, y0), (x1, y0 + cut)], facecolor=ORANGE,
                             linewidth=0, zorder=2))
