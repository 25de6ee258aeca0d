"""The roofline: the speed of each kernel beside the limit of memory and arithmetic."""
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from ...storage.atomic import write_whole
from ..plots.style import own_style

MARK = "tinynnclr bench"  # in the metadata of the PNG
# markers and colours (Okabe and Ito)
MARKS = {"matmul": ("o", "#0072B2"), "conv forward": ("s", "#D55E00"),
         "conv grad_input": ("^", "#009E73"), "conv grad_weight": ("v", "#CC79A7"),
         "search": ("D", "#E69F00")}


@own_style()
def draw_roofline(rows: Sequence[dict], peak: float, bandwidth: float, path: str | Path) -> Path:
    """Write a PNG from the rows of `bench`; peak in GFLOP/s, bandwidth in GB/s."""
    figure = Figure((8, 5), dpi=130, layout="constrained")
    axes = figure.add_subplot(xscale="log", yscale="log", xlabel="operations for each byte that "
                              "must be moved", ylabel="GFLOP/s")
    x = np.geomspace(0.5, 2000, 200)
    axes.plot(x, np.minimum(peak, bandwidth * x), color="#444444",
              label=f"roof: {peak:.0f} GFLOP/s, {bandwidth:.0f} GB/s")
    for measure, (marker, colour) in MARKS.items():
        points = {(row["intensity"], row["gflops"]) for row in rows
                  if row["measure"] == measure and row.get("intensity")}
        if points:
            x_points, y_points = zip(*sorted(points), strict=True)
            axes.scatter(x_points, y_points, marker=marker, color=colour, s=36, label=measure,
                         zorder=3)
    axes.set_title("How close are the kernels to what this machine can do?", loc="left")
    axes.set_xticks([1, 10, 100, 1000], ["1", "10", "100", "1000"])
    axes.set_yticks(steps := [s * 10**e for e in range(5) for s in (1, 2, 5)],
                    [str(s) for s in steps])
    axes.set_yticks([], minor=True)
    axes.set_ylim(min(5.0, bandwidth / 2), 2 * peak)
    axes.grid(True, which="major", color="#DDDDDD")
    axes.legend(frameon=False)
    path = Path(path)
    write_whole(path, lambda file: figure.savefig(file, format="png", metadata={"Software": MARK}))
    return path


def drawn(path: Path) -> bool:
    """Whether `draw_roofline` wrote the file."""
    with open(path, "rb") as file:
        return MARK.encode() in file.read(1000)
