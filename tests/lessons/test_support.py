"""What the lessons use: states of an exercise, guesses, timings, figures, accuracies."""
import io
import math
import re

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from one_line import fails
from PIL import Image
from support import bench, check, draw_guess, exercise, guess, predict, report, show
from support.bench import in_units
from support.check import EXERCISES, WrongAnswer, short
from support.show import png


def double(x):
    """The reference."""
    return 2 * x


@pytest.fixture(autouse=True)
def doubling():
    @exercise("t.a", reference=double)
    def _(trial):
        for n in (1, 2, 40):
            x = np.arange(1, n + 1, dtype=np.float32)
            trial.equal(trial(x), double(x), x=x, hint="twice the number")

    yield
    for name in [name for name in EXERCISES if name.startswith("t.")]:
        del EXERCISES[name]


def stub(x):
    raise NotImplementedError


# ---------------------------------------------------------------- exercises


def test_three_states(capsys):
    assert check("t.a", stub) is double
    assert capsys.readouterr().out == "○ t.a: not attempted; going on with the package's version\n"

    def added(x):
        return x + x

    assert check("t.a", added) is added
    assert capsys.readouterr().out == "✓ t.a: passed, 3 checks\n"
    with pytest.raises(WrongAnswer) as caught:
        # right for 1 alone: the smallest example is that of two numbers
        check("t.a", lambda x: x * x + 1)
    assert str(caught.value).splitlines() == ["✗ t.a: twice the number", "  expected: [2., 4.]",
                                              "  got: [2., 5.]", "  x: [1., 2.]"]


def cheat(x):
    x *= 0
    return x


@pytest.mark.parametrize(("wrong", "message"), [
    *((wrong, "twice the number") for wrong in (
        lambda x: None, lambda x: "2", lambda x: 2 * x[:, None], lambda x: 2,
        lambda x: [2 * x, 2 * x], lambda x: x * np.nan, lambda x: {},
        lambda x: np.array([None] * len(x)), lambda x: 2.001 * x)),
    (lambda x: 1 / 0, r"t.a: it raised ZeroDivisionError: division by zero\n  argument 1: \[1.\]"),
    (cheat, r"expected: \[2.\]")])  # it cannot change what it is compared with
def test_a_wrong_answer_fails(wrong, message):
    with pytest.raises(WrongAnswer, match=message):
        check("t.a", wrong)


def try_copies(trial):
    for value in ([1, 2], {1: 2}):
        trial.equal(trial(value), len(value))


def try_integer(trial):
    trial.equal(trial(np.array([1.0, 2.0])), 1)


def try_kept(trial):
    trial.equal(trial.keeps(np.array([2.0, 1.0]), 0), [1.0, 2.0])


def try_sum(trial):
    x = np.ones((200, 200))
    trial.true(trial(x) > 0, "a sum of ones is above 0")
    trial.equal(trial.allocates(100_000, x, hint="Add as you go."), 40_000.0)


@pytest.mark.parametrize(("attempt", "right", "wrong", "message"), [
    (try_copies, len, lambda value: value.clear() or len(value), "expected: 2"),
    (try_integer, np.argmax, lambda x: float(np.argmax(x)), "expected integers"),
    (try_integer, np.argmax, lambda x: True, "expected integers"),
    (try_kept, np.sort, lambda x, axis: x.sort() or x,
     "argument 1 was changed; return a new array"),
    (try_sum, np.sum, lambda x: (x * 1.0).sum(),
     r"t.b: 3\d\d,\d\d\d bytes were allocated at once; at most 100,000 are allowed. Add"),
    (try_sum, np.sum, lambda x: -x.sum(), "a sum of ones is above 0")])
def test_what_a_trial_checks(attempt, right, wrong, message):
    exercise("t.b", reference=right)(attempt)
    assert check("t.b", right) is right
    with pytest.raises(WrongAnswer, match=message):
        check("t.b", wrong)


def test_a_check_of_nothing_is_an_error():
    exercise("t.c", reference=double)(lambda trial: None)
    exercise("t.d", reference=double)(lambda trial: trial.equal(1, 1))  # never calls the answer
    for name in ("t.c", "t.d"):
        with fails(RuntimeError, f"check: {name} checked nothing"):
            check(name, double)
    with fails(ValueError, "check: there is no exercise '99.z'"):
        check("99.z", double)
    with fails(ValueError, "exercise: t.a is there already"):
        exercise("t.a", reference=double)(lambda trial: None)


def test_values_in_one_line():
    assert short(np.arange(6).reshape(2, 3)) == "[[0, 1, 2], [3, 4, 5]]"
    assert short(np.arange(400.0).reshape(20, 20)) == (
        "shape (20, 20), beginning "
        "[ 0.,  1.,  2.,  3.,  4.,  5.,  6.,  7.,  8.,  9., 10., 11., ...]")
    assert short("a\nb") == "'a\\nb'"
    assert len(short("x" * 999)) == 200


# ---------------------------------------------------------------- guesses


def test_a_guess_is_kept_and_drawn(capsys):
    assert guess("t.seconds") is None
    predict("t.seconds", seconds=...)
    assert "no guess yet" in capsys.readouterr().out
    ax = Figure().add_subplot()
    draw_guess(ax, "t.seconds")
    assert not ax.lines
    predict("t.seconds", seconds_a_call=3)
    assert guess("t.seconds") == 3.0
    assert capsys.readouterr().out == "t.seconds: your guess is 3 seconds a call\n"
    for axis in ("x", "y"):
        draw_guess(ax, "t.seconds", axis)
    assert [line.get_data()[i][0] for line, i in zip(ax.lines, (0, 1), strict=True)] == [3, 3]
    assert [text.get_text() for text in ax.texts] == ["your guess"] * 2
    with fails(ValueError, "draw_guess: axis: expected x or y, got 'z'"):
        draw_guess(ax, "t.seconds", "z")
    for value in ({"seconds": "many"}, {"seconds": True}, {"seconds": math.inf}, {"a": 1, "b": 2},
                  {}):
        with fails(ValueError, "predict: t.seconds", "expected"):
            predict("t.seconds", **value)
    predict("t.seconds", seconds=...)
    assert guess("t.seconds") is None


