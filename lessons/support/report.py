"""An accuracy, never alone: beside chance and random weights, with its seeds and an interval."""
from collections.abc import Mapping, Sequence

from tinynnclr.metrics.confidence import mean_and_interval


def report(accuracies: Mapping[str, Sequence[float]], *, chance: float,
           random_weights: Sequence[float]) -> None:
    """Print {name: accuracy of each seed}, each in 0 to 1, with the mean and its 95 % interval,
    below two floors.

    Raises ValueError where an accuracy has no seeds, is no share, or a floor is missing.
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
        seeds = "" if name == "chance" else f"  {len(values)} seed{'s' * (len(values) > 1)}"
        interval = "" if half is None else f" ± {100 * half:.1f}"
        print(f"{name:<{width}}  {100 * mean:5.1f} %{interval}{seeds}")
