"""python -m tinynnclr, and the command tinynnclr."""
import os
import sys

from .cli.console import escape_unprintable, flush_output, open_missing_streams, unwritable


def main() -> None:
    """Run one command in its own process, in any environment, with any standard streams."""
    open_missing_streams()
    escape_unprintable()
    # pictures are files, in our own style
    os.environ.update(MPLBACKEND="agg", MATPLOTLIBRC=os.devnull)
    from .cli.main import main as run_command_line

    status: object = 0
    try:
        run_command_line()
    except SystemExit as end:
        status = end.code
    except BrokenPipeError:
        status = 141  # a shell's status for a program that SIGPIPE ended
    # other errors of files have become a line, so this stream or standard error is full
    except OSError as error:
        status = unwritable(error)
    sys.exit(flush_output(status))  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
