"""The command in its own process, with odd environments and closed or full streams; messages."""
import errno
import io
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import ENVIRONMENT

from tinynnclr.__main__ import main as start
from tinynnclr.cli import console
from tinynnclr.methods.registry import flag_names
from tinynnclr.storage.messages import nearest, one_line, shell_words

POSIX = pytest.mark.skipif(os.name == "nt", reason="of sh")
PROGRAM = shlex.join([sys.executable, "-m", "tinynnclr"])
QUIET = {k: v for k, v in ENVIRONMENT.items() if k != "PYTHONUNBUFFERED"}


@POSIX
@pytest.mark.parametrize("words", [["--out", "my run"], ["a'b", 'c"d', "$HOME", "`x`", "é;&|"],
                                   ["", "*", "~"]])
def test_the_shell_reads_the_same_words(words):
    line = shell_words(sys.executable, "-c", "import sys; print(ascii(sys.argv[1:]))", *words)
    done = subprocess.run(["sh", "-c", line], capture_output=True, encoding="utf-8", check=True,
                          timeout=60)
    assert done.stdout.strip() == ascii(words)


@pytest.mark.skipif(os.name != "nt", reason="of Windows")
@pytest.mark.parametrize("words", [["--out", "my run"], ["", "a,b", "$x&|;"],
                                   ["C:\\my run\\", "folder:C:\\a b\\\\", "C:\\x\\"]])
def test_windows_reads_the_same_words(words):
    line = shell_words(sys.executable, "-c", "import sys; print(ascii(sys.argv[1:]))", *words)
    done = subprocess.run(line, capture_output=True, encoding="utf-8", check=True, timeout=60)
    assert done.stdout.strip() == ascii(words)


def test_words_for_windows(monkeypatch):
    monkeypatch.setattr(os, "name", "nt")
    assert shell_words("C:\\my run\\") == r'"C:\my run\\"'
    assert shell_words("--out", r"C:\my run", "a,b",
                       "runs/x-1") == r'--out "C:\my run" "a,b" runs/x-1'


def test_a_path_is_not_read_as_a_flag():
    assert shell_words(Path("-run")) == shell_words(f".{os.sep}-run")
    assert shell_words("--out", Path("my run")) == shell_words("--out", "my run")


def test_a_message_keeps_the_spaces_of_a_path():
    assert one_line("my  run:\n    damaged \n") == "my  run: damaged"


def test_only_what_is_close_is_suggested():
    flags = ["--bank-loss", "--ema", "--queue-size", "--epochs", "--no-symmetric", "--no-neighbors"]
    for word in ("--no-plots", "--resume", "--zzz", "--x", "", "--no"):
        assert nearest(word, flags) == "", word
    for word, wanted in (("--queue", "--queue-size"), ("--epoch", "--epochs"),
                         ("--Queue-Size", "--queue-size")):
        assert nearest(word, flags) == f", did you mean {wanted}?"
    assert nearest("swav", ["nnclr", "simclr", "moco", "byol"]) == ""
    assert nearest("moko", ["nnclr", "simclr", "moco", "byol"]) == ", did you mean moco?"
    assert nearest("vgg", ["vit", "resnet8"]) == ""


def test_fields_become_flags():
    for message, unchanged, expected in (
            ("batch_size: 9 > 5; use batch_size 5", (), "--batch-size: 9 > 5; use --batch-size 5"),
            ("lr: expected above 0", (), "--lr: expected above 0"),
            ("the lr is high: lr", (), "the lr is high: lr"),  # a short name could be any word
            ("top_k: at most queue_size", {"top_k"}, "top_k: at most --queue-size"),
            ("expected x, got 'batch_size'", (), "expected x, got 'batch_size'")):
        assert flag_names(message, unchanged) == expected


def test_an_interrupt_or_a_missing_module_during_the_imports(capsys):
    console.report_in_one_line(KeyboardInterrupt, KeyboardInterrupt(), None)
    with pytest.raises(SystemExit, match="2"):
        console.report_in_one_line(ImportError, ModuleNotFoundError("No module named 'matplotlib'"),
                                   None)
    err = capsys.readouterr().err
    assert err == ("\nstopped\ntinynnclr: cannot start: No module named 'matplotlib'; install it "
                   "again with its requirements\n")


