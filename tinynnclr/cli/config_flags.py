"""The flags that are generated from the options of a Config, those of each method included."""
import argparse
import dataclasses
from typing import Any

from ..config import Config
from ..lab.recipes import TRAIN_PRESETS
from ..methods import METHODS
from ..methods.registry import DEFAULT_METHOD, all_options, option_type, options_of


def add_option(parser: Any, name: str, field: dataclasses.Field, hidden: bool = False) -> None:
    """Add the flag of an option. Without the flag the result has no value: Config has defaults."""
    default = "" if field.default is None else f" [{field.default}]"
    text = f"{field.metadata['help']}{default}".replace("%", "%%")
    arguments: dict[str, Any] = {"dest": name, "default": argparse.SUPPRESS,
                                 "help": argparse.SUPPRESS if hidden else text}
    kind = option_type(name)
    choices = field.metadata["choices"]
    if kind is bool:
        arguments["action"] = argparse.BooleanOptionalAction
    else:
        arguments.update(type=kind, choices=choices,
                         metavar=None if choices else kind.__name__.upper())
    parser.add_argument(f"--{name.replace('_', '-')}", **arguments)


def add_config_flags(parser: argparse.ArgumentParser, shown: tuple[str, ...],
                     without: tuple[str, ...] = ()) -> None:
    """Add the common options in titled groups, then those of the methods that the help shows.

    Options of other methods are parsed, too, but hidden: `make_config` reports their method.
    """
    groups: dict[str, Any] = {}
    common = {field.name: field for field in dataclasses.fields(Config)}
    # with one method, its own defaults are shown
    shown_fields = options_of(shown[0]) if len(shown) == 1 else common
    for name, field in common.items():
        if name not in without:
            title = field.metadata["group"]
            groups[title] = groups.get(title) or parser.add_argument_group(title)
            add_option(groups[title], name, shown_fields[name])
    added = set(common)
    for method in shown:
        fields = {name: field for name, field in options_of(method).items() if name not in added}
        group = parser.add_argument_group(f"options of {method}") if fields else parser
        for name, field in fields.items():
            add_option(group, name, field)
        added |= set(fields)
    for name, field in all_options().items():
        if name not in added:
            add_option(parser, name, field, hidden=True)


def named_method(arguments: list[str]) -> str:
    """The method that a command line names by --method or --preset, or the default method."""
    reader = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    reader.add_argument("--method")
    reader.add_argument("--preset")
    try:
        given = reader.parse_known_args(arguments)[0]
    except argparse.ArgumentError:
        return DEFAULT_METHOD  # --method without a name: the whole parser reports it
    preset = TRAIN_PRESETS.get(given.preset)
    name = given.method or (preset.options.get("method") if preset else None)
    return name if name in METHODS else DEFAULT_METHOD


def given_options(options: argparse.Namespace) -> dict[str, Any]:
    """The method and the Config options that were given; flags override those of a preset."""
    preset = TRAIN_PRESETS[options.preset].options if getattr(options, "preset", None) else {}
    flags = {name: getattr(options, name) for name in ("method", *all_options()) if name in options}
    return {**preset, **flags}