@pytest.mark.parametrize(("number", "axis", "limits", "at", "marker"), [
    (1e9, "y", (0, 10), (0.05, 0.98), "^"), (-1, "y", (0, 10), (0.05, 0.02), "v"),
    (10.5, "x", (0, 10), (0.98, 0.9), ">"), (-2e7, "x", (0, 10), (0.02, 0.9), "<"),
    (99, "x", (10, 0), (0.02, 0.9), "<"), (-1, "y", (10, 0), (0.05, 0.98), "^")])
def test_a_guess_beyond_fixed_axes_stands_at_their_edge(number, axis, limits, at, marker):
    """The picture has the same size as without a guess: nothing is drawn outside."""
    def drawn(guessed):
        figure = Figure(figsize=(4, 3))
        ax = figure.add_subplot(**{"xlim": (0, 1), "ylim": (0, 1), f"{axis}lim": limits})
        predict("t.far", units=guessed)
        draw_guess(ax, "t.far", axis)
        return ax, Image.open(io.BytesIO(png(figure))).size

    (ax, size), (_, plain) = drawn(number), drawn(...)
    assert size == plain
    assert tuple(ax.get_xlim() if axis == "x" else ax.get_ylim()) == limits
    (line,), (text,) = ax.lines, ax.texts
    assert (line.get_marker(), tuple(np.ravel(line.get_data()))) == (marker, at)
    assert line.get_transform() == ax.transAxes
    assert float(text.get_text().removeprefix("your guess: ").replace(",", "")) == number


@pytest.mark.parametrize("axis", ["x", "y"])
def test_where_a_guess_can_be_shown_it_is_a_line(axis):
    free, fixed, log = Figure().subplots(1, 3)
    fixed.set(xlim=(0, 10), ylim=(0, 10))
    log.set(xscale="log", yscale="log")
    for ax, number, line in ((free, 1e6, True), (fixed, 0, True), (fixed, 10, True),
                             (log, 1e6, True), (log, 0, False)):
        predict("t.near", units=number)
        ax.plot([1, 2], [1, 2])
        draw_guess(ax, "t.near", axis)
        assert (ax.lines[-1].get_linestyle() == ":") == line
    predict("t.near", units=...)


# ---------------------------------------------------------------- timings, figures, accuracies


def test_the_first_call_is_timed_apart(capsys):
    calls = []

    def work():
        calls.append(1)

    timing = bench(work, repeat=5, at_least=0, flops=10)
    assert len(calls) == 6
    assert 0 < timing.low <= timing.seconds <= timing.high
    assert timing.gflops == pytest.approx(10e-9 / timing.seconds)
    assert re.fullmatch(r"work: [\d.]+ us a call \([\d.]+ us to [\d.]+ us\), .* GFLOP/s; the first "
                        r"took .*\n", capsys.readouterr().out)
    assert math.isnan(bench(work, repeat=2, at_least=0).gflops)
    assert [in_units(t) for t in (12.3, 0.2111, 0.0352, 5.6e-6, 3e-9, 150)] == [
        "12 s", "0.21 s", "35 ms", "5.6 us", "0.003 us", "150 s"]


def test_a_figure_has_a_description(capsys):
    figure = Figure()
    figure.add_subplot().set_title("The loss falls with every epoch")
    show(figure, "A line that falls from 5 to 2 within\n eight epochs, fast at first.")
    assert ("Figure: A line that falls from 5 to 2 within eight epochs, fast at first.\n"
            in capsys.readouterr().out)
    for alt in ("", "A line.", "A line that falls without a full stop",
                "The loss falls with every epoch."):
        with fails(ValueError, "show: alt: expected a sentence of 20 characters or more"):
            show(figure, alt)
    assert matplotlib.get_backend().lower() == "agg"  # and no window


def test_a_drawing_has_a_palette_and_a_photograph_all_its_colours():
    figure = Figure(figsize=(2, 2))
    ax = figure.add_axes((0, 0, 1, 1))
    ax.plot([1, 2], color="#D55E00")
    drawing = Image.open(io.BytesIO(png(figure)))
    assert drawing.mode == "P"
    colours = np.array([colour for _, colour in drawing.convert("RGB").getcolors()])
    for wanted in ((255, 255, 255), (213, 94, 0)):
        assert np.abs(colours - wanted).max(1).min() <= 8
    ax.imshow(np.random.default_rng(0).integers(0, 256, (160, 160, 3), np.uint8))
    assert Image.open(io.BytesIO(png(figure))).mode == "RGB"


def test_accuracies_stand_beside_baselines(capsys):
    report({"nnclr": [0.9, 0.92], "one seed": [0.8]}, chance=0.1, random_weights=[0.4, 0.5])
    assert capsys.readouterr().out.splitlines() == [
        "chance           10.0 %", "random weights   45.0 % ± 63.5  2 seeds",
        "nnclr            91.0 % ± 12.7  2 seeds", "one seed         80.0 %  1 seed"]
    for wrong in ({}, {"a": []}, {"a": [1.5]}, {"a": [math.nan]}):
        with fails(ValueError, "report: .*expected"):
            report(wrong, chance=0.1, random_weights=[0.4])
    with fails(ValueError, "report: random weights: expected accuracies"):
        report({"a": [0.5]}, chance=0.1, random_weights=[])
