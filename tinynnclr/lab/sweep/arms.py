"""The arms of a sweep: a method with options, such as moco:negatives=ring:anneal=linear."""
import typing
from dataclasses import dataclass

from ...methods import METHODS
from ...methods.registry import option_type, options_of, owners
from ...storage.messages import nearest

MOST_SEEDS = 10_000
# options that every arm of a sweep shares: data, seed and evaluation
SHARED = ("method", "seed", "dataset", "data_dir", "train_size", "threads", "knn_k",
          "knn_temperature", "probe_strength")


@dataclass(frozen=True)
class Arm:
    """A configuration to train with several seeds; its options replace those of the sweep."""

    name: str
    options: dict[str, typing.Any]
    x: float | None = None  # its place on the axis of a picture
    group: str = ""  # arms of one group are joined by a line in a picture
    seeds: int | None = None  # train at most so many seeds; None: all


def parse_arms(text: str) -> dict[str, dict]:
    """{arm: options with the method}; "all" is every method. Raises ValueError for a mistake."""
    words = [word.strip() for word in text.split(",")]
    everything = [name for name, method in METHODS.items() if not method.experiment]
    arms = [arm for word in words for arm in (everything if word == "all" else [word])]
    return {arm: parse_arm(arm) for arm in arms}


def parse_arm(arm: str) -> dict[str, typing.Any]:
    """The options in METHOD:OPTION=VALUE:..., with the types of the method's Config."""
    method, *words = arm.split(":")
    if method not in METHODS:
        raise ValueError(f"--methods: expected all or some of {', '.join(METHODS)}; "
                         f"got {method!r}{nearest(method, METHODS)}")
    options: dict[str, typing.Any] = {"method": method}
    for word in words:
        name, equals, value = word.partition("=")
        name = name.replace("-", "_")
        _expect_option_of(method, name, arm)
        if name in options or not equals:
            raise ValueError(f"--methods {arm}: expected {name}=VALUE, once; got {word!r}")
        options[name] = _parse_value(name, value, arm)
    return options


def _expect_option_of(method, name, arm):
    if name in SHARED:
        raise ValueError(f"--methods {arm}: {name} is the same for all arms: give it as a flag of "
                         "the command")
    if name not in options_of(method):
        hint = nearest(name, options_of(method))
        if owners(name):
            hint = f", which is an option of {', '.join(owners(name))}"
        raise ValueError(f"--methods {arm}: {method} has no option {name!r}{hint}")


def _parse_value(name, value, arm):
    kind = option_type(name)
    try:
        return {"true": True, "false": False}[value.lower()] if kind is bool else kind(value)
    except (KeyError, ValueError):
        expected = "true or false" if kind is bool else kind.__name__
        raise ValueError(f"--methods {arm}: {name}: expected {expected}, got {value!r}") from None


def parse_seeds(text: str) -> list[int]:
    """"3" is 0, 1, 2; "0,3,7" is these seeds, and "3," is seed 3 alone."""
    words = [word.strip() for word in text.removesuffix(",").split(",")]
    if all(word.isdecimal() and len(word) < 19 for word in words):
        numbers = [int(word) for word in words]
        if "," in text and len(numbers) == len(set(numbers)):
            return numbers
        if "," not in text and 0 < numbers[0] <= MOST_SEEDS:
            return list(range(numbers[0]))
    shown = text if len(text) < 60 else text[:57] + "..."
    raise ValueError(f"--seeds: expected a count from 1 to {MOST_SEEDS}, or different seeds of at "
                     f"most 18 digits, such as 0,3,7; got {shown!r}")
