"""The tables of a comparison: each run as a line of CSV; arms, their floors and paired differences
as Markdown.

A result here is a run's result.json, stamped by `collect.stamped`, with its last row of metrics.csv
as "last_epoch".
"""
import csv
import io
from collections.abc import Iterable, Sequence

from ...metrics.confidence import format_percent, mean_and_interval

COLUMNS = ("arm", "method", "dataset", "encoder", "seed", "epochs", "steps", "knn", "linear",
           "seconds", "views_per_second")


def csv_table(results: Sequence[dict]) -> str:
    """A row a run: COLUMNS, then what else its last epoch was measured by; empty where a method has
    no such number.
    """
    columns = dict.fromkeys(name for r in results for name in r["last_epoch"])
    others = [name for name in columns if name not in (*COLUMNS, "epoch", "step")]
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*COLUMNS, *others])
    for r in results:
        numbers = (r["last_epoch"].get(name) for name in others)
        writer.writerow([*(r[name] for name in COLUMNS),
                         *("" if x is None else f"{x:.6g}" for x in numbers)])
    return text.getvalue()


def random_floors(results: Sequence[dict]) -> dict[str, dict[int, dict]]:
    """{name: {seed: floor}} of random weights: one for all arms whose encoders begin alike, as
    their floors tell.
    """
    groups: list[tuple[list[str], dict[int, dict]]] = []
    for arm in dict.fromkeys(r["arm"] for r in results):
        own = {r["seed"]: r["baselines"]["random"] for r in results if r["arm"] == arm}
        for arms, known in groups:
            if known.keys() & own.keys() and all(known.get(seed, floor) == floor for seed,
                                                 floor in own.items()):
                arms.append(arm)
                known.update(own)
                break
        else:
            groups.append(([arm], own))
    return {"random weights" + (f" of {', '.join(arms)}" if i else ""): known for i,
            (arms, known) in enumerate(groups)}


def summary(results: Sequence[dict]) -> list[dict]:
    """A row for each arm and each floor, the best mean kNN first.

    Keys: name, floor (is it one?), steps, and of each seed: knn, linear, seconds. Raw pixels know
    no seed: one number.
    """
    pixels = results[0]["baselines"]["pixels"]
    rows = [{"name": "raw pixels", "floor": True, "steps": 0, "knn": [pixels["knn"]],
             "linear": [pixels["linear"]]}]
    rows += [{"name": name, "floor": True, "steps": 0, "knn": [f["knn"] for f in floors.values()],
              "linear": [f["linear"] for f in floors.values()]} for name,
             floors in random_floors(results).items()]
    for arm in dict.fromkeys(r["arm"] for r in results):
        own = [r for r in results if r["arm"] == arm]
        rows.append({"name": arm, "floor": False, "steps": own[0]["steps"],
                     **{key: [r[key] for r in own] for key in ("knn", "linear", "seconds")}})
    return sorted(rows, key=lambda row: -mean_and_interval(row["knn"])[0])


def paired(results: Sequence[dict], first: str) -> dict[str, list[float]]:
    """{arm: kNN minus the first arm's, in points, a seed that both have}; arms with fewer than 2
    left out.
    """
    base = {r["seed"]: r["knn"] for r in results if r["arm"] == first}
    found: dict[str, list[float]] = {}
    for r in results:
        if r["arm"] != first and r["seed"] in base:
            found.setdefault(r["arm"], []).append(100 * (r["knn"] - base[r["seed"]]))
    return {arm: differences for arm, differences in found.items() if len(differences) >= 2}


def title(results: Sequence[dict]) -> str:
    """Data set, encoder, length, seeds."""
    def span(numbers, unit):
        low, high = min(numbers), max(numbers)
        return f"{low} {unit}{'s' * (low != 1)}" if low == high else f"{low} to {high} {unit}s"

    encoders = " and ".join(dict.fromkeys(r["encoder"] for r in results))
    seeds = [sum(r["arm"] == arm for r in results) for arm
             in dict.fromkeys(r["arm"] for r in results)]
    return (f"{results[0]['dataset']}, {encoders}, {span([r['epochs'] for r in results], 'epoch')} "
            f"({span([r['steps'] for r in results], 'step')}), {span(seeds, 'seed')}")


def markdown(results: Sequence[dict], first: str, command: str, notes: Iterable[str] = ()) -> str:
    """The page of a comparison: arms and floors, differences from the first arm, protocol, machine
    and command.
    """
    lines = [f"# {title(results)}", "",
             "| arm | seeds | steps | kNN | linear | training, s |", "|---|---|---|---|---|---|"]
    rows = summary(results)
    for row in rows:
        name, seeds = (f"*{row['name']}* (floor)",
                       len(row["knn"])) if row["floor"] else (row["name"], len(row["knn"]))
        lines.append(f"| {name} | {'' if row['name'] == 'raw pixels' else seeds} | {row['steps']} "
                     f"| {format_percent(row['knn'])} | {format_percent(row['linear'])} | "
                     f"{_seconds(row.get('seconds'))} |")
    differences = paired(results, first)
    if differences:
        lines += ["", f"kNN against {first}, seed by seed. Where an interval holds 0, so few seeds "
                  "do not tell which is better; and of twenty intervals, one misses the truth by "
                  "chance.", "", "| arm | seeds | points of kNN |", "|---|---|---|"]
        for row in rows:
            if not row["floor"] and row["name"] in differences:
                mean, half = mean_and_interval(differences[row["name"]])
                lines.append(f"| {row['name']} | {len(differences[row['name']])} | "
                             f"{round(mean, 1) + 0.0:+.1f} ± {half:.1f} |")  # + 0.0: no "-0.0"
    rules, here = results[0]["protocol"], results[-1]
    threads = "/".join(str(n) for n in sorted({r["threads"] for r in results}))
    for note in notes:
        lines += ["", note]
    lines += ["", "Mean over seeds ± half of its 95 % interval (Student's t). Features: "
              f"{rules['features']}, fitted on {rules['fitted_on']}, measured on "
              f"{rules['measured_on']}; {rules['selection']}. kNN: {rules['knn']}. Linear: "
              f"{rules['linear']}. Chance: {rules['chance']:.1%}.", "",
              f"Machine: {here['machine']}; threads: {threads}; tinynnclr {here['version']}, "
              f"{here['collected']}:", "", "```", command, "```", ""]
    return "\n".join(lines)


def _seconds(numbers):
    """Mean and interval of times; nothing for a floor."""
    if not numbers:
        return ""
    mean, half = mean_and_interval(numbers)
    return f"{mean:.1f}" + ("" if half is None else f" ± {half:.1f}")
