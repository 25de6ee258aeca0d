"""Binder can install what the lessons need: .binder/ names this package, an extra and a Python."""
import configparser
import re

from places import ROOT


def test_binder_installs_the_repository_with_the_lessons_extra_and_a_python_it_supports():
    metadata = configparser.ConfigParser()
    metadata.read(ROOT / "setup.cfg", encoding="utf-8")
    extras = metadata["options.extras_require"]
    requirements = (ROOT / ".binder" / "requirements.txt").read_text(encoding="utf-8")
    # pip runs in the root of the repository; -e: Binder then copies the sources first
    named = re.fullmatch(r"-e \.\[([a-z,]+)\]\n", requirements)
    assert (ROOT / "pyproject.toml").is_file()
    assert set(named[1].split(",")) == {"lessons"} <= set(extras)
    assert "jupyter" in extras["lessons"].split()
    runtime = (ROOT / ".binder" / "runtime.txt").read_text(encoding="utf-8")
    version = re.fullmatch(r"python-3\.(\d+)\n", runtime)
    least = re.fullmatch(r">=3\.(\d+)", metadata["options"]["python_requires"])
    assert int(version[1]) >= int(least[1])
