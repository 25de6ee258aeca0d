"""The picture of a protocol's rows: a line for each kind of row, seeds brought together, every arm
in the legend.
"""
import pytest
from matplotlib.figure import Figure

from tinynnclr.lab.paper_tables import picture, tables_of
from tinynnclr.metrics.confidence import student


def row(arm, seed, encoder, labels, accuracy):
    return {"arm": arm, "seed": str(seed), "encoder": encoder, "labels": labels,
            "accuracy": accuracy}


@pytest.fixture
def axes(monkeypatch, tmp_path):
    """The axes of three arms with two seeds; "late" has no row of the first kind, and both floors
    are the same.
    """
    kept = []
    monkeypatch.setattr(picture, "write_picture", lambda fig, path: kept.append(fig) or path)
    rows = [row(arm, seed, encoder, labels, value + 0.1 * seed) for arm, encoder, labels,
            value in (("nnclr", "nnclr", "1 %", 0.3), ("nnclr", "nnclr", "10 %", 0.5),
                      ("late", "simclr", "10 %", 0.6), ("nnclr", "random weights", "1 %", 0.2),
                      ("late", "random weights", "1 %", 0.2)) for seed in (0, 1)]
    picture.draw_findings(tables_of("tiny")["semi"], rows, tmp_path / "x.png", "title")
    assert isinstance(kept[0], Figure)
    return kept[0].axes[0]


def test_a_line_for_each_kind_and_every_arm_named(axes):
    assert [label.get_text() for label in axes.get_yticklabels()] == ["1 %", "10 %"]
    assert {text.get_text() for text in axes.get_legend().get_texts()} == {"nnclr", "late",
                                                                           "random weights"}


def test_floors_of_several_arms_count_once_a_seed(axes):
    """Two seeds, 0.2 and 0.3: the half interval is t(1) * 0.0707 / sqrt(2), not that of four
    numbers.
    """
    bars = {bar.get_label(): bar for bar in axes.containers}
    (start, end), = (segment[:, 0] for segment in bars["random weights"].lines[2][0].get_segments())
    assert (end - start) / 2 == pytest.approx(100 * student(1) * 0.1 / 2**0.5 / 2**0.5)
