"""Binder can install what the lessons need: .binder/ names this package, extras that it has, and a
Python it takes.
"""
import configparser
import re

from places import ROOT


def metadata():
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


def test_it_installs_the_repository_itself_with_the_lessons_extra():
    lines = (ROOT / ".binder" / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 1
    # -e: Binder then copies the sources first
    path, extras = re.fullmatch(r"-e (\S+)\[([a-z,]+)\]", lines[0]).groups()
    assert path == "."  # pip runs in the root of the repository
    assert (ROOT / path / "pyproject.toml").is_file()
    assert set(extras.split(",")) == {"lessons"} <= set(metadata()["options.extras_require"])
    assert "jupyter" in metadata()["options.extras_require"]["lessons"].split()


def test_its_python_is_one_that_the_package_takes():
    said = (ROOT / ".binder" / "runtime.txt").read_text(encoding="utf-8")
    version = re.fullmatch(r"python-3\.(\d+)\n", said)
    least = re.fullmatch(r">=3\.(\d+)", metadata()["options"]["python_requires"])
    assert int(version[1]) >= int(least[1])
