"""The published pages and CSV files are made again from their runs."""
import json

import pytest
from PIL import Image
from places import ROOT

from tinynnclr.lab.paper_tables import tables_of
from tinynnclr.lab.paper_tables.neighbor_map import NAME, points, stored_groups
from tinynnclr.lab.paper_tables.page import mean_accuracies, parts
from tinynnclr.lab.recipes import TRAIN_PRESETS
from tinynnclr.lab.sweep.report import LABELS, csv_rows, read_runs
from tinynnclr.storage.text_tables import csv_text, read_csv

FOLDER = ROOT / "results" / "reproduce"


def expect_made_of_its_runs(path):
    """A table's page has the tables and verdicts that its CSV file gives; returns the CSV rows."""
    lines = read_csv(path)
    page = path.with_suffix(".md").read_text(encoding="utf-8")
    whole = tables_of(lines[0]["budget"])[lines[0]["table"]]
    table = whole.only({line["arm"] for line in lines})
    rows = []
    if table.protocol:
        measures = ("accuracy", "chance")
        rows = [{name: float(value) if name in measures else value for name, value in line.items()
                 if name not in LABELS or name in ("arm", "seed", "encoder")} for line in lines]
    runs = mean_accuracies(rows, table.focus) if rows else read_runs(path)
    assert page.startswith(f"# {table.name}: {table.question}\n")
    map_points = points(runs, stored_groups(path.parent)) if table.name == NAME else None
    for text in parts(table, runs, rows, map_points):
        assert f"\n\n{text}\n\n" in page
    assert all(line["machine"] and line["version"] and line["collected"] for line in lines)
    with Image.open(path.with_suffix(".png")) as image:
        assert image.size[0] == 1170
    return lines


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.csv")), ids=lambda path: path.stem)
def test_a_page_is_made_of_its_runs(path):
    expect_made_of_its_runs(path)


@pytest.mark.parametrize("path", sorted((FOLDER.parent / "compare").glob("*.json")),
                         ids=lambda path: path.stem)
def test_the_csv_file_of_a_comparison_is_made_of_its_results(path):
    results = json.loads(path.read_text(encoding="utf-8"))
    assert path.with_suffix(".csv").read_text(encoding="utf-8") == csv_text(csv_rows(results))


@pytest.mark.parametrize("name", TRAIN_PRESETS)
def test_the_page_of_a_preset_is_made_of_its_run(name):
    base = FOLDER.parent / "presets" / name
    page = base.with_suffix(".md").read_text(encoding="utf-8")
    result = json.loads(base.with_suffix(".json").read_text(encoding="utf-8"))
    stored = json.loads(base.with_name(f"{name}-knn.json").read_text(encoding="utf-8"))
    options = TRAIN_PRESETS[name].options
    assert {option: result["config"][option] for option in options} == options

    def row(label, *accuracies):
        return " | ".join([f"| {label}", *(f"{100 * x:.1f} %" for x in accuracies)]) + " |"

    accuracies = {(row["encoder"], row["features"]): row["accuracy"] for row in stored["rows"]}
    for encoder in ("raw pixels", "random weights"):
        assert row(encoder, *(accuracies[encoder, kind] for kind
                              in ("centred", "whitened"))) in page
    plain = page.replace("**", "")
    assert row(name, result["knn"], result["linear"]) in plain
    assert row(name, *(accuracies[result["method"], kind] for kind
                       in ("centred", "whitened"))) in plain
    assert f"{result['seconds'] / 60:.1f} minutes of training ({result['steps']:,} steps" in page
