"""An argument parser whose errors are one line, and the types of some arguments."""
import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

from ..storage.messages import nearest, one_line


class Parser(argparse.ArgumentParser):
    """argparse with one-line errors (exit status 2) that suggest a similar flag or its command."""

    commands: Mapping[str, argparse.ArgumentParser] = {}  # all commands, to look up a flag's owners

    def parse_known_args(self, args=None, namespace=None):
        """Each command rejects its own unknown flags, so it suggests no flag of another command."""
        namespace, unknown = super().parse_known_args(args, namespace)
        for word in unknown:
            if word.startswith("-"):
                flag = word.partition("=")[0]
                hint = nearest(flag, self._option_string_actions) or self.owners(flag)
                self.error(f"unknown flag {word}{hint}")
        if unknown:
            self.error(f"unexpected {' '.join(unknown)}")
        return namespace, unknown

    def owners(self, flag):
        """", which belongs to `train`" if other commands have the flag, else ""."""
        names = [f"`{name}`" for name, parser in self.commands.items()
                 if flag in parser._option_string_actions]
        return f", which belongs to {' and '.join(names)}" if names else ""

    def _print_message(self, message, file=None):
        """Print; argparse's own method ignores errors, such as those of a full disk."""
        print(message, end="", file=file or sys.stderr)

    def error(self, message):
        self.exit(2, f"{self.prog}: {one_line(message)}\n")


def nonempty_path(text: str) -> Path:
    """A path. An empty one, such as an unset shell variable, would be the current folder."""
    if not text:
        raise argparse.ArgumentTypeError("expected a path, got nothing; for the current folder, "
                                         "type .")
    return Path(text)
