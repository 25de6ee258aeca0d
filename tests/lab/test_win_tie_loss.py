"""Wins, ties and losses: by hand, seed by seed, with the interval of the difference."""
import json

import numpy as np
import pytest

from tinynnclr.lab.sweep.collect import read_rows
from tinynnclr.lab.sweep.win_tie_loss import win_table, wins


def rows(encoder, to, numbers, how="frozen"):
    return [{"encoder": encoder, "to": to, "how": how, "accuracy": x} for x in numbers]


A = rows("a", "one", [0.5, 0.6, 0.7]) + rows("a", "two", [0.5, 0.5, 0.5]) + rows("a", "three",
                                                                                 [0.30, 0.40, 0.50])
B = rows("b", "one", [0.4, 0.5, 0.6]) + rows("b", "two", [0.6, 0.5, 0.5]) + rows("b", "three",
                                                                                 [0.41, 0.50, 0.61])


def test_differences_are_taken_seed_by_seed():
    """one: 0.1 in every seed. two: -0.033, interval 0.143. three: -0.107, interval 0.014, though
    the seeds differ.
    """
    assert wins(A, B) == (1, 1, 1)
    assert wins(B, A) == (1, 1, 1)
    assert wins(A, A) == (0, 3, 0)


@pytest.mark.parametrize(("factor", "expected"), [(0.99, (0, 1, 0)), (1.01, (1, 0, 0))])
def test_the_edge_of_a_tie_is_the_interval_of_student(factor, expected):
    """Differences m - 0.01, m, m + 0.01: the half width is 4.303 * 0.01 / sqrt(3)."""
    m = factor * 4.303 * 0.01 / np.sqrt(3)
    assert wins(rows("a", "one", [0.5 + m - 0.01, 0.5 + m, 0.5 + m + 0.01]),
                rows("b", "one", [0.5] * 3)) == expected


def test_a_single_seed_is_tied_only_when_equal():
    assert wins(rows("a", "x", [0.5]) + rows("a", "y", [0.5]),
                rows("b", "x", [0.5]) + rows("b", "y", [0.501])) == (0, 1, 1)


def test_only_common_sets_count_and_seeds_must_match():
    assert wins(A, rows("b", "one", [0, 0, 0]) + rows("b", "four", [0, 0, 0])) == (1, 0, 0)
    with pytest.raises(ValueError, match="one, frozen: expected as many seeds of each arm, got 3 "
                       "and 2"):
        wins(A, rows("b", "one", [0.1, 0.2]))


def test_the_table_by_hand():
    """c is worst on one, best on two, and on three not told from b."""
    c = rows("c", "one", [0.1, 0.1, 0.1]) + rows("c", "two", [0.9, 0.9, 0.9]) + rows("c", "three",
                                                                                     [0.41, 0.50,
                                                                                      0.61])
    floor = rows("random weights", "one", [0.99] * 3) + rows("raw pixels", "two", [0.99] * 3)
    tuned = rows("a", "one", [0.5], "fine-tuned") + rows("b", "one", [0.4], "fine-tuned") + \
        rows("c", "one", [0.5], "fine-tuned")
    assert win_table(A + B + c + floor + tuned).splitlines() == [
        "| how | encoder | sets | best alone | tied for best | against a | against b | against c |",
        "|---|---|---|---|---|---|---|---|",
        "| frozen | a | 3 | 1 | 0 |  | 1-1-1 | 1-0-2 |",
        "| frozen | b | 3 | 0 | 1 | 1-1-1 |  | 1-1-1 |",
        "| frozen | c | 3 | 1 | 1 | 2-0-1 | 1-1-1 |  |",
        "| fine-tuned | a | 1 | 0 | 1 |  | 1-0-0 | 0-1-0 |",
        "| fine-tuned | b | 1 | 0 | 0 | 0-0-1 |  | 0-0-1 |",
        "| fine-tuned | c | 1 | 0 | 1 | 0-1-0 | 1-0-0 |  |"]


def test_one_arm_cannot_be_compared():
    with pytest.raises(ValueError, match="win_table: expected at least two arms, got a$"):
        win_table(A + rows("raw pixels", "one", [0.1]))


def write(folder, method, seed, accuracy, neighbors=True):
    folder.mkdir()
    found = {"config": {"method": method, "seed": seed, "neighbors": neighbors},
             "rows": rows(method, "one", [accuracy]) + rows("raw pixels", "one", [0.1])}
    (folder / "transfer.json").write_text(json.dumps(found), encoding="utf-8")
    return folder


def test_runs_come_by_seed_and_under_their_arms_name(tmp_path):
    folders = [write(tmp_path / "1", "nnclr", 1, 0.6), write(tmp_path / "0", "nnclr", 0, 0.5),
               write(tmp_path / "off0", "nnclr", 0, 0.3, neighbors=False),
               write(tmp_path / "off1", "nnclr", 1, 0.4, neighbors=False)]
    read = read_rows(folders)
    numbers = {name: [row["accuracy"] for row in read if row["encoder"] == name]
               for name in ("nnclr", "nnclr, neighbours off", "raw pixels")}
    assert numbers == {"nnclr": [0.5, 0.6], "nnclr, neighbours off": [0.3, 0.4],
                       "raw pixels": [0.1] * 4}
    assert "| frozen | nnclr | 1 | 1 | 0 |  | 1-0-0 |" in win_table(read)
    with pytest.raises(ValueError, match=r"same seeds of every arm, once each; got \[0, 1\] of "
                       r"nnclr and \[0\] of"):
        read_rows(folders[:3])
    with pytest.raises(FileNotFoundError):
        read_rows(folders, "fewshot")
