"""A folder with images, a finished run `r` and a comparison of one run `c`."""
import os
import shutil
from pathlib import Path

import pytest
from command_line import TRAIN, fitting, write_pictures

from tinynnclr.cli.main import main

COMPARE = fitting(["compare", *TRAIN[1:], "--epochs", "1", "--methods", "simclr", "--seeds", "1",
                   "--out", "c"])


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    """The folder, for `here` to copy."""
    home, before = tmp_path_factory.mktemp("home"), Path.cwd()
    write_pictures(home / "pictures", each=8)
    os.chdir(home)
    try:
        main([*TRAIN, "--epochs", "1", "--no-plots", "--out", "r"])
        main(COMPARE)
    finally:
        os.chdir(before)
    return home


@pytest.fixture
def here(home, tmp_path, monkeypatch, threads):
    """A copy of the folder, the working directory of the test."""
    shutil.copytree(home, tmp_path / "work")
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


@pytest.fixture
def compare():
    """The arguments that resume the comparison."""
    return COMPARE
