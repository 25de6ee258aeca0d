"""Pictures with words: each figure of a lesson says in a sentence what it shows, for those who
cannot see it.
"""
import io

import numpy as np
from matplotlib.figure import Figure
from PIL import Image as Picture


def show(figure: Figure, alt: str) -> None:
    """Display a figure as a PNG with `alt` as its text, and print that sentence below it.

    Raises ValueError unless alt is a sentence of at least 20 characters, and not one of the
    figure's titles.
    """
    alt = " ".join(alt.split())
    titles = {" ".join(ax.get_title().split()) for ax in figure.axes} | {figure.get_suptitle()}
    if len(alt) < 20 or not alt.endswith(".") or alt.rstrip(".") in {title.rstrip(".") for title
                                                                     in titles}:
        raise ValueError("show: alt: expected a sentence of 20 characters or more that says what "
                         f"is to be seen, with its full stop, and no title; got {alt!r}")
    data = png(figure)
    try:
        # there in a notebook; elsewhere the sentence must do
        from IPython.display import Image, display
    except ImportError:
        pass
    else:
        display(Image(data=data, format="png", alt=alt))
    print(f"Figure: {alt}")


def png(figure: Figure) -> bytes:
    """The figure at 80 dots an inch, with a palette of 256 colours where no value moves by more
    than 8 of 255.

    That is so for drawings, and makes them three to four times as small; photographs keep all their
    colours.
    """
    file, smaller = io.BytesIO(), io.BytesIO()
    figure.savefig(file, format="png", dpi=80, bbox_inches="tight", facecolor="white",
                   metadata={"Software": None})
    whole = Picture.open(file, formats=("PNG",)).convert("RGB")
    few = whole.quantize(256, method=Picture.Quantize.MAXCOVERAGE, dither=Picture.Dither.NONE)
    moved = np.abs(np.asarray(few.convert("RGB"), np.int16) - np.asarray(whole, np.int16)).max()
    (few if moved <= 8 else whole).save(smaller, "png", optimize=True)
    return smaller.getvalue()
