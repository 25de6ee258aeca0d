"""python -m support build [NN ...]: run the lessons' sources and write their notebooks.

`status` prints which notebooks do not match their sources; `table` writes the table in
lessons/README.md, with badges for Colab and Binder if the repository is named, by --repository or
by a `url` in setup.cfg.
"""
import argparse
import sys
from pathlib import Path

from tinynnclr.cli.console import escape_unprintable

from .notebook import build, stale
from .table import repository_in, table, write_table


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m support",
                                     description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("command", choices=("build", "status", "table"))
    parser.add_argument("lesson", nargs="*", metavar="NN",
                        help="numbers of lessons, such as 07 [all that are stale]")
    parser.add_argument("--lessons", type=Path, default=Path(__file__).resolve().parents[1],
                        metavar="DIR", help="their folder [that of this package]")
    parser.add_argument("--repository", metavar="OWNER/NAME",
                        help="table: for its badges [setup.cfg's url]")
    return parser


def main(arguments: list[str] | None = None) -> None:
    """Run a command; `build` makes the named lessons, or those whose notebooks are stale."""
    escape_unprintable()
    parser = _parser()
    options = parser.parse_args(arguments)
    sources = sorted((options.lessons / "src").glob("[0-9][0-9]_*.py"))
    unknown = set(options.lesson) - {source.name[:2] for source in sources}
    if unknown or not sources:
        parser.exit(2, f"no lesson {', '.join(sorted(unknown)) or 'at all'} in "
                    f"{options.lessons / 'src'}\n")
    if options.repository and options.command != "table":
        parser.exit(2, f"--repository: only `table` takes it, got `{options.command}`\n")
    if options.command == "table":
        try:
            _write_table(options, sources)
        except (ValueError, OSError) as error:
            parser.exit(2, f"{error}\n")
        return
    for source in sources:
        target = options.lessons / f"{source.stem}.ipynb"
        reason = stale(source, target)
        if options.command == "status":
            print(f"{source.stem}: {reason or 'up to date'}")
        elif source.name[:2] in options.lesson or reason and not options.lesson:
            print(f"{source.stem}: {build(source, target):.0f} s", flush=True)


def _write_table(options, sources):
    metadata = options.lessons.absolute().parent / "setup.cfg"
    repository = options.repository or repository_in(metadata)
    readme = options.lessons / "README.md"
    write_table(readme, table(sources, repository))
    badges = f"badges for {repository}" if repository else "no badges"
    print(f"{readme}: {len(sources)} lessons, {badges}")


if __name__ == "__main__":
    main(sys.argv[1:])
