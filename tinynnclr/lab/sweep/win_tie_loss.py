"""Wins, ties and losses of arms over several data sets: rows of `transfer` or `fewshot`."""
from collections.abc import Iterable, Sequence

from ...metrics.confidence import mean_and_interval
from ...storage.text_tables import markdown_table
from ..protocols.context import Row
from .report import BASELINES


def wins(a: Iterable[Row], b: Iterable[Row]) -> tuple[int, int, int]:
    """(won, tied, lost) by rows a against rows b, over the sets ("to" and "how") of both.

    Tied: 0 is within the 95 % interval of the mean difference, seed by seed: the i-th row of a set
    has the same seed in a and in b. A single seed has no interval, and is tied only when equal.
    Raises ValueError if a set has not as many rows in a as in b.
    """
    left, right = _accuracies(a), _accuracies(b)
    signs = [_compare(left[key], right[key], key) for key in left if key in right]
    return signs.count(1), signs.count(0), signs.count(-1)


def win_table(rows: Sequence[Row]) -> str:
    """Markdown: for each way ("how") and arm ("encoder"), on how many sets the arm is best.

    Best alone: it wins against every other arm; tied for best: it loses to none. Then won-tied-lost
    against each. Only sets of all arms count; baselines do not. Raises ValueError for fewer than
    two arms.
    """
    rows = [row for row in rows if row["encoder"] not in BASELINES]
    arms = [str(name) for name in dict.fromkeys(row["encoder"] for row in rows)]
    if len(arms) < 2:
        raise ValueError(f"win_table: expected at least two arms, got {', '.join(arms) or 'none'}")
    lines = []
    for how in dict.fromkeys(row["how"] for row in rows):
        arm_rows = {arm: [row for row in rows if row["encoder"] == arm and row["how"] == how]
                    for arm in arms}
        accuracies = {arm: _accuracies(arm_rows[arm]) for arm in arms}
        common = set.intersection(*map(set, accuracies.values()))
        for arm in arms:
            worst = [min(_compare(accuracies[arm][key], accuracies[other][key], key)
                         for other in arms if other != arm) for key in common]
            against = ["" if other == arm
                       else "-".join(map(str, wins(arm_rows[arm], arm_rows[other])))
                       for other in arms]
            lines.append([how, arm, len(common), worst.count(1), worst.count(0), *against])
    return markdown_table(["how", "encoder", "sets", "best alone", "tied for best",
                           *(f"against {arm}" for arm in arms)], lines)


def _accuracies(rows):
    """{(to, how): accuracies, one for each seed}."""
    accuracies: dict[tuple, list[float]] = {}
    for row in rows:
        accuracies.setdefault((row["to"], row["how"]), []).append(float(row["accuracy"]))
    return accuracies


def _compare(a, b, key):
    """1 if a is better, -1 if b is, 0 for a tie."""
    if len(a) != len(b):
        raise ValueError(f"{', '.join(key)}: expected as many seeds of each arm, got {len(a)} and "
                         f"{len(b)}")
    mean, half = mean_and_interval([x - y for x, y in zip(a, b, strict=True)])
    return 0 if abs(mean) <= (half or 0.0) else 1 if mean > 0 else -1
