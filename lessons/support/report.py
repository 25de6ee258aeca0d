"""Print accuracies beside chance and random weights, with seeds and an interval."""
from collections.abc import Mapping, Sequence

from tinynnclr.metrics.confidence import mean_and_interval


def report(accuracies: Mapping[str, Sequence[float]], *, chance: float,
           random_weights: Sequence[float]) -> None:
    """Print {name: accuracy of each seed} (0 to 1) with mean and interval, below two baselines.

    Raises ValueError where an accuracy has no seeds, is out of range, or a baseline is missing.
    """
    rows = [("chance", [chance]), ("random weights", list(random_weights)),
            *((name, list(values)) for name, values in accuracies.items())]
    if not accuracies:
        raise ValueError("report: expected at least one accuracy, got none")
    for name, values in rows:
        if not values or not all(0 <= v <= 1 for v in values):
            raise ValueError(f"report: {name}: expected accuracies of one seed or more, each in 0 "
                             f"to 1, got {values}")
    width = max(len(name) for name, _ in rows)
    for name, values in rows:
        mean, half = mean_and_interval(values)
        seeds = "1 seed" if len(values) == 1 else f"{len(values)} seeds"
        seeds = "" if name == "chance" else f"  {seeds}"
        interval = "" if half is None else f" ± {100 * half:.1f}"
        print(f"{name:<{width}}  {100 * mean:5.1f} %{interval}{seeds}")
