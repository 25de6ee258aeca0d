"""Where, when and by which version a result was made."""
import datetime
import os
import platform
from collections.abc import Mapping
from typing import Any

from .. import __version__


def stamp() -> dict[str, str]:
    """This version, today's date, and the kind of machine without its name."""
    return {"version": __version__, "collected": datetime.date.today().isoformat(),
            "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"}


def stamped(result: dict, name: str) -> dict:
    """A run's result with the name of its arm and a stamp; a stored stamp stays as it is.

    The folder of the data (`data_dir`) is left out, because results are published.
    """
    config = {option: value for option, value in result["config"].items() if option != "data_dir"}
    return {"arm": name, **stamp(), **result, "config": config}


def provenance_text(made: Mapping[str, Any], command: str = "") -> str:
    """The last paragraphs of a page: machine, version and date of a stamp, and the command."""
    threads = f"; threads: {made['threads']}" if "threads" in made else ""
    text = f"Machine: {made['machine']}{threads}; tinynnclr {made['version']}, {made['collected']}"
    return f"{text}:\n\n```\n{command}\n```" if command else f"{text}."
