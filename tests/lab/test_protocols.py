"""`evaluate --protocol`: the registry, the files that it leaves, tables of several seeds, and the
picture.
"""
import json
import re
from pathlib import Path

import pytest
from command_line import TRAIN, files, run, write_pictures
from one_line import fails

from tinynnclr import __version__
from tinynnclr.lab import registry
from tinynnclr.lab.plots.finding import draw_finding
from tinynnclr.lab.protocols.context import EvalResult, grouped, table, words
from tinynnclr.lab.registry import PROTOCOLS, parse_protocols
from tinynnclr.metrics.confidence import mean_and_interval

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A place with pictures and a run of one epoch on them."""
    import os

    from tinynnclr.cli.commands import main

    before, place = Path.cwd(), tmp_path_factory.mktemp("protocols")
    os.chdir(place)
    write_pictures(Path("pictures"))
    main([*TRAIN, "--epochs", "1", "--no-plots", "--out", "run"])
    os.chdir(before)
    return place


@pytest.fixture
def here(folder, monkeypatch):
    monkeypatch.chdir(folder)
    return folder / "run"


# ---------------------------------------------------------------- names


def test_names():
    assert parse_protocols("clusters") == ["clusters"]
    assert parse_protocols("linear, knn") == ["linear", "knn"]  # in the order given
    assert parse_protocols("knn,knn,linear,knn") == ["knn", "linear"]
    assert parse_protocols("all") == list(PROTOCOLS)
    assert parse_protocols("linear,all") == ["linear", *(name for name in PROTOCOLS
                                                         if name != "linear")]
    for text, got in (("knnn", "'knnn', did you mean knn"), ("", "''"), ("knn,", "''"),
                      ("knn linear", "'knn linear'")):
        with fails(ValueError, "--protocol: expected all or some of knn, linear, clusters",
                   f"got {got}"):
            parse_protocols(text)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_name_leads_to_a_function_and_a_picture(name):
    assert re.fullmatch("[a-z]+", name)  # it is the name of three files
    assert callable(PROTOCOLS[name].judge)
    assert callable(registry.picture(name))
    assert PROTOCOLS[name].meaning


# ---------------------------------------------------------------- the command


def test_the_files_that_it_leaves(here, capsys):
    before = files(here)
    status, out, err = run(capsys, "evaluate", "run", "--protocol", "knn,clusters")
    assert (status, err) == (0, "")
    after = files(here)
    names = {f"{name}.{ending}" for name in ("knn", "clusters") for ending in ("json", "md", "png")}
    assert after.keys() - before.keys() == names
    # result.json and the checkpoint are as they were
    assert {name: after[name] for name in before} == before
    for name, measures in (("knn", ["features", "accuracy"]), ("clusters", ["NMI", "purity"])):
        stored, page = json.loads(after[f"{name}.json"]), after[f"{name}.md"].decode()
        assert [list(row) for row in stored["rows"]] == [["encoder",
                                                          *measures]] * len(stored["rows"])
        assert list(dict.fromkeys(row["encoder"] for row in stored["rows"])) == ["nnclr",
                                                                                 "random weights",
                                                                                 "raw pixels"]
        assert (stored["protocol"], stored["version"]) == (name, __version__)
        assert stored["config"]["dataset"] == "folder:pictures"
        assert "data_dir" not in stored["config"]
        assert page.startswith(f"# {name}: nnclr on folder:pictures, seed "
                               f"0\n\n{table(stored['rows'])}\n")
        assert stored["rules"] in page
        assert stored["machine"] in page
        assert f"{table(stored['rows'])}\n{stored['rules']}\nin run: {name}.json, {name}.md, {name}.png" in out
        assert after[f"{name}.png"].startswith(PNG)
    assert json.loads(after["knn.json"])["chance"] == 1 / 4
    run(capsys, "evaluate", "run", "--protocol", "clusters,knn")
    assert files(here) == after  # the same again, byte for byte


def test_all_of_them(here, capsys, monkeypatch):
    """One after the other, in the registry's order, each with the run's own encoder and data."""
    asked = []

    def found(name):
        return lambda subject: asked.append((name, subject.config.method,
                                             len(subject.data[0]))) or EvalResult([{
                "encoder": "nnclr", "accuracy": 0.5}], f"As {name} has it.")

    monkeypatch.setattr(registry, "picture", lambda name: draw_finding)
    for name, protocol in PROTOCOLS.items():
        monkeypatch.setitem(PROTOCOLS, name, protocol._replace(judge=found(name)))
    status, out, _ = run(capsys, "evaluate", "run", "--protocol", "all")
    assert status == 0
    assert asked == [(name, "nnclr", 76) for name in PROTOCOLS]
    assert [line for line in out.splitlines() if line.startswith("in run: ")] == [
        f"in run: {name}.json, {name}.md, {name}.png" for name in PROTOCOLS]


def test_an_unknown_name_is_one_line(here, capsys):
    before = files(here)
    status, out, err = run(capsys, "evaluate", "run", "--protocol", "knn,clutsers")
    assert (status, out) == (2, "")
    assert re.fullmatch(r"tinynnclr evaluate: --protocol: expected all or some of knn, linear, "
                        r"clusters.*; got 'clutsers', did you mean clusters\?\n", err), err
    assert files(here) == before
    status, _, err = run(capsys, "evaluate", "nowhere", "--protocol", "knn")
    assert (status, err.count("\n")) == (2, 1)
    assert "nowhere" in err


def test_a_picture_that_fails_leaves_the_old_one(here, capsys, monkeypatch):
    run(capsys, "evaluate", "run", "--protocol", "knn")
    before = (here / "knn.png").read_bytes()
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda *_, **__: {}["a fault"])
    with pytest.raises(KeyError):
        run(capsys, "evaluate", "run", "--protocol", "knn")
    assert (here / "knn.png").read_bytes() == before
    assert not [name for name in files(here) if name.startswith(".")]


# ---------------------------------------------------------------- rows


ROWS = [{"encoder": "nnclr", "labels": "1 %", "accuracy": 0.5},
        {"encoder": "raw pixels", "labels": "1 %", "NMI": 0.25},
        {"encoder": "nnclr", "labels": "1 %", "accuracy": 0.7},
        {"encoder": "nnclr", "labels": "10 %", "accuracy": 1.0}]


def test_rows_of_several_seeds_come_together():
    assert words(ROWS[0]) == (("encoder", "nnclr"), ("labels", "1 %"))
    groups = grouped(ROWS)
    assert list(groups.values()) == [{"accuracy": [0.5, 0.7]}, {"NMI": [0.25]}, {"accuracy": [1.0]}]
    half = mean_and_interval([0.5, 0.7])[1]
    assert table(ROWS).splitlines() == [
        "| encoder | labels | accuracy | NMI |", "|---|---|---|---|",
        f"| nnclr | 1 % | 60.0 % ± {100 * half:.1f} |  |", "| raw pixels | 1 % |  | 25.0 % |",
        "| nnclr | 10 % | 100.0 % |  |"]


def test_the_picture(tmp_path):
    """A tick for each group, the floors' dots hollow, and the interval where there are several
    seeds.
    """
    seen = []

    def keep(fig, path):
        seen.append(fig)
        return path

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tinynnclr.lab.plots.finding.write_picture", keep)
        draw_finding(EvalResult(ROWS, "", 0.1), tmp_path / "a.png", "title")
    (ax,) = seen[0].axes
    assert [label.get_text() for label in ax.get_yticklabels()] == ["nnclr, 1 %", "raw pixels, 1 %",
                                                                    "nnclr, 10 %"]
    dots = [container.lines[0] for container in ax.containers]
    assert [float(dot.get_xdata()[0]) for dot in dots] == pytest.approx([60, 25, 100])
    assert [dot.get_markerfacecolor() == "white" for dot in dots] == [False, True, False]
    assert ax.get_xlabel() == "percent"
    assert [text.get_text() for text in ax.texts] == ["chance"]
    assert draw_finding(EvalResult(ROWS, "", None), tmp_path / "b.png",
                        "title").read_bytes().startswith(PNG)
