"""The results of a sweep as tables and text: arms beside their baselines, with 95 % intervals."""
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ...evaluate import MEASURES
from ...metrics.confidence import format_percent, mean_and_interval
from ...storage.text_tables import markdown_table, read_csv
from ..provenance import provenance_text

Runs = Mapping[tuple[str, int], Mapping[str, float]]  # {(arm, seed): what was measured}
BASELINES = {"raw pixels": "pixels", "random weights": "random"}
UPPER_BOUND = "supervised"  # the arm that learns from the labels
# columns of a CSV file that measure nothing
LABELS = {"table", "budget", "arm", "seed", "method", "dataset", "encoder", "version", "collected",
          "machine"}
HEADS = {**{measure: " ".join(words).strip() for measure, words in MEASURES.items()},
         "seconds": "training, s"}


def numbers_of(result: Mapping[str, Any]) -> dict[str, float]:
    """All that a run measured: accuracies, its last epoch, and baselines as "pixels knn"."""
    numbers = {name: result[name] for name in ("epochs", "steps", *MEASURES, "seconds",
                                               "views_per_second") if name in result}
    epoch_numbers = {**result.get("last_epoch", {}), **result.get("over_epochs", {})}
    numbers |= {name: value for name, value in epoch_numbers.items()
                if value is not None and name not in (*numbers, "epoch", "step")}
    for baseline, accuracies in result["baselines"].items():
        numbers |= {f"{baseline} {measure}": value for measure, value in accuracies.items()}
    return numbers


def runs_of(results: Sequence[Mapping[str, Any]]) -> dict[tuple[str, int], dict[str, float]]:
    """The numbers of stamped results. Raises ValueError for two runs of one arm and seed."""
    runs = {(result["arm"], result["seed"]): numbers_of(result) for result in results}
    if len(runs) < len(results):
        names = [f"{result['arm']}, seed {result['seed']}" for result in results]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"expected different runs, got {twice} twice")
    return runs


