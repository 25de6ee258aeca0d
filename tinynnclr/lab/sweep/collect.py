"""Gather the result.json of several runs into one file and a table with means and 95 % intervals
over seeds.
"""
import json
from pathlib import Path

from ...datasets.dataset import expect_same_data
from ...metrics.confidence import format_percent
from ..provenance import stamped


def arm(result: dict) -> str:
    """What a run tried, in a word or two."""
    off = result["method"] == "nnclr" and not result["config"]["neighbors"]
    return result["method"] + (", neighbours off" if off else "")


def collect(folders: list[Path]) -> list[dict]:
    """The results of the runs, stamped."""
    results = [json.loads((folder / "result.json").read_text(encoding="utf-8")) for folder
               in folders]
    first: dict[str, tuple[Path, dict]] = {}  # for each data set, the first run that stored digests
    for folder, result in zip(folders, results, strict=True):
        if "data" in result:
            other, data = first.setdefault(result["dataset"], (folder, result["data"]))
            expect_same_data(f"{folder} and {other}", data, result["data"])
    return [stamped(result, arm(result)) for result in results]


def table(results: list[dict]) -> str:
    """Markdown: a row for each data set and arm, and one for each floor of a data set."""
    lines = ["| data | arm | epochs | seeds | kNN | linear |", "|---|---|---|---|---|---|"]
    for dataset in dict.fromkeys(r["dataset"] for r in results):
        here = [r for r in results if r["dataset"] == dataset]
        for name, key in (("raw pixels", "pixels"), ("random weights", "random")):
            # the floors are those of a seed, whatever the arm
            first = {r["seed"]: r["baselines"][key] for r in here}
            knn, linear = ([f[column] for f in first.values()] for column in ("knn", "linear"))
            lines.append(f"| {dataset} | {name} | 0 | {len(first)} | {format_percent(knn)} | "
                         f"{format_percent(linear)} |")
        for name in dict.fromkeys(r["arm"] for r in here):
            of_arm = [r for r in here if r["arm"] == name]
            lines.append(f"| {dataset} | {name} | {of_arm[0]['epochs']} | {len(of_arm)} | "
                         f"{format_percent([r['knn'] for r in of_arm])} | "
                         f"{format_percent([r['linear'] for r in of_arm])} |")
    return "\n".join(lines)
