"""A guess before a measurement, drawn beside its result."""
from types import EllipsisType

from matplotlib.axes import Axes

from tinynnclr.lab.plots.style import HALO, ORANGE

_guesses: dict[str, float] = {}


def predict(name: str, **value: float | EllipsisType) -> None:
    """Keep a guess, one number with its unit: predict("11.python", seconds=3); ... is no guess yet.

    Raises ValueError for no or several values, or for what is no number.
    """
    if len(value) != 1:
        raise ValueError(f"predict: {name}: expected one unit=number, got "
                         f"{sorted(value) or 'none'}")
    ((unit, number),) = value.items()
    if isinstance(number, EllipsisType):
        _guesses.pop(name, None)
        print(f"{name}: no guess yet; write a number in place of ... and run the cell again")
        return
    if type(number) not in (int, float) or not abs(number) < float("inf"):
        raise ValueError(f"predict: {name}: {unit}: expected a number, got {number!r}")
    _guesses[name] = float(number)
    print(f"{name}: your guess is {number:g} {unit.replace('_', ' ')}")


def guess(name: str) -> float | None:
    """The guessed number, or None."""
    return _guesses.get(name)


def draw_guess(ax: Axes, name: str, axis: str = "y") -> None:
    """Draw a dotted line at the guess on its axis ("x" or "y"), if there is a guess.

    Outside of fixed limits an arrow at the edge with the number replaces it, so that the figure
    keeps its limits. Set limits and scale first. Raises ValueError for another axis.
    """
    if axis not in ("x", "y"):
        raise ValueError(f"draw_guess: axis: expected x or y, got {axis!r}")
    number = guess(name)
    if number is None:
        return
    first, last = getattr(ax, f"get_{axis}lim")()
    fixed = not getattr(ax, f"get_autoscale{axis}_on")()
    no_logarithm = number <= 0 and getattr(ax, f"get_{axis}scale")() == "log"
    if no_logarithm or fixed and not min(first, last) <= number <= max(first, last):
        far = bool(number > max(first, last)) == bool(first < last)
        _at_the_edge(ax, number, axis == "x", far)
        return
    style = {"color": ORANGE, "fontsize": 9, "path_effects": HALO}
    if axis == "x":
        ax.axvline(number, color=ORANGE, ls=":", lw=1.5)
        ax.annotate("your guess", (number, 0.98), xycoords=ax.get_xaxis_transform(), rotation=90,
                    va="top", **style)
    else:
        ax.axhline(number, color=ORANGE, ls=":", lw=1.5)
        ax.annotate("your guess", (0.02, number), xycoords=ax.get_yaxis_transform(), va="bottom",
                    **style)


def _at_the_edge(ax, number, upright, far):
    """An arrow at the near or far end of the axes, pointing outward, with the number beside it."""
    end = 0.98 if far else 0.02
    place, marker = ((end, 0.9), "<>"[far]) if upright else ((0.05, end), "v^"[far])
    ax.plot(*place, marker, color=ORANGE, mec="white", ms=9, transform=ax.transAxes, zorder=5)
    inward = (-9 if far else 9, 0) if upright else (9, 0)
    ax.annotate(f"your guess: {number:,.10g}" if abs(number) < 1e6 else f"your guess: {number:.3g}",
                place, inward, xycoords="axes fraction", textcoords="offset points",
                ha="right" if upright and far else "left",
                va="center" if upright else "top" if far else "bottom", color=ORANGE, fontsize=9,
                path_effects=HALO)
