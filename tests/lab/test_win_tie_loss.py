"""Wins, ties and losses: by hand, seed by seed, with the interval of the difference."""
import numpy as np
import pytest

from tinynnclr.lab.sweep.win_tie_loss import win_table, wins


def rows(encoder, how="frozen", **sets):
    return [{"encoder": encoder, "to": to, "how": how, "accuracy": accuracy}
            for to, accuracies in sets.items() for accuracy in accuracies]


A = rows("a", one=[0.5, 0.6, 0.7], two=[0.5, 0.5, 0.5], three=[0.30, 0.40, 0.50])
B = rows("b", one=[0.4, 0.5, 0.6], two=[0.6, 0.5, 0.5], three=[0.41, 0.50, 0.61])


def test_differences_are_taken_seed_by_seed():
    """one: 0.1 for every seed. two: -0.033, interval 0.143. three: -0.107, interval 0.014."""
    assert wins(A, B) == (1, 1, 1)
    assert wins(B, A) == (1, 1, 1)
    assert wins(A, A) == (0, 3, 0)
    assert wins(A, rows("b", one=[0, 0, 0], four=[0, 0, 0])) == (1, 0, 0)  # only common sets
    # a single seed is tied only when equal
    assert wins(rows("a", x=[0.5], y=[0.5]), rows("b", x=[0.5], y=[0.501])) == (0, 1, 1)


@pytest.mark.parametrize(("factor", "expected"), [(0.99, (0, 1, 0)), (1.01, (1, 0, 0))])
def test_the_edge_of_a_tie_is_the_interval_of_student(factor, expected):
    """Differences m - 0.01, m, m + 0.01: the half width is 4.303 * 0.01 / sqrt(3)."""
    m = factor * 4.303 * 0.01 / np.sqrt(3)
    assert wins(rows("a", one=[0.5 + m - 0.01, 0.5 + m, 0.5 + m + 0.01]),
                rows("b", one=[0.5] * 3)) == expected


def test_the_table_by_hand():
    """c is worst on one, best on two, and tied with b on three."""
    c = rows("c", one=[0.1, 0.1, 0.1], two=[0.9, 0.9, 0.9], three=[0.41, 0.50, 0.61])
    baselines = rows("random weights", one=[0.99] * 3) + rows("raw pixels", two=[0.99] * 3)
    tuned = [row for name, accuracy in (("a", 0.5), ("b", 0.4), ("c", 0.5))
             for row in rows(name, "fine-tuned", one=[accuracy])]
    assert win_table(A + B + c + baselines + tuned).splitlines() == [
        "| how | encoder | sets | best alone | tied for best | against a | against b | against c |",
        "|---|---|---|---|---|---|---|---|",
        "| frozen | a | 3 | 1 | 0 |  | 1-1-1 | 1-0-2 |",
        "| frozen | b | 3 | 0 | 1 | 1-1-1 |  | 1-1-1 |",
        "| frozen | c | 3 | 1 | 1 | 2-0-1 | 1-1-1 |  |",
        "| fine-tuned | a | 1 | 0 | 1 |  | 1-0-0 | 0-1-0 |",
        "| fine-tuned | b | 1 | 0 | 0 | 0-0-1 |  | 0-0-1 |",
        "| fine-tuned | c | 1 | 0 | 1 | 0-1-0 | 1-0-0 |  |"]


def test_mistakes():
    with pytest.raises(ValueError, match="win_table: expected at least two arms, got a$"):
        win_table(A + rows("raw pixels", one=[0.1]))
    with pytest.raises(ValueError, match="one, frozen: expected as many seeds of each arm, got 3 "
                       "and 2"):
        wins(A, rows("b", one=[0.1, 0.2]))
