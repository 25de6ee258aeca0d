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
METHODS: dict[str, type[Method]] = {method.name: method for method in (NNCLR, SimCLR,
                                                                       InstanceDiscrimination, MoCo,
                                                                       CMC, SNCLR, DeepCluster,
                                                                       BYOL, Supervised,
                                                                       RandomWeights, OracleNNCLR)}
USUAL = NNCLR.name  # the method where none is named


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
    """The method that the options name, or the usual one. Raises ValueError for one that there is
    not.
    """
    name = given.get("method", USUAL)
    if not isinstance(name, str) or name not in METHODS:
        raise ValueError(f"method: expected one of {', '.join(METHODS)}; got "
                         f"{name!r}{nearest(name, METHODS)}")
    return name


def make_config(given: dict[str, Any]) -> Config:
    """The configuration of the method that `given` names, with its own defaults for what is not
    given.

    Raises ValueError for a value out of range, an unknown option (with the nearest name), and for
    an option of another method (with that method's name).
    """
    if not isinstance(given, dict):
        raise ValueError(f"config: expected options with their values, got {given!r}")
    method = method_name(given)
    known = options_of(method)
    for name in (name for name in given if name not in {"method", *known}):
        if owners(name):
            raise ValueError(f"{name}: it is an option of {', '.join(owners(name))}, not of "
                             f"{method}")
        raise ValueError(f"config: unknown key {name!r}{nearest(name, all_options())}")
    return METHODS[method].Config(**{name: value for name,
                                     value in given.items() if name != "method"})


def suited(given: dict[str, Any], method: str) -> dict[str, Any]:
    """Those of the given options that a method has, for a command that gives them to several
    methods.
    """
    return {name: value for name,
            value in given.items() if name in options_of(method) or not owners(name)}


def option_type(name: str) -> type:
    """The type of an option's values, None aside."""
    hint = all_options()[name].type
    return next(t for t in typing.get_args(hint) or (hint,) if t is not type(None))


def flag_names(message: str, own: Container[str] = ()) -> str:
    """The message with options as flags, --batch-size for batch_size, except the `own` options of
    an arm.
    """
    for name in ("method", *all_options()):
        if name not in own and ("_" in name or message.startswith(f"{name}: ")):
            message = re.sub(rf"(?<![\w'-]){name}(?![\w'])", f"--{name.replace('_', '-')}", message)
    return message
