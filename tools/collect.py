"""Gather the results of several runs into one file and a table: `python tools/collect.py FILE
RUN...`.
"""
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
    parser.add_argument("out", type=Path, help="the file to write")
    parser.add_argument("run", type=Path, nargs="+", help="folders of runs")
    options = parser.parse_args()
    expect_ours([options.out], rows_with("arm"))
    results = collect(options.run)
    write_text(options.out, json.dumps(results, indent=1) + "\n")
    print(table(results))


if __name__ == "__main__":
    main()
