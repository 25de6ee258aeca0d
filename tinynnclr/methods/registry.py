"""The methods by name, and configurations from options by name, as commands and files give them."""
import dataclasses
import re
import typing
from collections.abc import Container
from typing import Any

from ..config import Config
from ..storage.messages import nearest
from .byol import BYOL
from .cmc import CMC
from .deepcluster import DeepCluster
from .feature_nnclr import FeatureNNCLR
from .instance_discrimination import InstanceDiscrimination
from .method import Method
from .moco import MoCo
from .nnclr import NNCLR
from .oracle_nnclr import OracleNNCLR
from .random_weights import RandomWeights
from .simclr import SimCLR
from .snclr import SNCLR
from .supervised import Supervised

# a new method adds its class here
CLASSES: tuple[type[Method], ...] = (NNCLR, SimCLR, InstanceDiscrimination, MoCo, CMC, SNCLR,
                                     DeepCluster, BYOL, Supervised, RandomWeights, OracleNNCLR,
                                     FeatureNNCLR)
METHODS = {method.name: method for method in CLASSES}
DEFAULT_METHOD = NNCLR.name


def options_of(method: str) -> dict[str, dataclasses.Field]:
    """{name: field} of a method's options, the common ones first."""
    fields = {f.name: f for f in dataclasses.fields(METHODS[method].Config)}
    return {**{f.name: fields[f.name] for f in dataclasses.fields(Config)}, **fields}


def all_options() -> dict[str, dataclasses.Field]:
    """{name: field} of the options of all methods."""
    return {name: f for method in METHODS for name, f in options_of(method).items()}


def owners(name: str) -> list[str]:
    """The methods that have an option."""
    return [method for method in METHODS if name in options_of(method)]


def method_name(given: dict[str, Any]) -> str:
    """The method in the options, or the default one. Raises ValueError for an unknown name."""
    name = given.get("method", DEFAULT_METHOD)
    if not isinstance(name, str) or name not in METHODS:
        raise ValueError(f"method: expected one of {', '.join(METHODS)}; got "
                         f"{name!r}{nearest(name, METHODS)}")
    return name


def make_config(given: dict[str, Any]) -> Config:
    """The configuration of the method that `given` names; other options have its defaults.

    Raises ValueError for a value out of range, for an unknown option (with the nearest name), and
    for an option of another method (with that method's name).
    """
    if not isinstance(given, dict):
        raise ValueError(f"config: expected options with their values, got {given!r}")
    method = method_name(given)
    known = options_of(method)
    for name in given:
        if name == "method" or name in known:
            continue
        if owners(name):
            raise ValueError(f"{name}: it is an option of {', '.join(owners(name))}, not of "
                             f"{method}")
        raise ValueError(f"config: unknown key {name!r}{nearest(name, all_options())}")
    return METHODS[method].Config(**{name: value for name, value in given.items()
                                     if name != "method"})


def applicable(given: dict[str, Any], method: str) -> dict[str, Any]:
    """The given options without those of other methods, for options given to several methods."""
    return {name: value for name, value in given.items()
            if name in options_of(method) or not owners(name)}


def option_type(name: str) -> type:
    """The type of an option's values other than None."""
    hint = all_options()[name].type
    return next(t for t in typing.get_args(hint) or (hint,) if t is not type(None))


def flag_names(message: str, unchanged: Container[str] = ()) -> str:
    """The message with options as flags: --batch-size for batch_size, except those unchanged."""
    for name in ("method", *all_options()):
        if name not in unchanged and ("_" in name or message.startswith(f"{name}: ")):
            message = re.sub(rf"(?<![\w'-]){name}(?![\w'])", f"--{name.replace('_', '-')}", message)
    return message
