"""Wins and losses of several arms over several sets, from the rows that `transfer` or `fewshot`
found with each.
"""
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from ...metrics.confidence import mean_and_interval
from ..protocols.context import Row
from .collect import arm

FLOORS = ("random weights", "raw pixels")


def wins(a: Iterable[Row], b: Iterable[Row]) -> tuple[int, int, int]:
    """(won, tied, lost) by rows a against rows b, over their common sets (the words "to" and
    "how").

    Tied: 0 is within the 95 % interval of the mean difference, seed by seed: the i-th row of a set
    in a and in b must be the same seed's. A single seed knows no interval, and is tied only when
    equal. Raises ValueError where a set has fewer rows in a than in b, or more.
    """
    left, right = _accuracies(a), _accuracies(b)
    signs = [_compare(left[key], right[key], key) for key in left if key in right]
    return signs.count(1), signs.count(0), signs.count(-1)


def win_table(rows: Sequence[Row]) -> str:
    """Markdown: for each way and arm (the word "encoder"; floors left out), on how many sets it is
    best, alone or tied.

    Best alone: it wins against every other arm; tied for best: it loses to none. Beside it,
    won-tied-lost against each. Only sets that all arms share count. Raises ValueError for fewer
    than two arms.
    """
    rows = [row for row in rows if row["encoder"] not in FLOORS]
    arms = [str(name) for name in dict.fromkeys(row["encoder"] for row in rows)]
    if len(arms) < 2:
        raise ValueError(f"win_table: expected at least two arms, got {', '.join(arms) or 'none'}")
    lines = ["| how | encoder | sets | best alone | tied for best | "
             + " | ".join(f"against {a}" for a in arms) + " |", "|" + "---|" * (5 + len(arms))]
    for how in dict.fromkeys(row["how"] for row in rows):
        own = {a: [row for row in rows if row["encoder"] == a and row["how"] == how] for a in arms}
        numbers = {a: _accuracies(own[a]) for a in arms}
        common = set.intersection(*map(set, numbers.values()))
        for one in arms:
            others = [a for a in arms if a != one]
            worst = [min(_compare(numbers[one][key], numbers[a][key], key) for a in others) for key
                     in common]
            against = ["" if a == one else "-".join(map(str, wins(own[one], own[a]))) for a in arms]
            lines.append(f"| {how} | {one} | {len(common)} | {worst.count(1)} | {worst.count(0)} | "
                         + " | ".join(against) + " |")
    return "\n".join(lines)


def read_rows(folders: Iterable[Path], name: str = "transfer") -> list[Row]:
    """The rows in FOLDER/NAME.json of several runs, the judged encoder under its arm's name, sorted
    by seed.

    Raises FileNotFoundError where a run was not judged so, ValueError where the arms' seeds are not
    the same.
    """
    found = [json.loads((folder / f"{name}.json").read_text(encoding="utf-8")) for folder
             in folders]
    found.sort(key=lambda result: result["config"]["seed"])
    seeds: dict[str, list[int]] = {}
    rows = []
    for result in found:
        config = result["config"]
        renamed = arm({"method": config["method"], "config": config})
        seeds.setdefault(renamed, []).append(config["seed"])
        rows += [{**row,
                  "encoder": renamed if row["encoder"] == config["method"] else row["encoder"]}
                 for row in result["rows"]]
    first = next(iter(seeds))
    for other, own in seeds.items():
        if own != seeds[first] or len(set(own)) < len(own):
            raise ValueError(f"expected the same seeds of every arm, once each; got {seeds[first]} "
                             f"of {first} and {own} of {other}")
    return rows


def _accuracies(rows):
    """{(to, how): accuracies, a seed after the other}."""
    found: dict[tuple, list[float]] = {}
    for row in rows:
        found.setdefault((row["to"], row["how"]), []).append(float(row["accuracy"]))
    return found


def _compare(a, b, key):
    """1 where a is better, -1 where b is, 0 for a tie."""
    if len(a) != len(b):
        raise ValueError(f"{', '.join(key)}: expected as many seeds of each arm, got {len(a)} and "
                         f"{len(b)}")
    mean, half = mean_and_interval([x - y for x, y in zip(a, b, strict=True)])
    return 0 if abs(mean) <= (half or 0.0) else 1 if mean > 0 else -1
