"""`evaluate --protocol`: the registry, the files, tables of several seeds, and the picture."""
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
    """A folder with images and a run of one epoch on them."""
    from tinynnclr.cli.main import main

    place = tmp_path_factory.mktemp("protocols")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        write_pictures(Path("pictures"))
        main([*TRAIN, "--epochs", "1", "--no-plots", "--out", "run"])
    return place


@pytest.fixture
def here(folder, monkeypatch):
    monkeypatch.chdir(folder)
    return folder / "run"


# ---------------------------------------------------------------- names


@pytest.mark.parametrize(("text", "names"), [
    ("clusters", ["clusters"]), ("linear, knn", ["linear", "knn"]),  # in the order given
    ("knn,knn,linear,knn", ["knn", "linear"]), ("all", list(PROTOCOLS)),
    ("linear,all", sorted(PROTOCOLS, key=lambda name: name != "linear"))])
def test_names(text, names):
    assert parse_protocols(text) == names


@pytest.mark.parametrize(("text", "got"), [("knnn", "'knnn', did you mean knn"), ("", "''"),
                                           ("knn,", "''"), ("knn linear", "'knn linear'")])
def test_unknown_names(text, got):
    with fails(ValueError, "--protocol: expected all or some of knn, linear, clusters",
               f"got {got}"):
        parse_protocols(text)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_name_leads_to_a_function_and_a_picture(name):
    assert re.fullmatch("[a-z]+", name)  # it is the name of three files
    assert callable(PROTOCOLS[name].evaluate)
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
        rows, description = stored["rows"], stored["description"]
        assert all(list(row) == ["encoder", *measures] for row in rows)
        assert list(dict.fromkeys(row["encoder"] for row in rows)) == [
            "nnclr", "random weights", "raw pixels"]
        assert (stored["protocol"], stored["version"]) == (name, __version__)
        assert stored["config"]["dataset"] == "folder:pictures"
        assert "data_dir" not in stored["config"]
        title = f"# {name}: nnclr on folder:pictures, seed 0"
        assert page.startswith(f"{title}\n\n{table(rows)}\n\n{description}\n")
        assert stored["machine"] in page
        printed = f"{table(rows)}\n{description}\nin run: {name}.json, {name}.md, {name}.png"
        assert printed in out
        assert after[f"{name}.png"].startswith(PNG)
    assert json.loads(after["knn.json"])["chance"] == 1 / 4
    run(capsys, "evaluate", "run", "--protocol", "clusters,knn")
    assert files(here) == after  # the same again, byte for byte


def test_all_of_them(here, capsys, monkeypatch):
    """One after the other, in the registry's order, each with the run's own encoder and data."""
    calls = []

    def evaluate(name):
        def record(context):
            calls.append((name, context.config.method, len(context.data[0])))
            return EvalResult([{"encoder": "nnclr", "accuracy": 0.5}], f"As {name} has it.")
        return record

    monkeypatch.setattr(registry, "picture", lambda name: draw_finding)
    for name, protocol in PROTOCOLS.items():
        monkeypatch.setitem(PROTOCOLS, name, protocol._replace(evaluate=evaluate(name)))
    status, out, _ = run(capsys, "evaluate", "run", "--protocol", "all")
    assert status == 0
    assert calls == [(name, "nnclr", 76) for name in PROTOCOLS]
    assert [line for line in out.splitlines() if line.startswith("in run: ")] == [
        f"in run: {name}.json, {name}.md, {name}.png" for name in PROTOCOLS]


@pytest.mark.parametrize(("where", "protocol", "message"), [
    ("run", "knn,clutsers", "--protocol: expected all or some of knn, linear, clusters.*; got "
     r"'clutsers', did you mean clusters\?"), ("nowhere", "knn", ".*nowhere.*")])
def test_mistakes_are_one_line(where, protocol, message, here, capsys):
    before = files(here)
    status, out, err = run(capsys, "evaluate", where, "--protocol", protocol)
    assert (status, out) == (2, "")
    assert re.fullmatch(f"tinynnclr evaluate: {message}\n", err), err
    assert files(here) == before


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


def test_the_picture(tmp_path, monkeypatch):
    """A tick for each group, hollow dots for baselines, an interval for several seeds."""
    figures = []
    with monkeypatch.context() as patch:
        patch.setattr("tinynnclr.lab.plots.dots.write_picture",
                      lambda fig, path: figures.append(fig) or path)
        draw_finding(EvalResult(ROWS, "", 0.1), tmp_path / "a.png", "title")
    (ax,) = figures[0].axes
    assert [label.get_text() for label in ax.get_yticklabels()] == [
        "nnclr, 1 %", "raw pixels, 1 %", "nnclr, 10 %"]
    dots = [container.lines[0] for container in ax.containers]
    dots = [dot for dot in dots if dot.get_marker() != "|"]  # the strokes of chance
    assert [float(dot.get_xdata()[0]) for dot in dots] == pytest.approx([0.6, 0.25, 1])
    assert [dot.get_markerfacecolor() == "white" for dot in dots] == [False, True, False]
    path = draw_finding(EvalResult(ROWS, "", None), tmp_path / "b.png", "title")
    assert path.read_bytes().startswith(PNG)