def csv_rows(results: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A row for each stamped result: what was run, its numbers, and its stamp."""
    return [{**{name: result[name] for name in ("arm", "seed", "method", "dataset", "encoder")},
             **numbers_of(result),
             **{name: result[name] for name in ("version", "collected", "machine")}}
            for result in results]


def read_runs(path: Path) -> dict[tuple[str, int], dict[str, float]]:
    """The runs in a CSV file that a sweep wrote. Raises ValueError for another file."""
    try:
        return {(row["arm"], int(row["seed"])): {name: float(value) for name, value in row.items()
                                                 if name not in LABELS and value}
                for row in read_csv(path)}
    except (KeyError, ValueError):
        raise ValueError(f"{path}: expected runs as `tinynnclr compare` or `tinynnclr reproduce` "
                         "writes them; remove the file, or make it anew") from None


def of_arm(runs: Runs, arm: str, measure: str) -> list[float]:
    """A measure of all runs of an arm that have it."""
    return [numbers[measure] for (name, _), numbers in runs.items()
            if name == arm and measure in numbers]


def group_baselines(runs: Runs) -> dict[str, dict[int, dict[str, float]]]:
    """{"raw pixels" or "random weights": {seed: {measure: number}}}, one group for equal baselines.

    Arms with other data or encoders have their own group, such as "random weights of cmc", named
    after the first of them.
    """
    groups: dict[str, dict[int, dict[str, float]]] = {}
    for label, prefix in BASELINES.items():
        for arm in dict.fromkeys(arm for arm, _ in runs):
            accuracies = {seed: {measure: numbers[f"{prefix} {measure}"] for measure in MEASURES
                                 if f"{prefix} {measure}" in numbers}
                          for (name, seed), numbers in runs.items()
                          if name == arm and f"{prefix} knn" in numbers}
            if accuracies:
                group = _group_name(groups, label, arm, accuracies)
                groups.setdefault(group, {}).update(accuracies)
    return groups


def _group_name(groups, label, arm, accuracies):
    """The group with the same accuracies for the seeds that both have, or a new name."""
    for name, group in groups.items():
        shared = group.keys() & accuracies.keys()
        if name.startswith(label) and shared and all(group[seed] == accuracies[seed]
                                                     for seed in shared):
            return name
    return f"{label} of {arm}" if label in groups else label


def baseline_numbers(runs: Runs, measure: str = "knn") -> dict[str, list[float]]:
    """{baseline: its accuracies}: one for each seed, or a single one where no seed matters."""
    groups = {name: [accuracies[measure] for accuracies in group.values() if measure in accuracies]
              for name, group in group_baselines(runs).items()}
    return {name: values[:1] if name.startswith("raw pixels") and len(set(values)) == 1 else values
            for name, values in groups.items()}


def result_rows(runs: Runs, measures: Sequence[str], best_first: bool = False) -> list[list[str]]:
    """Cells for each baseline and each arm: its name, number of seeds, and measures.

    best_first sorts by mean kNN; else the baselines come first. Under `table_heads(measures)`.
    """
    accuracies = {measure: baseline_numbers(runs, measure) for measure in MEASURES}
    lines = []
    for name, knn in accuracies["knn"].items():
        columns = {"epochs": [0], "steps": [0],
                   **{measure: accuracies[measure][name] for measure in MEASURES}}
        seeds = "" if name.startswith("raw pixels") else str(len(knn))
        lines.append((knn, [f"*{name}* (baseline)", seeds,
                            *(_cell(measure, columns.get(measure, [])) for measure in measures)]))
    for arm in dict.fromkeys(arm for arm, _ in runs):
        knn = of_arm(runs, arm, "knn")
        shown = f"*{arm}* (upper bound)" if arm == UPPER_BOUND else arm
        lines.append((knn, [shown, str(len(knn)),
                            *(_cell(measure, of_arm(runs, arm, measure)) for measure in measures)]))
    if best_first:
        lines.sort(key=lambda line: -mean_and_interval(line[0])[0])
    return [cells for _, cells in lines]


def result_table(runs: Runs, measures: Sequence[str], best_first: bool = False) -> str:
    """Markdown: `result_rows` under their heads, without the measures that no run has."""
    measured = [name for name in measures if any(name in numbers for numbers in runs.values())]
    return markdown_table(table_heads(measured), result_rows(runs, measured, best_first))


def table_heads(measures: Sequence[str]) -> list[str]:
    """The heads of the columns of `result_rows`."""
    return ["arm", "seeds", *(HEADS.get(measure, measure) for measure in measures)]


def _cell(measure, numbers):
    if not numbers:
        return ""
    if measure in ("epochs", "steps"):
        return f"{numbers[0]:.0f}"
    mean, half = mean_and_interval(numbers)
    if measure == "entropy":
        return f"{mean:.2f} nats"
    if measure == "seconds":
        return f"{mean:.1f}" + ("" if half is None else f" ± {half:.1f}")
    return format_percent(numbers)


def by_seed(runs: Runs, arms: Sequence[str], measure: str,
            value: Callable[[Callable[[str], float]], float]) -> list[float]:
    """value(arm -> its measure), in percent, for each seed that all the arms have."""
    seeds = [{seed for name, seed in runs if name == arm} for arm in arms]
    return [100 * value(lambda arm, seed=seed: runs[arm, seed][measure])  # type: ignore[misc]
            for seed in sorted(set.intersection(*seeds))]


def difference_rows(runs: Runs, first: str) -> list[list[str]]:
    """[arm, seeds, points of kNN above the first arm] for arms with at least two common seeds,
    the largest mean first."""
    differences = []
    for arm in dict.fromkeys(arm for arm, _ in runs):
        points = by_seed(runs, (arm, first), "knn", partial(_difference, arm, first))
        if arm != first and len(points) >= 2:
            differences.append((arm, points))
    differences.sort(key=lambda difference: -mean_and_interval(difference[1])[0])
    return [[arm, str(len(points)), format_points(points)] for arm, points in differences]


def _difference(arm, other, of):
    return of(arm) - of(other)


def format_points(points: Sequence[float]) -> str:
    """The mean of signed differences and half of its 95 % interval, such as "+3.5 ± 1.2"."""
    mean, half = mean_and_interval(list(points))
    text = f"{round(mean, 1) + 0.0:+.1f}"  # + 0.0: "+0.0", never "-0.0"
    return text if half is None else f"{text} ± {half:.1f}"


def protocol_text(protocol: Mapping[str, Any]) -> str:
    """How the measures were taken, in a few sentences."""
    parts = {"kNN": "knn", "Linear": "linear", "Few labels": "few_labels", "Clusters": "clusters"}
    measured = " ".join(f"{head}: {protocol[name]}." for head, name in parts.items()
                        if name in protocol)
    return (f"Features: {protocol['features']}, fitted on {protocol['fitted_on']}, measured on "
            f"{protocol['measured_on']}; {protocol['selection']}. {measured} Chance: "
            f"{protocol['chance']:.1%}.")


def page(title: str, parts: Sequence[str], method: str, made: Mapping[str, Any],
         command: str) -> str:
    """A Markdown page: title, paragraphs and tables, how it was measured, and where."""
    interval = f"Mean over seeds ± half of its 95 % interval (Student's t). {method}"
    return "\n\n".join([f"# {title}", *parts, interval, provenance_text(made, command)]) + "\n"
