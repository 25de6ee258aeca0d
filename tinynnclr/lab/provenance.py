"""Where, when and by which version a result was made."""
import datetime
import os
import platform

from .. import __version__


def stamped(result: dict, name: str) -> dict:
    """A run's result with the name of its arm, and where, when and by which version it was
    collected.
    """
    # nobody's business
    config = {option: value for option, value in result["config"].items() if option != "data_dir"}
    return {"arm": name, "version": __version__, "collected": datetime.date.today().isoformat(),
            "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
            **result, "config": config}
