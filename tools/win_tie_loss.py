"""Wins, ties and losses of arms over several sets: `python tools/win_tie_loss.py RUN...`."""
import argparse
from pathlib import Path

from tinynnclr.cli.console import escape_unprintable
from tinynnclr.lab.sweep.win_tie_loss import read_rows, win_table


def main() -> None:
    """The command in the first line of this file."""
    escape_unprintable()
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition(":")[0])
    parser.add_argument("run", type=Path, nargs="+", help="folders of runs, the same seeds of "
                        "every arm")
    parser.add_argument("--protocol", choices=("transfer", "fewshot"), default="transfer")
    options = parser.parse_args()
    try:
        print(win_table(read_rows(options.run, options.protocol)))
    except (OSError, ValueError) as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
