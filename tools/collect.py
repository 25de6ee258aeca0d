"""Gather the results of several runs: `python tools/collect.py RUN... [--out FILE]`."""
import argparse
import json
from pathlib import Path

from tinynnclr.cli.console import escape_unprintable
from tinynnclr.lab.sweep.collect import collect, read_rows, table
from tinynnclr.lab.sweep.win_tie_loss import win_table
from tinynnclr.storage.atomic import expect_ours, rows_with, write_text


def main() -> None:
    """Print the table of the runs, or wins, ties and losses of a protocol over several sets."""
    escape_unprintable()
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition(":")[0])
    parser.add_argument("run", type=Path, nargs="+", help="folders of runs")
    parser.add_argument("--out", type=Path, help="file to write the results to, as JSON")
    parser.add_argument("--protocol", choices=("transfer", "fewshot"), help="compare the arms, "
                        "which have the same seeds, by this protocol; --out is not used")
    options = parser.parse_args()
    try:
        if options.protocol:
            print(win_table(read_rows(options.run, options.protocol)))
            return
        results = collect(options.run)
        if options.out:
            expect_ours([options.out], rows_with("arm"))
            write_text(options.out, json.dumps(results, indent=1) + "\n")
        print(table(results))
    except (OSError, ValueError) as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
