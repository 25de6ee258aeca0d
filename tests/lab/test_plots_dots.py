"""The dot plots of arms and of protocols, and the curves: every number is where it belongs."""
import numpy as np
import pytest
from matplotlib.figure import Figure
from test_plots import _quiet, check, out, pictures, rows  # noqa: F401

from tinynnclr.lab.plots import dots, lines
from tinynnclr.lab.plots.dots import axis_parts, draw_arms
from tinynnclr.lab.plots.finding import draw_finding
from tinynnclr.lab.plots.lines import Line, draw_lines
from tinynnclr.lab.plots.run import draw_curves, draw_embedding, draw_neighbors
from tinynnclr.lab.protocols.context import EvalResult

LEVELS = {"raw pixels": 0.346, "random weights": 0.456}
ENCODERS = {"nnclr": 0.8, "random weights": 0.4, "raw pixels": 0.3}


@pytest.fixture
def figures(monkeypatch):
    """The figures that were drawn."""
    drawn = []

    def figure(*arguments, **options):
        drawn.append(Figure(*arguments, **options))
        return drawn[-1]

    for module in (dots, lines):
        monkeypatch.setattr(module, "Figure", figure)
    return drawn


# ---------------------------------------------------------------- arms


def arms(low, high, spread, seeds, names=("nnclr", "moco:negatives=ring:anneal=linear", "simclr")):
    rng = np.random.default_rng(0)
    return {name: (mean + spread * rng.uniform(-1, 1, seeds)).clip(0, 1).tolist()
            for name, mean in zip(names, np.linspace(high, low, len(names)), strict=True)}


CASES = {
    "far apart": (arms(0.5, 0.97, 0.01, 5), LEVELS), "close": (arms(0.96, 0.97, 0.004, 5), LEVELS),
    "one run": (arms(0.5, 0.5, 0, 1, ["nnclr"]), LEVELS), "equal": (arms(0.9, 0.9, 0, 3), LEVELS),
    "all perfect": (arms(1, 1, 0, 2), {"raw pixels": 1.0}),
    "all wrong": (arms(0, 0, 0, 2), {"raw pixels": 0.0}),
    "below the levels": (arms(0.1, 0.2, 0.01, 2), LEVELS),
    "no levels": (arms(0.4, 0.6, 0.1, 2), {}),
    "between levels": (arms(0.4, 0.6, 0.1, 2), {**LEVELS, "supervised": 0.97}),
    "wide intervals": (arms(0.2, 0.8, 0.2, 2),
                       {**LEVELS, "random weights of $cmc$ and many, many others": 0.46}),
    "many": (arms(0.3, 0.9, 0.05, 3, [f"arm{i}:{'lr=0.1:' * (i % 9)}seed" for i in range(18)]),
             LEVELS)}


@pytest.mark.parametrize("name", CASES)
def test_a_whole_picture_of_arms(name, out):  # noqa: F811
    width, height = check(draw_arms(*CASES[name], out, title="toybox, tiny_cnn"), out)
    assert width == 1170
    assert height > 54 * len(CASES[name][0])


def test_the_axis_is_broken_where_the_arms_would_be_one_dot():
    strip, panel = axis_parts([[0.96, 0.97], [0.96]], [0.35, 0.45])
    assert strip[0] < 0.35 < 0.45 < strip[1] < panel[0] < 0.91  # 12.706 * 0.005 below the mean
    assert panel[1] > 1
    ((low, high, *_),) = axis_parts([[0.97, 0.971], [0.6]], [0.35, 0.45])
    assert low < 0.35
    assert high > 0.97
    # an upper bound belongs to the arms
    assert axis_parts([[0.9]], [0.1, 0.95])[1][1] > 0.95


@pytest.mark.parametrize("letter", ["W", "i", "$", "\\"])
def test_no_text_is_cut_off_at_an_edge(rng, out, monkeypatch, letter):  # noqa: F811
    saved = []
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda self, *_,
                        **__: saved.append(self))
    images, name = pictures(rng, 22), letter * 300
    draw_neighbors([np.arange(22).reshape(11, 2)], images, np.arange(22) % 2, (name, name), out,
                   title=name)
    draw_arms({f"nnclr:{name}": [0.5, 0.6], name: [0.1, 0.2]}, {name: 0.3}, out, title=name)
    draw_embedding(rng.standard_normal((22, 2)), np.arange(22) % 2, (name, name), out, title=name)
    for fig in saved:
        for text in [*fig.texts, *fig.axes[0].texts]:
            box = text.get_window_extent()
            assert 0 <= box.x0 <= box.x1 <= fig.bbox.width, text.get_text()


