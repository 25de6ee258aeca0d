"""The configuration: every option has a help text, a flag, and checks of its value."""
import dataclasses
import json
import typing

import pytest
from one_line import fails

from tinynnclr.cli.config_flags import given_options
from tinynnclr.cli.flags import build_parser
from tinynnclr.cli.main import main
from tinynnclr.lab.recipes import TRAIN_PRESETS
from tinynnclr.methods import NNCLR, SNCLR, SimCLR, make_config
from tinynnclr.methods.registry import METHODS, all_options, options_of

NAMES = list(all_options())


def test_there_and_back():
    config = NNCLR.Config(lr=0.25, train_size=100, neighbors=False)
    assert make_config(json.loads(json.dumps(config.to_dict()))) == config
    assert make_config({}) == NNCLR.Config()
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.lr = 1.0


@pytest.mark.parametrize(("key", "near"), [("epoch", "epochs"), ("neighbours", "neighbors"),
                                           ("queue", "queue_size"), ("Temperature", "temperature"),
                                           ("xyz", None)])
def test_an_unknown_key(key, near):
    with fails(ValueError, f"config: unknown key '{key}'",
               f"did you mean {near}" if near else "") as caught:
        make_config({"lr": 0.1, key: 3})
    assert near or "mean" not in str(caught.value)


@pytest.mark.parametrize(("name", "bad", "expected"),
                         [*((name, 0, "at least 1")
                            for name in ("epochs", "view_size", "width", "dim", "projector_hidden",
                                         "queue_size", "predictor_hidden", "knn_k", "train_size",
                                         "threads")),
                          *((name, bad, "above 0")
                            for name in ("temperature", "knn_temperature", "lr")
                            for bad in (0.0, -0.1, float("nan"), float("inf"))),
                          *((name, -1, "0 or more")
                            for name in ("momentum", "weight_decay", "probe_strength", "seed")),
                          *(("views", bad, "an even number") for bad in (0, 3, -2)),
                          ("soft_k", -1, "0 or more"), ("clusters", 1, "at least 2"),
                          ("momentum", float("nan"), "0 or more"), ("batch_size", 1, "at least 2"),
                          ("warmup", 1.5, "0 to 1"), ("warmup", float("nan"), "0 to 1"),
                          ("epochs", 2.5, "int"), ("batch_size", "16", "int"),
                          ("seed", True, "int"), ("neighbors", 1, "bool"), ("lr", "0.1", "float"),
                          ("temperature", None, "float"), ("train_size", 1.5, "int or NoneType"),
                          ("dataset", 3, "str"), ("method", "swav", "one of nnclr, simclr"),
                          ("optimizer", "adam", "one of sgd, lars, adamw"),
                          ("encoder", "resnet", "one of tiny_cnn"),
                          ("augmentation", "strong", "one of toybox, simclr")])
def test_a_bad_value(name, bad, expected):
    method = {"views": "simclr", "soft_k": "snclr", "clusters": "deepcluster"}.get(name, "nnclr")
    with fails(ValueError, f"{name}: expected {expected}", f"got {bad!r}".replace("(", r"\(")):
        make_config({"method": method, name: bad})


def test_a_bad_choice_gets_the_nearest():
    with fails(ValueError, "did you mean adamw"):
        NNCLR.Config(optimizer="adam")


def test_limits_are_allowed():
    config = NNCLR.Config(epochs=1, batch_size=2, queue_size=1, seed=0, weight_decay=0,
                          momentum=0.0, warmup=1, lr=1)
    assert (config.lr, config.warmup) == (1, 1)


def help_of(capsys, *arguments):
    with pytest.raises(SystemExit) as end:
        main([*arguments, "--help"])
    assert end.value.code == 0
    return " ".join(capsys.readouterr().out.partition("options:")[2].replace("-\n", "-").split())