def test_a_variable_of_tqdm_during_the_imports(capsys, monkeypatch):
    monkeypatch.setenv("TQDM_MININTERVAL", "abc")
    with pytest.raises(SystemExit, match="2"):
        console.report_in_one_line(ValueError,
                                   ValueError("could not convert string to float: 'abc'"), None)
    assert capsys.readouterr().err == ("tinynnclr: cannot start: could not convert string to "
                                       "float: 'abc'; unset TQDM_MININTERVAL\n")


class Full(io.StringIO):
    """A standard stream on a full disk."""

    def write(self, text):
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(("stream", "arguments"), [("stdout", ["--version"]),
                                                   ("stdout", ["train", "--help"]),
                                                   ("stderr", ["evaluate", "nowhere"]),
                                                   ("stderr", ["evaluate"])])
def test_a_stream_that_is_full_at_once(stream, arguments, monkeypatch, capsys):
    """As with PYTHONUNBUFFERED: output that cannot be written gives exit status 2."""
    monkeypatch.setattr(sys, stream, Full())
    monkeypatch.setattr(sys, "argv", ["tinynnclr", *arguments])
    monkeypatch.setattr(os, "environ", dict(os.environ))
    with pytest.raises(SystemExit) as end:
        start()
    assert end.value.code == 2
    assert capsys.readouterr().err == ("" if stream == "stderr" else "tinynnclr: standard output "
                                       "cannot be written: No space left on device\n")


@pytest.mark.parametrize("name", ["KeyboardInterrupt", "ImportError"])
def test_the_hook_is_there_before_the_imports(name, tmp_path):
    """A module numba that raises simulates Ctrl-C and a missing module during the imports."""
    (tmp_path / "numba.py").write_text(f"raise {name}", encoding="utf-8")
    # PYTHONPATH would not do: some Pythons for Windows ignore it
    code = (f"import sys; sys.argv = ['-m', '--version']; sys.path.insert(0, {str(tmp_path)!r})\n"
            "from tinynnclr.__main__ import main; main()")
    done = subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True,
                          encoding="utf-8", timeout=60)
    assert done.returncode == 2 or name == "KeyboardInterrupt" and done.returncode != 0
    assert "Traceback" not in done.stderr
    assert len(done.stderr.split("\n")) <= 3
    assert re.search("stopped|cannot start", done.stderr)


@POSIX
@pytest.mark.parametrize(("arguments", "streams", "status"),
                         [("--version", "2>&- <&-", 0), ("--version", ">&- 2>&-", 0),
                          ("evaluate nowhere", "2>&-", 2),
                          pytest.param("--version", "> /dev/full", 2,
                                       marks=pytest.mark.skipif(not Path("/dev/full").exists(),
                                                                reason="a device of Linux"))])
def test_streams_that_are_closed_or_full(arguments, streams, status, tmp_path):
    done = subprocess.run(["sh", "-c", f"{PROGRAM} {arguments} {streams}"], env=QUIET, cwd=tmp_path,
                          timeout=60, capture_output=True, encoding="utf-8")
    assert done.returncode == status
    assert done.stderr.count("\n") == ("full" in streams)
    assert "Traceback" not in done.stderr


ODD = {"MPLBACKEND": "nonsense", "COLUMNS": "0", "PYTHONWARNINGS": "error",
       "PYTHONOPTIMIZE": "2", "LANG": "C", "PYTHONIOENCODING": "ascii", "TERM": "odd"}


def test_an_odd_environment(tmp_path):
    """All imports, matplotlib's as well, and the longest help; MPLBACKEND is not installed."""
    code = ("import sys; sys.argv[1:] = ['train', '--help']; from tinynnclr.__main__ import main\n"
            "try: main()\nfinally:\n import tinynnclr.lab.plots.run, matplotlib\n"
            " assert matplotlib.get_backend() == 'agg'")
    environment = {k: v for k, v in ENVIRONMENT.items() if k not in ("HOME", "MATPLOTLIBRC")}
    done = subprocess.run([sys.executable, "-X", "dev", "-c", code], cwd=tmp_path,
                          capture_output=True, encoding="utf-8",
                          env={**environment, **ODD, "MPLCONFIGDIR": str(tmp_path)}, timeout=100)
    # said after five seconds
    slow = "Matplotlib is building the font cache; this may take a moment.\n"
    assert (done.returncode, done.stderr.replace(slow, "")) == (0, "")
    assert done.stdout.startswith("usage: tinynnclr train")
