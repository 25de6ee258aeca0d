"""python -m tinynnclr, and the command tinynnclr."""
import os
import sys

from .cli.console import escape_unprintable, flush_output, open_missing_streams, unwritable


def main() -> None:
    """Run one command in its own process, in any environment, with any standard streams."""
    open_missing_streams()
    escape_unprintable()
    # figures are files, in the package's own style
    os.environ.update(MPLBACKEND="agg", MATPLOTLIBRC=os.devnull)
    from .cli import main as command_line

    status: object = 0
    try:
        command_line.main()
    except SystemExit as end:
        status = end.code
    except BrokenPipeError:
        status = 141  # a shell's status for a program that SIGPIPE ended
    except OSError as error:  # commands report other OSErrors, so a standard stream is full
        status = unwritable(error)
    sys.exit(flush_output(status))  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