@pytest.mark.parametrize("method", METHODS)
def test_every_option_is_explained_and_has_its_flag(method, capsys):
    text = help_of(capsys, "train", "--method", method)
    for name, field in options_of(method).items():
        flag = f"--{name.replace('_', '-')}"
        kind = "{" if field.metadata["choices"] else "INT" if field.type is int else ""
        flag += f", --no-{flag[2:]} " if field.type is bool else f" {kind}"
        entry = text[text.index(flag):]
        meaning = field.metadata["help"] + ("" if field.default is None else f" [{field.default}]")
        assert len(field.metadata["help"]) >= 5
        # this flag's help, not that of a later one
        assert 0 < "".join(entry.split()).find("".join(meaning.split())) < 120
        assert field.default in (field.metadata["choices"]
                                 or [field.default]) or field.default is None
    foreign = [name for name in all_options() if name not in options_of(method)]
    assert not [name for name in foreign if f"--{name.replace('_', '-')} " in text]


def test_the_help_has_titles(capsys):
    text = help_of(capsys, "train")
    for title in ("data:", "views:", "length and speed:", "encoder:", "optimiser:", "evaluation:",
                  "options of nnclr:"):
        assert f" {title} " in text


def test_a_flag_of_another_method_is_refused_by_name(capsys):
    with pytest.raises(SystemExit):
        main(["train", "--method", "simclr", "--clusters", "20"])
    assert capsys.readouterr().err == \
        "tinynnclr train: --clusters: it is an option of deepcluster, not of simclr\n"


def test_the_defaults_of_an_encoder():
    config = SimCLR.Config(encoder="vit")
    assert (config.optimizer, config.weight_decay, config.warmup) == ("adamw", 0.05, 0.1)
    assert SNCLR.Config(encoder="vit", optimizer="sgd", warmup=0).optimizer == "sgd"
    assert SNCLR.Config(encoder="vit", optimizer="sgd", warmup=0).warmup == 0


def test_flags_become_values_of_the_right_type():
    given = {"lr": "0.5", "epochs": "3", "train_size": "100", "dataset": "folder:x y", "seed": "0"}
    words = [word for name, text in given.items() for word in (f"--{name.replace('_', '-')}", text)]
    options = build_parser().parse_args(["train", *words, "--no-neighbors", "--nesterov"])
    values = {name: getattr(options, name) for name in NAMES if name in options}
    assert values == {"lr": 0.5, "epochs": 3, "train_size": 100, "dataset": "folder:x y", "seed": 0,
                      "neighbors": False, "nesterov": True}  # only what was given
    types = {name: field.type for name, field in all_options().items()}
    assert all(type(v) in (typing.get_args(types[k]) or (types[k],)) for k, v in values.items())
    assert make_config({"method": "simclr", "train_size": values["train_size"]}).train_size == 100


@pytest.mark.parametrize("name", TRAIN_PRESETS)
def test_flags_override_a_preset(name):
    options = build_parser().parse_args(["train", "--preset", name, "--epochs", "3", "--width",
                                         "7"])
    options = given_options(options)
    assert options == {**TRAIN_PRESETS[name].options, "epochs": 3, "width": 7}
    assert make_config(options).epochs == 3
    assert given_options(build_parser().parse_args(["train", "--epochs", "3"])) == {"epochs": 3}


@pytest.mark.parametrize(("options", "lr"), [
    ({}, 0.96), ({"optimizer": "lars"}, 0.96), ({"optimizer": "adamw"}, 0.001),
    ({"encoder": "vit"}, 0.001), ({"encoder": "vit", "optimizer": "sgd"}, 0.96),
    ({"encoder": "vit", "lr": 0.1}, 0.1), ({"method": "cmc"}, 0.24),
    ({"method": "cmc", "encoder": "vit"}, 0.001), ({"method": "instance_discrimination"}, 0.002)])
def test_the_learning_rate_follows_the_optimiser(options, lr):
    assert make_config(options).lr == lr
