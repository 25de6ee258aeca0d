"""The README proves itself: its example prints what it says, and its numbers are those that were
measured.
"""
import contextlib
import io
import json
import re
import shlex

import pytest
from places import ROOT

from tinynnclr.cli.flags import build_parser
from tinynnclr.lab.bench.report import summary
from tinynnclr.lab.paper_tables.neighbor_map import CONTROL, STORED
from tinynnclr.lab.paper_tables.table import difference
from tinynnclr.lab.sweep.collect import table
from tinynnclr.lab.sweep.comparison import markdown
from tinynnclr.lab.sweep.report import format_points, read_runs

TABLES = ROOT / "results" / "reproduce"
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", README, re.S)


CODE = [text for language, text in BLOCKS if language == "python" and "torch" not in text]


@pytest.mark.parametrize("code", CODE)
def test_an_example_prints_what_it_says(code):
    said = [line.split("# ")[-1].strip() for line in code.splitlines()
            if line.lstrip().startswith("print(")]
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(code, "README.md", "exec"), {})
    assert out.getvalue().splitlines() == said
    assert said
    assert len(CODE) == 2


COMMANDS = [line.split(" #")[0].strip() for _, text in BLOCKS for line in text.splitlines()
            if line.startswith("tinynnclr ") and "--help" not in line]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_one(command):
    options = build_parser().parse_args(shlex.split(command)[1:])
    assert options.command == command.split()[1]


def test_the_tables_are_the_measured_ones():
    """Each row of the README's table is made again from the runs in results/."""
    results = [r for path in sorted((ROOT / "results").glob("*.json"), reverse=True)
               for r in json.loads(path.read_text(encoding="utf-8"))]
    rows = table(results).splitlines()[2:]
    assert len(rows) >= 4
    assert [row for row in rows if row not in README.splitlines()] == []


@pytest.mark.parametrize("path", sorted((ROOT / "results" / "compare").glob("*.json")),
                         ids=lambda path: path.stem)
def test_the_comparisons_are_the_measured_ones(path):
    """Each row of a comparison's tables is made again from its runs."""
    results = json.loads(path.read_text(encoding="utf-8"))
    rows = [row for row in markdown(results, results[0]["arm"], "").splitlines()
            if row.startswith("| ")]
    assert len(rows) >= 5
    assert [row for row in rows if row not in README.splitlines()] == []


@pytest.mark.parametrize("name", [name for name in STORED if (TABLES / f"{name}.csv").exists()])
def test_the_gains_of_neighbours_are_the_measured_ones(name):
    runs = read_runs(TABLES / f"{name}.csv")
    for control in (CONTROL, "simclr"):
        gains = [format_points(difference("nnclr", control).by_seed(runs, measure))
                 for measure in ("five_labels", "kmeans_nmi", "knn")]
        assert f"| {STORED[name]} | {control} | {' | '.join(gains)} |" in README.splitlines()


def test_the_table_of_the_benchmark_is_the_measured_one():
    rows = summary(json.loads((ROOT / "docs" / "bench.json").read_text(encoding="utf-8")))
    assert len(rows) > 8
    assert [row for row in rows if row not in README.splitlines()] == []
