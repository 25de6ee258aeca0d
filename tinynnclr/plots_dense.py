"""The pictures of scenes: where things are, by masks, boxes and key points; and where a network says that they are."""
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from .datasets.playroom import CLASS_NAMES, Playroom
from .plots_style import DPI, GREY, HALO, INK, MARGIN, WIDTH, draw_headline, write_picture

COLOURS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00")  # Okabe and Ito's, one a thing of a scene
MARKERS = "^vso"  # top, bottom, front, back


def draw_scene(ax: Axes, image: np.ndarray, labels: np.ndarray, boxes: np.ndarray, masks: np.ndarray,
               points: np.ndarray) -> None:
    """One picture (h, w, 3) with things (t,): boxes (t, 4), masks (t, h, w) bool, points (t, 4, 3)."""
    size = len(image)
    ax.imshow(image, interpolation="nearest")
    for k, (label, box, mask, keypoints) in enumerate(zip(labels, boxes, masks, points, strict=True)):
        colour, (x0, y0, x1, y1) = COLOURS[k % len(COLOURS)], box
        tint = np.zeros((*mask.shape, 4))
        tint[mask] = *(int(colour[i:i + 2], 16) / 255 for i in (1, 3, 5)), 0.4
        ax.imshow(tint, interpolation="nearest")
        ax.add_patch(Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, edgecolor=colour, linewidth=1.6))
        ax.text(min(max(x0, 0), size - 4 - 2.4 * len(CLASS_NAMES[label])), max(y0 - 0.8, 4), CLASS_NAMES[label],
                fontsize=7.5, color=colour, va="bottom", path_effects=HALO)
        for (x, y, visible), marker in zip(keypoints, MARKERS, strict=True):
            if visible:
                ax.plot(x, y, marker, color=colour, markersize=4, markeredgecolor="white", markeredgewidth=0.7)
    ax.set(xlim=(-0.5, size - 0.5), ylim=(size - 0.5, -0.5), xticks=[], yticks=[])
    ax.spines[:].set_visible(False)


def draw_playroom(scenes: Playroom, path: str | Path, *, title: str = "") -> Path:
    """The first nine scenes, without and with what is known of them."""
    rows, columns, side = 3, 3, 2.85
    fig = Figure((WIDTH, 0.95 + rows * (side + 0.08)), dpi=DPI)
    height = fig.get_figheight()
    top = draw_headline(fig, title or "masks tinted; key points: ▲ top, ▼ bottom, ■ front, ● back, those hidden left out",
                        "Which things are in the picture, and where?")
    for i in range(min(rows * columns, len(scenes))):
        one, (row, column) = scenes.take(np.array([i])), divmod(i, columns)
        ax = fig.add_axes(((MARGIN + column * (side + 0.08)) / WIDTH,
                           1 - (top + 0.12 + (row + 1) * (side + 0.08)) / height, side / WIDTH, side / height))
        draw_scene(ax, one.images[0], one.labels, one.boxes, one.masks, one.keypoints)
    return write_picture(fig, path)
