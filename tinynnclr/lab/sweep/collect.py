"""Results of single runs, gathered: one file, a table with means over seeds, wins and losses."""
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from ...datasets.dataset import expect_same_data
from ...storage.text_tables import markdown_table
from ..protocols.context import Row
from ..provenance import stamped
from .report import result_rows, runs_of, table_heads

MEASURES = ("epochs", "knn", "linear")


def arm_of(config: dict) -> str:
    """The name of a single run's arm: its method, and whether it ran without neighbours."""
    off = config["method"] == "nnclr" and not config["neighbors"]
    return config["method"] + (", neighbours off" if off else "")


def collect(folders: Sequence[Path]) -> list[dict]:
    """The stamped results of runs. Raises ValueError if runs on one data set differ in its data."""
    results = [json.loads((folder / "result.json").read_text(encoding="utf-8")) for folder
               in folders]
    first: dict[str, tuple[Path, dict]] = {}  # for each data set, the first run with digests
    for folder, result in zip(folders, results, strict=True):
        if "data" in result:
            first_folder, data = first.setdefault(result["dataset"], (folder, result["data"]))
            expect_same_data(f"{folder} and {first_folder}", data, result["data"])
    return [stamped(result, arm_of(result["config"])) for result in results]


def table(results: Sequence[dict]) -> str:
    """Markdown: for each data set, a row for each of its baselines and arms."""
    rows = []
    for dataset in dict.fromkeys(result["dataset"] for result in results):
        runs = runs_of([result for result in results if result["dataset"] == dataset])
        rows += [[dataset, *cells] for cells in result_rows(runs, MEASURES)]
    return markdown_table(["data", *table_heads(MEASURES)], rows)


def read_rows(folders: Iterable[Path], protocol: str = "transfer") -> list[Row]:
    """The rows in FOLDER/PROTOCOL.json of several runs, by seed, with arms as encoders' names.

    Raises FileNotFoundError if a run was not evaluated by this protocol, ValueError if the arms do
    not have the same seeds.
    """
    results = [json.loads((folder / f"{protocol}.json").read_text(encoding="utf-8")) for folder
               in folders]
    results.sort(key=lambda result: result["config"]["seed"])
    seeds: dict[str, list[int]] = {}
    rows = []
    for result in results:
        config = result["config"]
        arm = arm_of(config)
        seeds.setdefault(arm, []).append(config["seed"])
        rows += [{**row, "encoder": arm if row["encoder"] == config["method"] else row["encoder"]}
                 for row in result["rows"]]
    first = next(iter(seeds))
    for arm, arm_seeds in seeds.items():
        if arm_seeds != seeds[first] or len(set(arm_seeds)) < len(arm_seeds):
            raise ValueError("expected the same seeds of every arm, once each; got "
                             f"{seeds[first]} of {first} and {arm_seeds} of {arm}")
    return rows
