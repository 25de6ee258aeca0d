"""The pictures of transfer, few shots and robustness, of one run and of several: every number is
where it belongs.
"""
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from tinynnclr.lab.plots import robustness as plots_robustness
from tinynnclr.lab.plots import transfer_sets as plots_sets
from tinynnclr.lab.protocols.context import EvalResult

ENCODERS = {"nnclr": 0.8, "random weights": 0.4, "raw pixels": 0.3}


def sets_finding(arms=1, seeds=1, interval=None):
    names = {**{f"arm {i}": 0.9 - 0.1 * i for i in range(arms - 1)}, **ENCODERS}
    rows = [{"encoder": name, "to": to, "how": how, "accuracy": height + 0.02 * seed,
             **({"interval": interval} if interval else {"chance": chance})} for seed
            in range(seeds) for to, chance in (("digits", 0.1),
                                               ("kinds", 0.03)) for how in ("frozen", "tuned")
            for name, height in names.items()]
    return EvalResult(rows, "rules", 0.2 if interval else None)


def robustness_finding(seeds=1):
    rows = [{"encoder": name, "change": change, "severity": severity,
             "accuracy": height - 0.05 * i + 0.02 * seed} for seed in range(seeds) for change,
            severities in (("rotation (degrees)", ("0", "15", "180")), ("style", ("day", "night")))
            for i, severity in enumerate(severities) for name, height in ENCODERS.items()]
    return EvalResult(rows, "rules", 0.1)


@pytest.fixture
def figures(monkeypatch):
    """The figures that were written, to be asked what is on them."""
    written = []
    for module in (plots_sets, plots_robustness):
        monkeypatch.setattr(module, "Figure", lambda *a,
                            **k: written.append(Figure(*a, **k)) or written[-1])
    return written


def points(ax):
    """{(x, y)} of every marker, rounded."""
    return {(round(float(x), 3), round(float(y), 3)) for line in ax.get_lines() if line.get_marker()
            in "osx^D" for x, y in zip(np.ravel(line.get_xdata()), np.ravel(line.get_ydata()),
                                       strict=True)}


def test_sets_have_a_line_each_and_ways_a_panel(tmp_path, figures):
    path = plots_sets.draw_sets(sets_finding(), tmp_path / "a.png", "title")
    with Image.open(path) as image:
        assert image.size[0] == 1170
    left, right = figures[0].axes
    assert [ax.get_title(loc="left") for ax in (left, right)] == ["frozen", "tuned"]
    assert [label.get_text() for label in left.get_yticklabels()] == ["digits", "kinds"]
    assert points(left) == points(right) == {(x, y) for x in (80, 40, 30) for y in (0, 1)}
    chances = {line.get_xdata()[0] for line in left.get_lines() if line.get_linestyle() == ":"}
    assert chances == {10, 3}  # each set has its own
    assert "percent" in left.get_xlabel()


def test_bars_are_the_interval_over_episodes_or_over_seeds(tmp_path, figures):
    seeds = 12.706 * np.std([0, 2], ddof=1) / np.sqrt(2)  # Student's t
    for finding, half in ((sets_finding(interval=0.05), 5), (sets_finding(seeds=2), seeds)):
        plots_sets.draw_sets(finding, tmp_path / "a.png", "title")
        (bar,) = {round(float(np.ptp(segment[:, 0])) / 2, 3) for c
                  in figures[-1].axes[0].collections for segment in c.get_segments()}
        assert bar == pytest.approx(half, abs=0.002)


def test_several_arms_look_different(tmp_path, figures):
    plots_sets.draw_sets(sets_finding(arms=3), tmp_path / "a.png", "title")
    handles = figures[0].legends[0].legend_handles
    assert [h.get_label() for h in handles] == ["arm 0", "arm 1", *ENCODERS, "chance"]
    assert len({(h.get_color(), h.get_marker(), h.get_markerfacecolor()) for h in handles}) == 6


def test_curves_go_over_severity_and_styles_are_dots(tmp_path, figures):
    plots_robustness.draw_robustness(robustness_finding(seeds=2), tmp_path / "a.png", "title")
    rotation, style = figures[0].axes
    assert points(rotation) == {(x, round(100 * height - 5 * i + 1, 3)) for i,
                                x in enumerate((0, 15, 180)) for height in ENCODERS.values()}
    assert [label.get_text() for label in style.get_xticklabels()] == ["day", "night"]
    judged = [line for ax in (rotation, style) for line in ax.get_lines() if line.get_color()
              == plots_robustness.BLUE and line.get_marker() == "o"]
    assert [line.get_linestyle() for line in judged] == ["-", "None"]
    assert [text.get_text() for text in figures[0].legends[0].get_texts()] == [*ENCODERS, "chance"]
