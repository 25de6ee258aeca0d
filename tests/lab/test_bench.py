"""The benchmark reports what it measured; no test asserts how fast anything is."""
import importlib.util
import json
import math

import numpy as np
import pytest
from command_line import run

from tinynnclr import kernels
from tinynnclr.lab.bench import cases, process, report, timing
from tinynnclr.lab.bench.step import flops, make_method, make_step
from tinynnclr.lab.bench.timing import SHORTEST, WARM, compare, spread

KEYS = {"measure", "case", "ours_s", "peer", "peer_s", "ratio", "gflops", "peak_share"}
PNG = b"\x89PNG\r\n\x1a\n"


def test_sides_take_turns_and_their_time_is_that_of_one_call():
    now, calls = [0.0], []

    def side(name, seconds):
        def call():
            calls.append(name)
            now[0] += seconds
        return call

    seconds = compare({"a": side("a", 0.5), "b": side("b", 1.0)}, 4, clock=lambda: now[0], pause=0)
    assert calls == ["a"] * 3 + ["b"] * 3 + ["a", "a", "b", "b"] * 4  # a warm-up before what counts
    assert seconds["a"].tolist() == [0.5] * 4
    assert seconds["b"].tolist() == [1.0] * 4


def test_short_calls_are_repeated_within_a_turn():
    now = [0.0]

    def call():
        now[0] += 0.001

    (seconds,) = compare({"a": call}, 5, clock=lambda: now[0], pause=0).values()
    np.testing.assert_allclose(seconds, 0.001, rtol=1e-6)
    assert now[0] > 5 * (WARM + SHORTEST)


def test_spread_is_the_interquartile_range_over_the_median():
    assert spread(np.array([1.0, 2.0, 3.0, 4.0, 5.0])) == pytest.approx(2 / 3)


@pytest.fixture
def short(monkeypatch):
    """Calls too short to measure anything."""
    for name in ("WARM", "SHORTEST", "BUDGET"):
        monkeypatch.setattr(timing, name, 0)


@pytest.mark.parametrize(("only", "measures"), [
    ("*", {"matmul", "conv forward", "conv grad_input", "conv grad_weight", "search", "views",
           "step"}), ("search", {"search"})])
def test_rows_and_files(only, measures, tmp_path, capsys, short):
    out, picture = tmp_path / "bench.json", tmp_path / "roofline.png"
    status, printed, _ = run(capsys, "bench", "--quick", "--against", "numpy", "--only", only,
                             "--json", out, "--roofline", picture)
    assert status == 0
    rows = json.loads(out.read_bytes())
    assert {row["measure"] for row in rows} == measures
    for row in rows:
        assert row.keys() >= KEYS
        assert row["ours_s"] > 0
        assert row["gflops"] is None or row["gflops"] > 0
        if row["peer"] is None:
            assert row["peer_s"] is row["ratio"] is None
        else:
            assert row["peer"] == "numpy"
            assert row["ratio"] == pytest.approx(row["peer_s"] / row["ours_s"])
        assert row["case"] in printed
    assert "geometric mean" in printed
    assert picture.read_bytes().startswith(PNG)


@pytest.mark.parametrize(("flags", "message"), [(["--against", "nunpy"], "did you mean numpy?"),
                                                (["--only", "convolve"], "conv forward")])
def test_mistakes_are_one_line(flags, message, capsys):
    status, out, err = run(capsys, "bench", *flags)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert message in err


def test_a_peer_that_is_not_installed_is_named(monkeypatch, capsys):
    monkeypatch.setattr(importlib.util, "find_spec",
                        lambda name: None if name == "faiss" else object())
    assert report.installed(["numpy", "faiss"]) == {"numpy"}
    assert capsys.readouterr().err == "faiss: not installed, skipped (pip install faiss-cpu)\n"


def test_the_geometric_mean_and_the_smallest():
    rows = [{"measure": "m", "peer": "p", "ratio": ratio} for ratio in (0.5, 2.0, 8.0)]
    *_, line = report.summary([*rows, {"measure": "m", "peer": None, "ratio": None}])
    assert line == "| m | p | 3 | 2.00 | 0.50 |"


def test_threads_are_restored_after_the_run_on_one(threads):
    threads(2)
    next(report.threads(set(), quick=False)).peers["1 thread"]()
    assert kernels.get_num_threads() == 2


def test_operations_of_a_step_are_those_of_its_products():
    """Width 1, one image: three products a layer (two in the first convolution), and the search."""
    convolutions = 9 * (2 * 32 * 32 * 3 * 1 + 3 * (16 * 16 * 1 * 2 + 8 * 8 * 2 * 4 + 4 * 4 * 4 * 8))
    linear = 3 * (8 * 256 + 256 * 256 + 256 * 128 + 128 * 256 + 256 * 128)
    assert flops(1, 1) == 2 * 2 * (convolutions + linear + 16384 * 128)


def test_the_step_of_torch_is_the_same_step():
    pytest.importorskip("torch")
    from tinynnclr.lab.bench.torch_step import make_step as torch_step

    method = make_method(4)
    theirs = torch_step(4, 16, method=method)
    ours = make_step(4, 16, method=method)
    for _ in range(3):
        assert math.isclose(ours(), theirs(), rel_tol=1e-3)


def test_peers_of_convolution_do_the_same():
    pytest.importorskip("torch")
    for case in cases.convolution({"torch"}, quick=True):
        theirs = case.peers["torch"]()
        theirs = next(t for t in theirs if t is not None) if isinstance(theirs, tuple) else theirs
        order = (2, 3, 1, 0) if case.measure == "conv grad_weight" else (0, 2, 3, 1)
        theirs = theirs.permute(*order).numpy()
        np.testing.assert_allclose(case.ours(), theirs, rtol=0, atol=1e-4 * np.abs(theirs).max())


def test_peak_memory(monkeypatch):
    before = process._peak_mb()
    assert 20 < before < 20_000
    held = np.ones(1 << 25)  # 256 MB, written
    assert process._peak_mb() >= before
    del held
    assert process._peak_mb() > 256
    monkeypatch.setattr(process, "run", lambda *a, **k: (1.5, "123.5\n"))
    assert process.peak_memory("ours", 16) == 123.5
    assert process.start(cold=True) == 1.5


def test_a_process_that_fails_says_why():
    with pytest.raises(RuntimeError, match="nonsense"):
        process.run("ours", "nonsense", "1")
