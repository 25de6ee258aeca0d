"""The arms and the seeds that a command names."""
import pytest
from one_line import fails

from tinynnclr.lab.sweep.arms import SHARED, parse_arms, parse_seeds
from tinynnclr.methods import METHODS, make_config


def test_arms_have_options_of_the_right_types():
    name, other = "nnclr:neighbors=false:lr=1:queue-size=64", "moco:anneal=linear:nesterov=True"
    arms = parse_arms(f" {name}, {other}")
    assert arms == {name: {"method": "nnclr", "neighbors": False, "lr": 1.0, "queue_size": 64},
                    other: {"method": "moco", "anneal": "linear", "nesterov": True}}
    assert type(arms[name]["lr"]) is float
    assert all(make_config(options) for options in arms.values())


def test_all_is_every_method_and_the_first_mention_counts():
    methods = {name for name in METHODS if not METHODS[name].experiment}
    assert parse_arms("all") == {name: {"method": name} for name in METHODS if name in methods}
    names = list(parse_arms("simclr,all,simclr:lr=1,simclr"))
    assert (names[0], names[-1]) == ("simclr", "simclr:lr=1")
    assert {*names[:-1]} == methods


MISTAKES = {
    "": ("got ''", "nnclr"), "nnclr,": ("got ''",), "nnclr simclr": ("got 'nnclr simclr'",),
    "simclear": ("got 'simclear', did you mean simclr\\?",),
    "nnclr:quue_size=3": ("nnclr has no option 'quue_size', did you mean queue_size\\?",),
    "nnclr:": ("nnclr has no option ''",),
    "simclr:clusters=3": ("has no option 'clusters', which is an option of deepcluster",),
    "nnclr:epochs": ("expected epochs=VALUE, once; got 'epochs'",),
    "nnclr:lr=1:lr=2": ("expected lr=VALUE, once; got 'lr=2'",),
    "nnclr:lr=fast": ("lr: expected float, got 'fast'",),
    "nnclr:top_k=1.5": ("top_k: expected int, got '1.5'",),
    "nnclr:neighbors=1": ("neighbors: expected true or false, got '1'",),
    **{f"nnclr:{name}=1": (f"{name} is the same for all arms",) for name in SHARED}}


@pytest.mark.parametrize("text", MISTAKES)
def test_a_mistake_is_one_line(text):
    with fails(ValueError, "--methods", *MISTAKES[text]):
        parse_arms(text)


def test_seeds():
    assert parse_seeds("3") == [0, 1, 2]
    assert parse_seeds("0,3, 7") == [0, 3, 7]
    assert parse_seeds("3,") == [3]


@pytest.mark.parametrize("text", ["", "0", "00", "-1", "1.5", "many", "1,1", "1,,2", ",", "3,01,1"])
def test_bad_seeds(text):
    with fails(ValueError, "--seeds: expected a count", "0,3,7", "got "):
        parse_seeds(text)
