"""Flags and fields of Config with any text or value: exit status 0 or 2, one line, no traceback.

Nothing is trained: a valid command line would train.
"""
import json

import numpy as np
import pytest
from command_line import write_pictures
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from promise import Faults, broken
from small import SMALL, random_data

from tinynnclr import kernels
from tinynnclr.cli import commands, train
from tinynnclr.cli.flags import build_parser
from tinynnclr.datasets import toybox
from tinynnclr.methods import make_config
from tinynnclr.methods.registry import all_options

NUMBERS = ("nan", "inf", "-inf", "-0", "0", "1", "2", "3", "-1", "0.5", "1e308", "1e-308", "1e999",
           "0x10", "1_000", "1,5", "2147483648", "4294967296", "9223372036854775807",
           "9223372036854775808", "-9223372036854775809", "1" + "0" * 40, "٣", "½", "", " ", "\n",
           "two words", "true", "None", "-", "--", "--epochs", "=", "\x00", "\ud800", "é", "💥")
WORDS = st.one_of(st.sampled_from(NUMBERS), st.text(max_size=12), st.floats().map(str),
                  st.integers().map(str),
                  st.sampled_from(("toybox", "cifar10", "folder:pictures", "folder:", "folder:/",
                                   "folder:nowhere", "all", "moco:negatives=ring",
                                   "nnclr:neighbors=false", "0,1", "knn,linear", "npz")))
VALUES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8),
                   st.just([]), st.just({}),
                   st.sampled_from((-2**63, 2**63, 10**40, np.float32(1), np.int64(2), b"x",
                                    (1, 2))))
FIELDS = ["method", *all_options()]


@pytest.fixture
def here(tmp_path, monkeypatch, threads):
    """Pictures, toys of noise; and neither training, judging nor measuring."""
    write_pictures(tmp_path / "pictures", each=6)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(train, "train_and_evaluate", lambda *_: None)
    monkeypatch.setattr(commands.Comparison, "run", lambda self: [])
    monkeypatch.setattr(commands, "run_bench",
                        lambda options: kernels.set_num_threads(options.threads or 1))
    monkeypatch.setattr(commands, "download", lambda *_, **__: None)
    monkeypatch.setattr(toybox, "load", lambda **_: (random_data(300), random_data(20)))
    return tmp_path


def drawn(cases, strategy, check):
    """check(drawn) for so many examples; the same ones each time."""
    settings(max_examples=cases, deadline=None, derandomize=True, database=None,
             suppress_health_check=list(HealthCheck))(given(strategy)(check))()


def flags(command):
    """The flags of a command, as its parser has them."""
    parser = next(action for action in build_parser()._actions if action.dest
                  == "command").choices[command]
    return [flag for action in parser._actions for flag in action.option_strings if flag not
            in ("-h", "--help")]


def small():
    return {f"--{name.replace('_', '-')}": str(value) for name,
            value in {**SMALL, "batch_size": 2}.items()}


@pytest.mark.parametrize("command", ["train", "compare", "evaluate", "plot", "export", "download",
                                     "bench"])
def test_flags(here, capsys, count, record_property, command):
    """One or two flags of each command with anything behind them, and words where none belong."""
    faults = Faults()
    own = flags(command)

    def check(words):
        given = {**(small() if command in ("train", "compare") else {}), "--data-dir": "data",
                 "--dataset": "folder:pictures"} if command in ("train", "compare") else {}
        for flag, _ in words:
            given.pop(flag, None)
        line = [command, *(["run"] if command in ("evaluate", "plot", "export") else []),
                *(["cifar10"] if command == "download" else []),
                *(w for pair in given.items() for w in pair),
                *(w for pair in words for w in pair if w is not None)]
        status, wrong = broken(capsys, line)
        faults.add(repr(line[-4:]), wrong, status)

    pair = st.tuples(st.sampled_from(own), st.one_of(st.none(), WORDS))
    drawn(count(25, 80, 250), st.lists(pair, min_size=1, max_size=2), check)
    faults.check(record_property)


def test_any_words(here, capsys, count, record_property):
    faults = Faults()

    def check(words):
        status, wrong = broken(capsys, words)
        faults.add(repr(words), wrong, status)

    word = st.one_of(WORDS,
                     st.sampled_from(("train", "compare", "evaluate", "run", "--out", "--resume",
                                      "--version")))
    drawn(count(30, 130, 400), st.lists(word, max_size=4), check)
    faults.check(record_property)


def test_fields_of_config(count, record_property):
    """Any value for any field: a one-line ValueError, or a configuration that survives JSON."""
    faults = Faults()

    def check(values):
        wrong = ""
        try:
            config = make_config(values)
            again = make_config(json.loads(json.dumps(config.to_dict())))
            wrong = "" if again == config else f"it came back as {again}"
            types = {name: type(value) for name, value in config.to_dict().items()}
            wrong = wrong or ("" if set(types.values()) <= {int, float, str, bool, type(None)}
                              else str(types))
        except ValueError as error:
            wrong = "" if str(error) and "\n" not in str(error) else f"not one line: {error}"
        except Exception as error:
            wrong = f"{type(error).__name__}: {error}"
        faults.add(repr(values), wrong)

    names = st.one_of(st.sampled_from(FIELDS), st.sampled_from(FIELDS), st.text(max_size=6))
    drawn(count(200, 600, 2000), st.dictionaries(names, VALUES, min_size=1, max_size=3), check)
    faults.check(record_property)
