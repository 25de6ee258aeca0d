"""Consoles with encodings that lack printed characters: commands and lessons print escapes."""
import io
import re
import sys

import pytest
from places import ROOT
from support import __main__ as build
from support import check, report
from support.exercises import lesson_00

from tinynnclr.cli import commands
from tinynnclr.cli.console import escape_unprintable
from tinynnclr.cli.main import main

TEXT = "○ ✓ ± é 漢 \udcff"
ESCAPED = {"cp1252": r"\u25cb \u2713 ± é \u6f22 \udcff",
           "ascii": r"\u25cb \u2713 \xb1 \xe9 \u6f22 \udcff", "utf-8": r"○ ✓ ± é 漢 \udcff"}


each_encoding = pytest.mark.parametrize("encoding", ESCAPED)


def open_console(encoding, monkeypatch):
    """A function that returns what was printed; a character that the encoding lacks raises."""
    streams = [io.TextIOWrapper(io.BytesIO(), encoding, newline="\n") for _ in range(2)]
    monkeypatch.setattr(sys, "stdout", streams[0])
    monkeypatch.setattr(sys, "stderr", streams[1])

    def printed():
        for stream in streams:
            stream.flush()
        return "".join(stream.buffer.getvalue().decode(encoding) for stream in streams)

    return printed


@each_encoding
def test_what_the_encoding_lacks_is_escaped(encoding, monkeypatch):
    printed = open_console(encoding, monkeypatch)
    escape_unprintable()
    print(TEXT)
    print(TEXT, file=sys.stderr)
    assert printed() == 2 * (ESCAPED[encoding] + "\n")


def test_streams_that_cannot_be_changed_are_left_alone(monkeypatch):
    """A notebook's output, and none at all under pythonw.exe."""
    for stream in (io.StringIO(), None):
        monkeypatch.setattr(sys, "stdout", stream)
        monkeypatch.setattr(sys, "stderr", stream)
        escape_unprintable()


def test_every_program_escapes():
    """Each file that can be run as a program calls escape_unprintable, or the command's `main`."""
    folders = [ROOT / name for name in ("tinynnclr", "tools", "lessons/support")]
    programs = [path for folder in folders for path in folder.rglob("*.py")
                if "__name__ ==" in path.read_text(encoding="utf-8")]
    assert len(programs) > 5
    only_numbers = {ROOT / "tinynnclr/lab/bench/process.py", ROOT / "tools/spread.py",
                    ROOT / "tools/mutants.py", ROOT / "tools/promises.py"}
    for path in set(programs) - only_numbers:
        assert re.search(r"\n +escape_unprintable\(\)|import main\n",
                         path.read_text(encoding="utf-8")), path


@each_encoding
def test_commands(encoding, monkeypatch):
    printed = open_console(encoding, monkeypatch)
    monkeypatch.setattr(commands, "run_bench", lambda options: print(TEXT))
    main(["bench"])
    assert ESCAPED[encoding] in printed()
    names = ("train", "compare", "reproduce", "evaluate", "plot", "export", "download", "bench")
    for arguments in ([], *([name] for name in names)):
        with pytest.raises(SystemExit) as end:
            main([*arguments, "--help"])
        assert end.value.code == 0
    with pytest.raises(SystemExit) as end:
        main(["train", "--dataset", TEXT])
    assert end.value.code == 2
    assert ESCAPED[encoding] in printed()


@each_encoding
def test_lessons(encoding, monkeypatch):
    printed = open_console(encoding, monkeypatch)
    escape_unprintable()  # which importing the lessons' tools does to the streams of a process

    def not_attempted(*_):
        raise NotImplementedError

    name = next(name for name in check.__globals__["EXERCISES"] if name.startswith("00"))
    reference = check(name, not_attempted)
    check(name, reference)
    report({"é": [0.5, 0.6]}, chance=0.1, random_weights=[0.2])
    shown = printed()
    assert "not attempted" in shown
    assert "passed" in shown
    assert lesson_00.__doc__
    with pytest.raises(SystemExit):
        build.main(["status", "--lessons", TEXT])
    assert ESCAPED[encoding] in printed()
