"""Figures with a description in words, for readers who cannot see them."""
import io

import numpy as np
from matplotlib.figure import Figure
from PIL import Image as Picture


def show(figure: Figure, alt: str) -> None:
    """Display a figure as a PNG with the alternative text `alt`, and print that sentence below it.

    Raises ValueError unless alt is a sentence of at least 20 characters, and not one of the
    figure's titles.
    """
    alt = " ".join(alt.split())
    titles = [*(" ".join(ax.get_title().split()) for ax in figure.axes), figure.get_suptitle()]
    is_title = alt.rstrip(".") in [title.rstrip(".") for title in titles]
    if len(alt) < 20 or not alt.endswith(".") or is_title:
        raise ValueError("show: alt: expected a sentence of 20 characters or more that describes "
                         f"the figure, with a full stop, and no title; got {alt!r}")
    data = png(figure)
    try:
        # only in a notebook; elsewhere the sentence is printed alone
        from IPython.display import Image, display
    except ImportError:
        pass
    else:
        display(Image(data=data, format="png", alt=alt))
    print(f"Figure: {alt}")


def png(figure: Figure) -> bytes:
    """The figure at 80 dots an inch, with 256 colours if no value changes by more than 8 of 255.

    Drawings become three to four times smaller by this; photographs keep all their colours.
    """
    file, smaller = io.BytesIO(), io.BytesIO()
    figure.savefig(file, format="png", dpi=80, bbox_inches="tight", facecolor="white",
                   metadata={"Software": None})
    whole = Picture.open(file, formats=("PNG",)).convert("RGB")
    few = whole.quantize(256, method=Picture.Quantize.MAXCOVERAGE, dither=Picture.Dither.NONE)
    moved = np.abs(np.asarray(few.convert("RGB"), np.int16) - np.asarray(whole, np.int16)).max()
    (few if moved <= 8 else whole).save(smaller, "png", optimize=True)
    return smaller.getvalue()
