"""`tinynnclr compare`: methods with options, each trained with several seeds in one folder."""
import json
import re
from collections.abc import Sequence
from pathlib import Path

from ... import kernels
from ...config import Config
from ...evaluate import MEASURES
from ...metrics.confidence import mean_and_interval
from ...storage.atomic import expect_ours, rows_with, write_text
from ...storage.folder_lock import lock_folder
from ...storage.messages import shell_words
from ...storage.text_tables import csv_text, markdown_table
from ...train import run_dir
from .arms import Arm, parse_arms, parse_seeds
from .jobs import plan
from .report import (
    baseline_numbers,
    csv_rows,
    difference_rows,
    of_arm,
    page,
    protocol_text,
    result_table,
    runs_of,
)
from .sweep import Sweep, flags_of

OUTPUTS = ("compare.json", "compare.md", "compare.csv", "compare.png")
SHOWN = ("steps", *MEASURES, "seconds")
DIFFERENCES = ("kNN against {}, seed by seed. Where an interval contains 0, the seeds are too few "
               "to tell which is better; and one interval in twenty misses the true value by "
               "chance.")


class Comparison(Sweep):
    """The sweep that a command describes: methods and seeds as in `arms`, options of all arms.

    Raises ValueError for a mistake in any of them, and for a folder that holds another run; `run`
    raises it for options that do not fit the data, such as too large a batch.
    """

    def __init__(self, methods: str, seeds: str, given: dict, out: Path | None = None):
        dataset = re.sub("[^A-Za-z0-9_.]+", "-", given.get("dataset", Config.dataset))
        self.out = out or Path("runs") / f"compare-{dataset}"
        arms = [Arm(name, options) for name, options in parse_arms(methods).items()]
        jobs = plan(arms, parse_seeds(seeds), given, self.folder_of)
        super().__init__(jobs, self.out, command_line(methods, seeds, given, out))
        published = {name: value for name, value in given.items() if name != "data_dir"}
        self.published_command = command_line(methods, seeds, published)

    def folder_of(self, arm: str, config: Config) -> Path:
        """The folder of a run."""
        name = f"{arm.replace('=', '_')}-{config.seed}"
        return self.out / re.sub(r"[^A-Za-z0-9_.+]+", "-", name)

    def run(self) -> list[str]:
        """Train and evaluate what is left; returns the names of the runs that failed.

        On Ctrl-C, saves and raises SystemExit(130).
        """
        has_data = self.check()
        run_dir.open_dir(self.out)  # last: a mistake leaves no folder behind
        with lock_folder(self.out), self.resumable():
            # again: another process may have changed the folders in the meantime
            self.find_finished(check_data=has_data)
            expect_ours([self.out / name for name in OUTPUTS], rows_with("arm"), "--out ")
            print(f"{len(self.jobs)} runs on {self.jobs[0].config.dataset}, {len(self.done)} of "
                  f"them done before, {kernels.get_num_threads()} threads, into {self.out}",
                  flush=True)
            self.write()
            self.train()
        return [str(job) for job in self.failed]

    def write(self) -> None:
        """compare.csv, compare.json, compare.md and compare.png of the results so far."""
        from ..plots.dots import draw_arms  # matplotlib takes a second to import

        results = self.results
        if not results:
            return
        text = markdown(results, self.jobs[0].arm, self.published_command, self.notes())
        write_text(self.out / "compare.json", json.dumps(results, indent=1) + "\n")
        write_text(self.out / "compare.csv", csv_text(csv_rows(results)))
        write_text(self.out / "compare.md", text)
        draw_arms(*arms_and_baselines(results), self.out / "compare.png", title=title(results),
                  headline="kNN accuracy of each arm, and its baselines")


def command_line(methods: str, seeds: str, options: dict, out: Path | None = None) -> str:
    """The command that makes a comparison."""
    return shell_words("tinynnclr", "compare", "--methods", methods, "--seeds", seeds,
                       *flags_of(options), *([] if out is None else ["--out", out]))


def title(results: Sequence[dict]) -> str:
    """Data set, encoder, length, number of seeds."""
    def span(numbers, unit):
        low, high = min(numbers), max(numbers)
        if low < high:
            return f"{low} to {high} {unit}s"
        return f"{low} {unit}" if low == 1 else f"{low} {unit}s"

    encoders = " and ".join(dict.fromkeys(result["encoder"] for result in results))
    arms = [result["arm"] for result in results]
    return (f"{results[0]['dataset']}, {encoders}, "
            f"{span([result['epochs'] for result in results], 'epoch')} "
            f"({span([result['steps'] for result in results], 'step')}), "
            f"{span([arms.count(arm) for arm in arms], 'seed')}")


def markdown(results: Sequence[dict], first: str, command: str, notes: Sequence[str] = ()) -> str:
    """The page of a comparison: arms and baselines, differences from the first arm, protocol."""
    runs = runs_of(results)
    parts = [result_table(runs, SHOWN, best_first=True)]
    differences = difference_rows(runs, first)
    if differences:
        parts += [DIFFERENCES.format(first),
                  markdown_table(["arm", "seeds", "points of kNN"], differences)]
    threads = "/".join(str(n) for n in sorted({result["threads"] for result in results}))
    return page(title(results), [*parts, *notes], protocol_text(results[0]["protocol"]),
                {**results[-1], "threads": threads}, command)


def arms_and_baselines(results: Sequence[dict]) -> tuple[dict, dict]:
    """{arm: kNN of each seed}, the best mean first, and {baseline: mean kNN}."""
    runs = runs_of(results)
    arms = {arm: of_arm(runs, arm, "knn") for arm in dict.fromkeys(arm for arm, _ in runs)}
    best_first = sorted(arms.items(), key=lambda item: -mean_and_interval(item[1])[0])
    baselines = {name: mean_and_interval(values)[0] for name, values
                 in baseline_numbers(runs).items()}
    return dict(best_first), baselines
