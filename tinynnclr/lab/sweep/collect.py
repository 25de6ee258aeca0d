"""Results of single runs, gathered: one file, and a table with means over seeds."""
import json
from collections.abc import Sequence
from pathlib import Path

from ...datasets.digests import expect_same_data
from ...evaluate import MEASURES
from ...storage.text_tables import markdown_table
from ..provenance import stamped
from .report import result_rows, runs_of, table_heads

SHOWN = ("epochs", *MEASURES)


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
    shown = [name for name in SHOWN if any(name in result for result in results)]
    for dataset in dict.fromkeys(result["dataset"] for result in results):
        runs = runs_of([result for result in results if result["dataset"] == dataset])
        rows += [[dataset, *cells] for cells in result_rows(runs, shown)]
    return markdown_table(["data", *table_heads(shown)], rows)
