"""What is published of the papers' tables is what their runs measured: pages and lines of runs
agree.
"""
import csv
import json

import pytest
from places import ROOT

from tinynnclr.lab.paper_tables import tables_of
from tinynnclr.lab.paper_tables.page import measured, read_cells, verdicts
from tinynnclr.lab.recipes import TRAIN_PRESETS

FOLDER = ROOT / "results" / "reproduce"


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.csv")), ids=lambda path: path.stem)
def test_a_page_is_made_of_its_runs(path):
    lines = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    page = path.with_suffix(".md").read_text(encoding="utf-8").splitlines()
    table = tables_of(lines[0]["budget"])[lines[0]["table"]]
    assert path.with_suffix(".png").read_bytes()[:4] == b"\x89PNG"
    if table.protocol:
        return
    cells = read_cells(path)
    assert [line for line in measured(table, cells) if line not in page] == []
    assert [f"- {sentence}" for sentence in verdicts(table, cells) if f"- {sentence}" not
            in page] == []
    assert all(line["machine"] and line["version"] and line["date"] for line in lines)


@pytest.mark.parametrize("name", TRAIN_PRESETS)
def test_a_preset_s_page_is_of_its_run(name):
    base = FOLDER.parent / "presets" / name
    page = base.with_suffix(".md").read_text(encoding="utf-8")
    result = json.loads(base.with_suffix(".json").read_text(encoding="utf-8"))
    assert {option: result["config"][option] for option
            in TRAIN_PRESETS[name].options} == TRAIN_PRESETS[name].options
    assert f"| **{name}** | **{result['knn']:.1%}** | **{result['linear']:.1%}** |".replace("%", " %") in page
    near = {(row["encoder"], row["features"]): f"{row['accuracy']:.1%}".replace("%", " %") for row
            in json.loads(base.with_name(f"{name}-knn.json").read_text(encoding="utf-8"))["rows"]}
    for floor in ("raw pixels", "random weights"):
        assert f"| {floor} | {near[floor, 'centred']} | {near[floor, 'whitened']} |" in page
    method = result["config"]["method"]
    assert f"| **{name}** | **{near[method, 'centred']}** | **{near[method, 'whitened']}** |" in page
    assert f"{result['seconds'] / 60:.1f} minutes of training ({result['steps']:,} steps" in page
