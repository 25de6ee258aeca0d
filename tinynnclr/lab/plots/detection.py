"""Pictures of scenes: masks, boxes and key points, true ones and those that detectors predict."""
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ..detection.average_precision import box_overlap
from ..detection.evaluate import DetectionResult
from ..detection.playroom import CLASS_NAMES, Playroom
from ..protocols.context import grouped
from .dots import ROW, draw_legend, draw_rows_on, series_of
from .style import (
    DPI,
    GREY,
    HALO,
    INK,
    MARGIN,
    WIDTH,
    draw_headline,
    own_style,
    write_picture,
)

# of the objects of a scene, Okabe and Ito's
COLOURS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00")
UNMATCHED = "#333333"  # a predicted object where there is none
MARKERS = "^vso"  # top, bottom, front, back
PREDICTED = "predictions on test scenes, in the colour of the true object there; dark if none"
LEGEND = "key points: ▲ top, ▼ bottom, ■ front, ● back"
# inches: between scenes, height of the measures, height of a row's heading
GAP, MEASURES, LINE = 0.08, 2.7, 0.3


def draw_scene(ax: Axes, scene: Playroom, truth: Playroom, fontsize: float) -> None:
    """A scene with its objects, each in the colour of the true one that its box overlaps by half.
    """
    size = scene.images.shape[1]
    ax.imshow(scene.images[0], interpolation="nearest")
    overlaps = box_overlap(scene.boxes, truth.boxes)
    for k, (label, box, mask, points) in enumerate(zip(scene.labels, scene.boxes, scene.masks,
                                                       scene.keypoints, strict=True)):
        match = overlaps[k].argmax()
        colour = COLOURS[match] if overlaps[k, match] >= 0.5 else UNMATCHED
        x0, y0, x1, y1 = box
        tint = np.zeros((*mask.shape, 4))
        tint[mask] = *(int(colour[i:i + 2], 16) / 255 for i in (1, 3, 5)), 0.4
        ax.imshow(tint, interpolation="nearest")
        ax.add_patch(Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, edgecolor=colour,
                               linewidth=1.6))
        ax.text(min(x0, size - 4 - 0.32 * fontsize * len(CLASS_NAMES[label])), max(y0 - 0.8, 5),
                CLASS_NAMES[label], fontsize=fontsize, color=colour, va="bottom", path_effects=HALO)
        for (x, y, visible), marker in zip(points, MARKERS, strict=True):
            if visible:
                ax.plot(x, y, marker, color=colour, markersize=4, markeredgecolor="white",
                        markeredgewidth=0.7)
    ax.set(xlim=(-0.5, size - 0.5), ylim=(size - 0.5, -0.5), xticks=[], yticks=[])
    ax.spines[:].set_visible(False)


@own_style()
def draw_dense(result: DetectionResult, path: str | Path, title: str) -> Path:
    """Dots of the measures; below them test scenes, with true and predicted objects."""
    rows = [] if result.truth is None else [("the truth", result.truth), *result.found.items()]
    side = (WIDTH - 2 * MARGIN - 3 * GAP) / 4
    height = 0.8 + MEASURES + (0.4 + len(rows) * (side + LINE + GAP) if rows else 0.1)
    fig = Figure((WIDTH, height), dpi=DPI)
    top = draw_headline(fig, title, "Accuracy of detection, with baselines")
    _draw_measures(fig, result, top + 0.1)
    y = top + MEASURES + 0.5
    for name, scenes in rows:
        truth = scenes is result.truth
        note = f"masks are tinted; {LEGEND}" if truth else PREDICTED
        fig.text(MARGIN / WIDTH, 1 - (y + 0.05) / height, name, va="top", fontsize=10.5,
                 weight="bold", color=INK)
        fig.text(1 - MARGIN / WIDTH, 1 - (y + 0.06) / height, note, va="top", ha="right",
                 fontsize=9, color=GREY)
        for k in range(min(4, len(scenes))):
            one = np.array([k])
            ax = _square(fig, MARGIN + k * (side + GAP), y + LINE, side)
            draw_scene(ax, scenes.take(one),
                       result.truth.take(one) if result.truth else scenes.take(one), 6.5)
        y += side + LINE + GAP
    return write_picture(fig, path)


def _draw_measures(fig, result, top):
    """A row of dots for each measure, a marker for each encoder and way."""
    groups = {", ".join(word for _, word in words): numbers
              for words, numbers in grouped(result.rows).items()}
    measures = list(dict.fromkeys(name for numbers in groups.values() for name in numbers))
    panel = {measure: {name: [value for value in numbers[measure] if value == value] or [0.0]
                       for name, numbers in groups.items()} for measure in measures}
    series = series_of([panel])
    inches = ROW * len(measures)
    height = fig.get_figheight()
    draw_legend(fig, series, top, columns=3)
    ax = fig.add_axes((1.2 / WIDTH, 1 - (top + 0.6 + inches) / height, (WIDTH - 1.4) / WIDTH,
                       inches / height))
    draw_rows_on(ax, measures, panel, series, {})


def _square(fig, left, top, side):
    """A square axes: its side, and its distance from the figure's left and top, in inches."""
    height = fig.get_figheight()
    return fig.add_axes((left / WIDTH, 1 - (top + side) / height, side / WIDTH, side / height))
