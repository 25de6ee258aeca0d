"""The arms of a comparison, as a command names them: moco:negatives=ring:anneal=linear is a method
with options.
"""
import typing

from ...methods import METHODS
from ...methods.registry import option_type, options_of, owners
from ...storage.messages import nearest

MOST_SEEDS = 10_000
# what no arm may have for itself: what it is, what it learns from, how it is judged
SHARED = ("method", "seed", "dataset", "data_dir", "train_size", "threads", "knn_k",
          "knn_temperature", "probe_strength")


def parse_arms(text: str) -> dict[str, dict]:
    """{arm: its options, the method among them}; "all" stands for every method. Raises ValueError
    for a mistake.
    """
    words = [word.strip() for word in text.split(",")]
    everything = [name for name, method in METHODS.items() if not method.experiment]
    arms = [arm for word in words for arm in (everything if word == "all" else [word])]
    return {arm: parse_arm(arm) for arm in arms}


def parse_arm(arm: str) -> dict:
    """The options of METHOD:OPTION=VALUE:..., of the types that the method's Config gives them."""
    method, *options = arm.split(":")
    if method not in METHODS:
        raise ValueError(f"--methods: expected all or some of {', '.join(METHODS)}; "
                         f"got {method!r}{nearest(method, METHODS)}")
    known = options_of(method)
    found: dict[str, typing.Any] = {"method": method}
    for option in options:
        name, equals, value = option.partition("=")
        name = name.replace("-", "_")
        if name in SHARED:
            raise ValueError(f"--methods {arm}: {name} is the same for all arms: give it as a flag "
                             "of the command")
        if name not in known:
            whose = f", which is an option of {', '.join(owners(name))}" if owners(
                    name) else nearest(name, known)
            raise ValueError(f"--methods {arm}: {method} has no option {name!r}{whose}")
        if name in found or not equals:
            raise ValueError(f"--methods {arm}: expected {name}=VALUE, once; got {option!r}")
        kind = option_type(name)
        try:
            found[name] = {"true": True,
                           "false": False}[value.lower()] if kind is bool else kind(value)
        except (KeyError, ValueError):
            expected = "true or false" if kind is bool else kind.__name__
            raise ValueError(f"--methods {arm}: {name}: expected {expected}, got {value!r}") from None
    return found


def parse_seeds(text: str) -> list[int]:
    """"3" is 0, 1, 2; "0,3,7" is itself, and "3," is 3 alone."""
    words = [word.strip() for word in text.removesuffix(",").split(",")]
    if all(word.isdecimal() and len(word) < 19 for word in words):
        numbers = [int(word) for word in words]
        if "," in text and len(numbers) == len(set(numbers)):
            return numbers
        if "," not in text and 0 < numbers[0] <= MOST_SEEDS:
            return list(range(numbers[0]))
    raise ValueError(f"--seeds: expected a count from 1 to {MOST_SEEDS}, or different seeds of at "
                     "most 18 digits, such as 0,3,7; got "
                     f"{text if len(text) < 60 else text[:57] + '...'!r}")
