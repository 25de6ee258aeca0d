"""Pictures with words: each figure of a lesson says in a sentence what it shows, for those who cannot see it."""
import io

from matplotlib.figure import Figure


def show(figure: Figure, alt: str) -> None:
    """Display a figure as a PNG with `alt` as its text, and print that sentence below it.

    Raises ValueError unless alt is a sentence of at least 20 characters, and not one of the figure's titles.
    """
    alt = " ".join(alt.split())
    titles = {" ".join(ax.get_title().split()) for ax in figure.axes} | {figure.get_suptitle()}
    if len(alt) < 20 or not alt.endswith(".") or alt.rstrip(".") in {title.rstrip(".") for title in titles}:
        raise ValueError(f"show: alt: expected a sentence of 20 characters or more that says what is to be seen, "
                         f"with its full stop, and no title; got {alt!r}")
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=80, bbox_inches="tight", facecolor="white", metadata={"Software": None})
    try:
        from IPython.display import Image, display  # there in a notebook; elsewhere the sentence must do
    except ImportError:
        pass
    else:
        display(Image(data=file.getvalue(), format="png", alt=alt))
    print(f"Figure: {alt}")
