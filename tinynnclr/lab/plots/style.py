"""What all pictures share: size, colours, headline, text that the font can draw, and the file."""
import contextlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.patheffects import withStroke

from ...storage.atomic import write_whole

# inches: 1170 pixels, which stay sharp where a page shows them 900 wide
DPI, WIDTH, MARGIN = 130, 9.0, 0.12
# blue, orange: Okabe and Ito
INK, GREY, PALE, BLUE, ORANGE = "#222222", "#666666", "#CCCCCC", "#0072B2", "#D55E00"
COLOURS = (BLUE, ORANGE, "#009E73", "#CC79A7")  # of series, also Okabe and Ito's
MARKERS = "os^D"
HALO = [withStroke(linewidth=3, foreground="white")]


@contextlib.contextmanager
def own_style() -> Iterator[None]:
    """A context or decorator in which Matplotlib's defaults replace the user's settings."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        yield


def draw_headline(fig: Figure, title: str, headline: str) -> float:
    """Write headline and title at the top left; returns their height in inches."""
    width, height = fig.get_size_inches()
    fig.text(MARGIN / width, 1 - 0.12 / height, plain_text(headline, 200), va="top", fontsize=14,
             weight="bold", color=INK)
    fig.text(MARGIN / width, 1 - 0.41 / height, plain_text(title, int(13 * width)), va="top",
             fontsize=9.5, color=GREY)
    return 0.42 + 0.2 * bool(title)


def plain_text(text: str, limit: int) -> str:
    """One line that the font can draw, of at most `limit` characters.

    A character without a glyph becomes "?", "$" does not begin a formula, a long tail becomes "…".
    """
    text = "".join(c if ord(c) in _glyphs() else "?" for c in " ".join(str(text).split()))
    text = text if len(text) <= limit else text[:limit - 1].rstrip() + "…"
    return text.replace("$", r"\$")


@cache
def _glyphs():
    return frozenset(get_font(findfont(FontProperties())).get_charmap())


def keep_inside(fig: Figure) -> None:
    """Shorten each text that would be cut off at the left or right edge."""
    for text in [*fig.texts, *(text for ax in fig.axes for text in ax.texts)]:
        while len(words := text.get_text()) > 2:
            box = text.get_window_extent()
            if box.x0 >= 0 and box.x1 <= fig.bbox.width:
                break
            text.set_text(words.rstrip("…")[:-1].rstrip("\\ ") + "…")


def write_picture(fig: Figure, path: str | Path) -> Path:
    """Write the figure as a PNG, in a folder that is made if missing; returns its path."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    keep_inside(fig)
    write_whole(path, lambda f: fig.savefig(f, format="png", facecolor="white",
                                            metadata={"Software": None}))
    return path
