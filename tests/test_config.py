"""The configuration: every knob is explained, has a flag, and refuses what it cannot be."""
import dataclasses
import json
import typing

import pytest
from one_line import fails

from tinynnclr.cli.commands import build_parser, given_knobs, main
from tinynnclr.cli.presets import TRAIN_PRESETS
from tinynnclr.config import Config
from tinynnclr.storage.messages import nearest

FIELDS = dataclasses.fields(Config)
NAMES = [f.name for f in FIELDS]


def test_there_and_back():
    config = Config(method="simclr", lr=0.25, train_size=100, neighbors=False)
    assert Config.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    assert Config.from_dict({}) == Config()
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.lr = 1.0


@pytest.mark.parametrize(("key", "near"), [("epoch", "epochs"), ("neighbours", "neighbors"),
                                           ("queue", "queue_size"), ("Temperature", "temperature"), ("xyz", None)])
def test_an_unknown_key(key, near):
    with fails(ValueError, f"config: unknown key '{key}'", f"did you mean {near}" if near else "") as caught:
        Config.from_dict({"lr": 0.1, key: 3})
    assert near or "mean" not in str(caught.value)


@pytest.mark.parametrize(("name", "bad", "expected"), [
    *((name, 0, "at least 1") for name in ("epochs", "view_size", "width", "dim", "projector_hidden", "queue_size",
                                           "predictor_hidden", "knn_k", "train_size", "threads")),
    *((name, bad, "above 0") for name in ("temperature", "knn_temperature", "lr")
      for bad in (0.0, -0.1, float("nan"), float("inf"))),
    *((name, -1, "0 or more") for name in ("momentum", "weight_decay", "probe_strength", "seed")),
    *(("views", bad, "an even number") for bad in (0, 3, -2)), ("views", 4, "2 with this method"),
    ("momentum", float("nan"), "0 or more"), ("batch_size", 1, "at least 2"), ("warmup", 1.5, "0 to 1"),
    ("warmup", float("nan"), "0 to 1"), ("epochs", 2.5, "int"), ("batch_size", "16", "int"), ("seed", True, "int"),
    ("neighbors", 1, "bool"), ("lr", "0.1", "float"), ("temperature", None, "float"),
    ("train_size", 1.5, "int or NoneType"),
    ("dataset", 3, "str"), ("method", "swav", "one of nnclr, simclr"), ("optimizer", "adam", "one of sgd, lars, adamw"),
    ("encoder", "resnet", "one of tiny_cnn"), ("augmentation", "strong", "one of toybox, simclr")])
def test_a_bad_value(name, bad, expected):
    with fails(ValueError, f"{name}: expected {expected}", f"got {bad!r}".replace("(", r"\(")):
        Config(**{name: bad})


def test_a_bad_choice_gets_the_nearest():
    with fails(ValueError, "did you mean adamw"):
        Config(optimizer="adam")
    assert nearest("epoch", ["epochs", "seed"]) == ", did you mean epochs?"
    assert nearest("zzz", ["epochs", "seed"]) == ""


def test_borders_are_allowed():
    config = Config(epochs=1, batch_size=2, queue_size=1, seed=0, weight_decay=0, momentum=0.0, warmup=1, lr=1)
    assert (config.lr, config.warmup) == (1, 1)


@pytest.mark.parametrize("field", FIELDS, ids=NAMES)
def test_every_field_is_explained_and_has_its_flag(field, capsys):
    with pytest.raises(SystemExit) as end:
        main(["train", "--help"])
    assert end.value.code == 0
    flag = f"--{field.name.replace('_', '-')}"
    text = " ".join(capsys.readouterr().out.partition("options:")[2].replace("-\n", "-").split())
    kind = "" if field.type is bool else "{" if field.metadata["choices"] else "INT" if field.type is int else ""
    flag += f", --no-{flag[2:]} " if field.type is bool else f" {kind}"
    entry = text[text.index(flag):]
    meaning = field.metadata["help"] + ("" if field.default is None else f" [{field.default}]")
    assert len(field.metadata["help"]) >= 5
    assert 0 < "".join(entry.split()).find("".join(meaning.split())) < 120  # its own, not that of a later flag
    assert field.default in (field.metadata["choices"] or [field.default])


def test_flags_become_values_of_the_right_type():
    given = {"lr": "0.5", "epochs": "3", "train_size": "100", "method": "simclr", "dataset": "folder:x y", "seed": "0"}
    words = [word for name, text in given.items() for word in (f"--{name.replace('_', '-')}", text)]
    options = build_parser().parse_args(["train", *words, "--no-neighbors", "--nesterov"])
    values = {name: getattr(options, name) for name in NAMES if name in options}
    assert values == {"lr": 0.5, "epochs": 3, "train_size": 100, "method": "simclr", "dataset": "folder:x y", "seed": 0,
                      "neighbors": False, "nesterov": True}  # and what was not given is not there
    types = typing.get_type_hints(Config)
    assert all(type(v) in (typing.get_args(types[k]) or (types[k],)) for k, v in values.items())
    assert Config.from_dict(values).train_size == 100


@pytest.mark.parametrize("name", TRAIN_PRESETS)
def test_a_preset_is_a_run_and_gives_way_to_flags(name):
    options = build_parser().parse_args(["train", "--preset", name, "--epochs", "3", "--width", "7"])
    knobs = given_knobs(options)
    assert knobs == {**TRAIN_PRESETS[name].knobs, "epochs": 3, "width": 7}
    assert Config.of(knobs).epochs == 3
    assert given_knobs(build_parser().parse_args(["train", "--epochs", "3"])) == {"epochs": 3}
