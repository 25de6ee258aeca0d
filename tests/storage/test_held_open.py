"""On Windows, a rename waits while a program holds the file open; test_atomic.py imitates this."""
import os
import sys
import threading

import pytest
from one_line import fails

from tinynnclr.storage import atomic

pytestmark = pytest.mark.skipif(sys.platform != "win32", reason="on other systems, an open file "
                                "can be replaced")


@pytest.fixture
def path(tmp_path):
    (tmp_path / "a").write_text("old", encoding="utf-8")
    return tmp_path / "a"


def test_a_rename_waits_until_the_file_is_closed(path):
    held = open(path, "rb")
    with pytest.raises(PermissionError):
        os.replace(path, path.with_name("b"))  # so it is held indeed
    closing = threading.Timer(0.3, held.close)
    closing.start()
    atomic.write_text(path, "new")
    closing.join()
    assert path.read_text(encoding="utf-8") == "new"
    assert os.listdir(path.parent) == ["a"]


def test_a_file_that_stays_open_is_one_line(path, monkeypatch):
    monkeypatch.setattr(atomic, "PATIENCE", 0.1)
    with open(path, "rb"), fails(atomic.HeldOpen, "a: cannot be written", "holds it open",
                                 "was there is whole"):
        atomic.write_text(path, "new")
    assert path.read_text(encoding="utf-8") == "old"
    assert os.listdir(path.parent) == ["a"]