def test_curves_of_small_numbers_have_no_factor_above_the_axis(out, monkeypatch):  # noqa: F811
    """Matplotlib's own, "1e-5", would cover the panel's name."""
    saved = []
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda self, *_,
                        **__: saved.append(self))
    draw_curves([{**row, "lr": 5.45e-5, "loss": 1e9} for row in rows(2)], out)
    for ax in saved[0].axes[1:]:
        ax.get_tightbbox()
        assert ax.yaxis.get_offset_text().get_text() == ""


# ---------------------------------------------------------------- protocols


def sets_result(arms=1, seeds=1, interval=None):
    names = {**{f"arm {i}": 0.9 - 0.1 * i for i in range(arms - 1)}, **ENCODERS}
    return EvalResult([{"encoder": name, "to": to, "how": how, "accuracy": height + 0.02 * seed,
                        **({"interval": interval} if interval else {"chance": chance})}
                       for seed in range(seeds) for to, chance in (("digits", 0.1), ("kinds", 0.03))
                       for how in ("frozen", "tuned") for name, height in names.items()],
                      "description", 0.2 if interval else None)


def points(ax, markers="osx^D"):
    """{(x in percent, row)} of every marker, rounded."""
    return {(round(100 * float(x), 3), round(float(y))) for line in ax.get_lines()
            if line.get_marker() in markers for x, y in zip(line.get_xdata(), line.get_ydata(),
                                                            strict=True)}


def labels(texts):
    return [text.get_text() for text in texts]


def test_sets_have_a_line_each_and_ways_a_panel(out, figures):  # noqa: F811
    check(draw_finding(sets_result(), out, "title"), out)
    left, right = figures[0].axes
    assert [ax.get_title(loc="left") for ax in (left, right)] == ["frozen", "tuned"]
    assert labels(left.get_yticklabels()) == ["digits", "kinds"]
    assert points(left) == points(right) == {(x, y) for x in (80, 40, 30) for y in (0, 1)}
    assert points(left, "|") >= {(10, 0), (3, 1)}  # each set has its own chance


def test_bars_are_the_interval_over_episodes_or_over_seeds(out, figures):  # noqa: F811
    seeds = 12.706 * np.std([0, 2], ddof=1) / np.sqrt(2)  # Student's t
    for result, half in ((sets_result(interval=0.05), 5), (sets_result(seeds=2), seeds)):
        draw_finding(result, out, "title")
        bars = {round(100 * float(np.ptp(segment[:, 0])) / 2, 3) for collection
                in figures[-1].axes[0].collections for segment in collection.get_segments()}
        assert [*bars] == [pytest.approx(half, abs=0.002)]


def test_several_arms_look_different(out, figures):  # noqa: F811
    draw_finding(sets_result(arms=3), out, "title")
    handles = figures[0].legends[0].legend_handles
    assert [h.get_label() for h in handles] == ["arm 0", "arm 1", "nnclr", "random weights",
                                                "raw pixels", "chance"]
    assert len({(h.get_color(), h.get_marker(), h.get_markerfacecolor()) for h in handles}) == 6


def test_several_measures_are_markers_and_baselines_hollow(out, figures):  # noqa: F811
    rows = [{"encoder": name, "NMI": height, "purity": height / 2} for name, height
            in ENCODERS.items()]
    draw_finding(EvalResult(rows, ""), out, "title")
    (ax,) = figures[0].axes
    assert labels(ax.get_yticklabels()) == [*ENCODERS]
    assert labels(figures[0].legends[0].get_texts()) == ["NMI", "purity"]
    faces = {round(float(line.get_ydata()[0])): line.get_markerfacecolor() for line
             in ax.get_lines() if line.get_marker() == "o"}
    assert [faces[y] == "white" for y in range(3)] == [False, True, True]


# ---------------------------------------------------------------- lines


def test_lines_pass_through_means_and_levels_are_named(out, figures):  # noqa: F811
    check(draw_lines({"kNN": Line([(256, [1.0, 3.0]), (1024, [4.0])], "o-", "blue"),
                      "a point": Line([(512, [-1.0])], "s", "red", hollow=True)}, out,
                     title="title", headline="headline", xlabel="rows", ylabel="points",
                     levels={"raw pixels": 1.0, "random weights": 1.01}, logarithmic=True,
                     ticks=[256, 1024]), out)
    (ax,) = figures[0].axes
    knn = next(line for line in ax.get_lines() if line.get_color() == "blue")
    assert [*zip(knn.get_xdata(), knn.get_ydata(), strict=True)] == [(256, 2), (1024, 4)]
    assert labels(figures[0].legends[0].get_texts()) == ["kNN", "a point"]
    assert labels(ax.texts) == ["raw pixels", "random weights"]
    assert ax.texts[1].xy[1] - ax.texts[0].xy[1] > 0.1  # the names do not overlap
