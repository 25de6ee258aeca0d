"""The dot plot of a comparison, a whole PNG from whatever it may hold; and texts that stay where
they can be read.
"""
import numpy as np
import pytest
from one_line import fails
from test_plots import _quiet, check, out, pictures, rows  # noqa: F401

from tinynnclr.lab.plots.comparison import _parts, draw_comparison
from tinynnclr.lab.plots.run import draw_curves, draw_embedding, draw_neighbors

FLOORS = [("raw pixels", 0.346), ("random weights", 0.456)]


def arms(low, high, spread, seeds, names=("nnclr", "moco:negatives=ring:anneal=linear", "simclr")):
    rng = np.random.default_rng(0)
    return [(name, (mean + spread * rng.uniform(-1, 1, seeds)).clip(0, 1).tolist())
            for name, mean in zip(names, np.linspace(high, low, len(names)), strict=True)]


CASES = {"far apart": (arms(0.5, 0.97, 0.01, 5), FLOORS),
         "close": (arms(0.96, 0.97, 0.004, 5), FLOORS),
         "one run": (arms(0.5, 0.5, 0, 1, ["nnclr"]), FLOORS),
         "equal": (arms(0.9, 0.9, 0, 3), FLOORS), "all perfect": (arms(1, 1, 0, 2),
                                                                  [("raw pixels", 1.0)]),
         "all wrong": (arms(0, 0, 0, 2), [("raw pixels", 0.0)]),
         "below the floors": (arms(0.1, 0.2, 0.01, 2), FLOORS),
         "no floors": (arms(0.4, 0.6, 0.1, 2), []), "wide intervals": (arms(0.2, 0.8, 0.2, 2),
                                                                       [*FLOORS,
                                                                        (
        "random weights of $cmc$ and many, many others", 0.46)]),
         "many": (arms(0.3, 0.9, 0.05, 3, [f"arm{i}:{'lr=0.1:' * (i % 9)}seed" for i in range(18)]),
                  FLOORS)}


@pytest.mark.parametrize("name", CASES)
def test_a_whole_picture(name, out):  # noqa: F811
    width, height = check(draw_comparison(*CASES[name], out, title="toybox, tiny_cnn"), out)
    assert width == 1170
    assert height > 54 * len(CASES[name][0])


def test_the_axis_is_broken_where_the_arms_would_be_one_dot():
    intervals = [(0.97, 0.01), (0.96, None)]
    strip, panel = _parts([[0.97, 0.971], [0.96]], intervals, [0.35, 0.45])
    assert strip[0] < 0.35 < 0.45 < strip[1] < panel[0] < 0.96 < 0.98 < panel[1]
    ((low, high, *_),) = _parts([[0.97, 0.971], [0.6]], [(0.97, 0.01), (0.6, None)], [0.35, 0.45])
    assert low < 0.35
    assert high > 0.98


def test_errors(out):  # noqa: F811
    with fails(ValueError, "draw_comparison: arms: expected at least one"):
        draw_comparison([], FLOORS, out)
    with fails(ValueError, "draw_comparison: nnclr: expected finite accuracies, got"):
        draw_comparison([("nnclr", [float("nan")])], FLOORS, out)
    with fails(ValueError, "draw_comparison: nnclr: expected finite"):
        draw_comparison([("nnclr", [])], FLOORS, out)
    assert not out.exists()


@pytest.mark.parametrize("letter", ["W", "i", "$", "\\"])
def test_no_text_is_cut_off_at_an_edge(rng, out, monkeypatch, letter):  # noqa: F811
    figures = []
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda self, *_,
                        **__: figures.append(self))
    images, name = pictures(rng, 22), letter * 300
    draw_neighbors([np.arange(22).reshape(11, 2)], images, np.arange(22) % 2, (name, name), out,
                   title=name)
    draw_comparison([(f"nnclr:{name}", [0.5, 0.6]), (name, [0.1, 0.2])], [(name, 0.3)], out,
                    title=name)
    draw_embedding(rng.standard_normal((22, 2)), np.arange(22) % 2, (name, name), out, title=name)
    for fig in figures:
        for text in [*fig.texts, *fig.axes[0].texts]:
            box = text.get_window_extent()
            assert 0 <= box.x0 <= box.x1 <= fig.bbox.width, text.get_text()


def test_curves_of_small_numbers_have_no_factor_above_the_axis(out, monkeypatch):  # noqa: F811
    """Matplotlib's own, "1e-5", lies on the line that says what is drawn."""
    figures = []
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda self, *_,
                        **__: figures.append(self))
    draw_curves([{**row, "lr": 5.45e-5, "loss": 1e9} for row in rows(2)], out)
    for ax in figures[0].axes[1:]:
        ax.get_tightbbox()
        assert ax.yaxis.get_offset_text().get_text() == ""
