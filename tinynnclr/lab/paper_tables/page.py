"""A table as CSV, as a Markdown page and as a picture."""
from pathlib import Path

from ...metrics.confidence import mean_and_interval
from ...storage.text_tables import markdown_table
from ..protocols.context import Row, grouped
from ..protocols.context import table as protocol_table
from ..sweep.report import HEADS, UPPER_BOUND, Runs, baseline_numbers, of_arm, result_table
from ..sweep.win_tie_loss import win_table
from .neighbor_map import CONTROL, KS, Point, answer, crossing_of, oracle_gains
from .runs import evaluated, rows_by_arm
from .table import CLAIM_HEADS, Table, claim_row

WINS = ("On how many sets each is best; against another: won-tied-lost, tied where 0 is inside the "
        "interval of their difference, seed by seed.")


def parts(table: Table, runs: Runs, rows: list[Row],
          map_points: dict[str, Point] | None = None) -> list[str]:
    """The table, its claims with their verdicts, and the paper's numbers.

    rows: a protocol's; map_points: those of the table neighbor-map.
    """
    if map_points:
        texts = answer(map_points)
    elif rows:
        by_arm = rows_by_arm(rows)
        texts = [protocol_table(by_arm)]
        if "to" in rows[0]:
            texts += [WINS, win_table(by_arm)]
    else:
        texts = [result_table(runs, table.measures)]
    if table.note:
        texts.append(table.note)
    texts.append(markdown_table(CLAIM_HEADS, claims(table, runs)))
    if table.paper:
        texts += [f"The paper's numbers ({table.paper.source}):",
                  markdown_table(["", ""], table.paper.rows)]
    return texts


def claims(table: Table, runs: Runs) -> list[list[str]]:
    """A row under CLAIM_HEADS for each of the table's claims and each measure that decides it."""
    return [claim_row(contrast, measure, runs) for contrast in table.contrasts
            for measure in table.decided_by]


def mean_accuracies(rows: list[Row], focus: dict[str, str]) -> Runs:
    """{(arm, seed): {"accuracy": mean over the arm's rows that have the words of focus}}."""
    runs = {}
    chosen = [row for row in rows
              if evaluated(row) and all(row[key] == word for key, word in focus.items())]
    for arm, seed in dict.fromkeys((row["arm"], row["seed"]) for row in chosen):
        groups = grouped(rows_by_arm([row for row in chosen
                                      if (row["arm"], row["seed"]) == (arm, seed)]))
        values = [value for measures in groups.values() for value in measures["accuracy"]]
        runs[str(arm), int(seed)] = {"accuracy": sum(values) / len(values)}
    return runs


def draw(table: Table, runs: Runs, rows: list[Row], map_points: dict[str, Point] | None, path: Path,
         title: str, images: int) -> Path:
    """The picture of a table: its rows, its axis, or the map."""
    # matplotlib takes a second to import
    from ..plots.dots import draw_arms
    from ..plots.finding import draw_rows

    if rows:
        return draw_rows(rows_by_arm(rows), path, title, headline=table.question)
    if map_points:
        return draw_map(map_points, runs, path, title, table.question)
    measure = table.decided_by[0]
    if table.axis:
        return draw_axis(table, runs, path, title, images)
    arms = dict.fromkeys(arm for arm, _ in runs if arm != UPPER_BOUND)
    return draw_arms({arm: of_arm(runs, arm, measure) for arm in arms}, levels(runs, measure), path,
                     title=title, headline=table.question, measure=HEADS.get(measure, measure))


def levels(runs: Runs, measure: str) -> dict[str, float]:
    """{name: mean of a measure} of the baselines and of the upper bound."""
    means = {name: mean_and_interval(values)[0]
             for name, values in baseline_numbers(runs, measure).items() if values}
    if bound := of_arm(runs, UPPER_BOUND, measure):
        means[UPPER_BOUND] = mean_and_interval(bound)[0]
    return means


def draw_axis(table: Table, runs: Runs, path: Path, title: str, images: int) -> Path:
    """The table's measures over its axis, in percent; a line for each group."""
    from ..plots.lines import Line, draw_lines
    from ..plots.style import COLOURS, GREY, MARKERS

    xs = {arm.name: arm.x for arm in table.arms
          if arm.x is not None and of_arm(runs, arm.name, table.measures[0])}
    groups = {arm.name: arm.group for arm in table.arms if arm.name in xs}
    lines = {}
    for i, group in enumerate(dict.fromkeys(groups.values())):
        for j, measure in enumerate(table.measures):
            points = [(x, [100 * value for value in of_arm(runs, arm, measure)])
                      for arm, x in xs.items()
                      if groups[arm] == group and of_arm(runs, arm, measure)]
            if points:
                fmt = MARKERS[i] + ("-", ":", "--", "-.")[j % 4]
                name = HEADS.get(measure, measure.replace("_", " "))
                lines[f"{group}, {name}"] = Line(points, fmt, COLOURS[j % len(COLOURS)], j > 0)
    ticks = sorted(set(xs.values()))
    if table.expected:
        name, formula = table.expected
        lines[name] = Line([(x, [100 * formula(x, images)]) for x in ticks], "-", GREY)
    return draw_lines(lines, path, title=title, headline=table.question, xlabel=table.axis,
                      ylabel="percent", logarithmic=table.logarithmic, ticks=ticks,
                      levels={name: 100 * value for name, value
                              in levels(runs, table.measures[0]).items()})


def draw_map(map_points: dict[str, Point], runs: Runs, path: Path, title: str,
             headline: str) -> Path:
    """The gain with five labels a class over neighbour accuracy: points, and the oracle's curves.
    """
    from ..plots.neighbor_map import draw_neighbor_map

    measure = "five_labels"
    gains = {setting: (point.accuracy, point.gains[CONTROL, measure])
             for setting, point in map_points.items()}
    crossing = crossing_of(map_points, measure) if len(map_points) > 2 else None
    return draw_neighbor_map(gains, {k: oracle_gains(runs, k, measure) for k in KS}, crossing, path,
                             title=title, headline=headline)
