"""Gather the results of several runs: `python tools/collect.py RUN... [--out FILE]`."""
import argparse
import json
from pathlib import Path

from tinynnclr.cli.console import escape_unprintable
from tinynnclr.lab.sweep.collect import collect, table
from tinynnclr.storage.atomic import expect_ours, rows_with, write_text


def main() -> None:
    """The command in the first line of this file."""
    escape_unprintable()
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition(":")[0])
    parser.add_argument("run", type=Path, nargs="+", help="folders of runs")
    parser.add_argument("--out", type=Path, help="file to write the results to, as JSON")
    options = parser.parse_args()
    try:
        results = collect(options.run)
        if options.out:
            expect_ours([options.out], rows_with("arm"))
            write_text(options.out, json.dumps(results, indent=1) + "\n")
        print(table(results))
    except (OSError, ValueError) as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
