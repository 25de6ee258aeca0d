"""A table as CSV, as a Markdown page and as a picture."""
from pathlib import Path

from ...metrics.confidence import mean_and_interval
from ...storage.text_tables import markdown_table
from ..protocols.context import Row, grouped
from ..protocols.context import table as protocol_table
from ..sweep.report import UPPER_BOUND, Runs, baseline_numbers, of_arm, result_rows, table_heads
from ..sweep.win_tie_loss import win_table
from .neighbor_precision import NAME, ORACLES, STYLES, Gains, gains
from .runs import evaluated, rows_by_arm
from .table import Table, verdict

WINS = ("On how many sets each is best; against another: won-tied-lost, tied where 0 is inside the "
        "interval of their difference, seed by seed.")
REAL_MARKERS = {"half-way": "^", "80 %": "D", "crops only": "p", "fog": "P", "sketch": "X"}


def parts(table: Table, runs: Runs, rows: list[Row]) -> list[str]:
    """The table, its claims with their outcomes, and the paper's numbers; rows: a protocol's."""
    if rows:
        by_arm = rows_by_arm(rows)
        texts = [protocol_table(by_arm)]
        if "to" in rows[0]:
            texts += [WINS, win_table(by_arm)]
    else:
        texts = [markdown_table(table_heads(table.measures), result_rows(runs, table.measures))]
    if table.note:
        texts.append(table.note)
    texts.append("\n".join(f"- {sentence}" for sentence in verdicts(table, runs)))
    if table.paper:
        texts += [f"The paper's numbers ({table.paper.source}):",
                  markdown_table(["", ""], table.paper.rows)]
    return texts


def verdicts(table: Table, runs: Runs) -> list[str]:
    """A sentence for each of the table's claims, by its first measure."""
    return [verdict(contrast, contrast.by_seed(runs, table.measures[0]))
            for contrast in table.contrasts]


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


def draw(table: Table, runs: Runs, rows: list[Row], elsewhere: Gains, path: Path, title: str,
         images: int) -> Path:
    """The picture of a table: its rows, its axis, or neighbour accuracy against gain."""
    # matplotlib takes a second to import
    from ..plots.dots import draw_arms
    from ..plots.finding import draw_rows

    if rows:
        return draw_rows(rows_by_arm(rows), path, title, headline=table.question)
    if table.name == NAME:
        return draw_gains({**gains(runs), **elsewhere}, path, title, table.question)
    if table.axis:
        return draw_axis(table, runs, path, title, images)
    arms = dict.fromkeys(arm for arm, _ in runs if arm != UPPER_BOUND)
    return draw_arms({arm: of_arm(runs, arm, "knn") for arm in arms}, levels(runs), path,
                     title=title, headline=table.question)


def levels(runs: Runs) -> dict[str, float]:
    """{name: mean kNN} of the baselines and of the upper bound."""
    means = {name: mean_and_interval(values)[0] for name, values in baseline_numbers(runs).items()}
    if bound := of_arm(runs, UPPER_BOUND, "knn"):
        means[UPPER_BOUND] = mean_and_interval(bound)[0]
    return means


def draw_axis(table: Table, runs: Runs, path: Path, title: str, images: int) -> Path:
    """kNN and the table's other measures over its axis, in percent; a line for each group."""
    from ..plots.lines import Line, draw_lines
    from ..plots.style import COLOURS, GREY, MARKERS

    xs = {arm.name: arm.x for arm in table.arms
          if arm.x is not None and of_arm(runs, arm.name, "knn")}
    groups = {arm.name: arm.group for arm in table.arms if arm.name in xs}
    lines = {}
    for i, group in enumerate(dict.fromkeys(groups.values())):
        for j, measure in enumerate(m for m in table.measures if m != "linear"):
            points = [(x, [100 * value for value in of_arm(runs, arm, measure)])
                      for arm, x in xs.items()
                      if groups[arm] == group and of_arm(runs, arm, measure)]
            if points:
                fmt = MARKERS[i] + ("-", ":", "--")[j]
                name = "kNN" if measure == "knn" else measure.replace("_", " ")
                lines[f"{group}, {name}"] = Line(points, fmt, COLOURS[2 if j else i], j > 0)
    ticks = sorted(set(xs.values()))
    if table.expected:
        name, formula = table.expected
        lines[name] = Line([(x, [100 * formula(x, images)]) for x in ticks], "-", GREY)
    return draw_lines(lines, path, title=title, headline=table.question, xlabel=table.axis,
                      ylabel="percent", logarithmic=table.logarithmic, ticks=ticks,
                      levels={name: 100 * value for name, value in levels(runs).items()})


def draw_gains(arm_gains: Gains, path: Path, title: str, headline: str) -> Path:
    """Gain over no neighbours against their accuracy: oracles as curves, real runs as points."""
    from ..plots.lines import Line, draw_lines
    from ..plots.style import BLUE, COLOURS, INK, ORANGE

    lines = {}
    for kind, precisions in ORACLES.items():
        nearest = kind.endswith("nearest")
        points = [arm_gains[f"{kind} {x:g}"] for x in precisions if f"{kind} {x:g}" in arm_gains]
        name = f"oracle: {'the nearest' if nearest else 'a random'} image of a drawn class"
        lines[name] = Line([(100 * x, numbers) for x, numbers in points],
                           "D-" if nearest else "o--", COLOURS[2] if nearest else BLUE)
    for arm, (accuracy, numbers) in arm_gains.items():
        if not arm.startswith("oracle"):
            marker = next((marker for ending, marker in REAL_MARKERS.items()
                           if arm.endswith(ending)), "s")
            # on other data, on another style, on the table's own data
            colour = INK if ": " in arm else COLOURS[3] if arm.endswith(STYLES) else ORANGE
            lines[f"real NNCLR, {arm.replace('nnclr, ', '')}"] = Line([(100 * accuracy, numbers)],
                                                                      marker, colour)
    return draw_lines({name: line for name, line in lines.items() if line.points}, path,
                      title=title, headline=headline,
                      xlabel="neighbours of the anchor's class, percent of those used",
                      ylabel="kNN accuracy above no neighbours, points")
