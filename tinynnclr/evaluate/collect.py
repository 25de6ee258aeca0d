"""Gather the result.json of several runs into one file and a table with means and 95 % intervals over seeds.

    python -m tinynnclr.evaluate.collect results/toybox.json runs/nnclr-toybox-* runs/simclr-toybox-*
"""
import datetime
import json
import os
import platform
from pathlib import Path

from .. import __version__
from ..disk import expect_ours, rows_with, write_text
from ..soundness import expect_same_data
from .interval import mean_and_interval


def arm(result: dict) -> str:
    """What a run tried, in a word or two."""
    off = result["method"] == "nnclr" and not result["config"]["neighbors"]
    return result["method"] + (", neighbours off" if off else "")


def stamped(result: dict, name: str) -> dict:
    """A run's result with the name of its arm, and where, when and by which version it was collected."""
    config = {knob: value for knob, value in result["config"].items() if knob != "data_dir"}  # nobody's business
    return {"arm": name, "version": __version__, "collected": datetime.date.today().isoformat(),
            "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores", **result, "config": config}


def collect(folders: list[Path]) -> list[dict]:
    """The results of the runs, stamped."""
    results = [json.loads((folder / "result.json").read_text(encoding="utf-8")) for folder in folders]
    first: dict[str, tuple[Path, dict]] = {}  # for each data set, the first run that stored digests
    for folder, result in zip(folders, results, strict=True):
        if "data" in result:
            other, data = first.setdefault(result["dataset"], (folder, result["data"]))
            expect_same_data(f"{folder} and {other}", data, result["data"])
    return [stamped(result, arm(result)) for result in results]


def percent(numbers: list[float]) -> str:
    """A mean and its interval, as a table shows them."""
    mean, half = mean_and_interval(numbers)
    return f"{100 * mean:.1f} %" + ("" if half is None else f" ± {100 * half:.1f}")


def table(results: list[dict]) -> str:
    """Markdown: a row for each data set and arm, and one for each floor of a data set."""
    lines = ["| data | arm | epochs | seeds | kNN | linear |", "|---|---|---|---|---|---|"]
    for dataset in dict.fromkeys(r["dataset"] for r in results):
        here = [r for r in results if r["dataset"] == dataset]
        for name, key in (("raw pixels", "pixels"), ("random weights", "random")):
            first = {r["seed"]: r["baselines"][key] for r in here}  # the floors are those of a seed, whatever the arm
            knn, linear = ([f[column] for f in first.values()] for column in ("knn", "linear"))
            lines.append(f"| {dataset} | {name} | 0 | {len(first)} | {percent(knn)} | {percent(linear)} |")
        for name in dict.fromkeys(r["arm"] for r in here):
            of_arm = [r for r in here if r["arm"] == name]
            lines.append(f"| {dataset} | {name} | {of_arm[0]['epochs']} | {len(of_arm)} | "
                         f"{percent([r['knn'] for r in of_arm])} | {percent([r['linear'] for r in of_arm])} |")
    return "\n".join(lines)


if __name__ == "__main__":
    import argparse

    from ..console import escape_unprintable

    escape_unprintable()
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("out", type=Path, help="the file to write")
    parser.add_argument("run", type=Path, nargs="+", help="folders of runs")
    options = parser.parse_args()
    expect_ours([options.out], rows_with("arm"))
    found = collect(options.run)
    write_text(options.out, json.dumps(found, indent=1) + "\n")
    print(table(found))
