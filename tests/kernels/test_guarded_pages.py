"""No kernel reads or writes outside its arrays, whatever it is given: guarded_pages.py survives."""
import os
import subprocess
import sys

import pytest
from places import ROOT, TESTS

HERE = TESTS / "kernels"


def survive(tmp_path, every, die=""):
    """(exit status, what it printed, what it was about to do)."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), str(TESTS), str(ROOT)])}
    done = subprocess.run([sys.executable, HERE / "guarded_pages.py", tmp_path / "log", str(every),
                           die], timeout=3000, capture_output=True, env=environment,
                          encoding="utf-8")
    log = tmp_path / "log"
    last = log.read_text(encoding="utf-8").splitlines()[-1] if log.exists() else ""
    return done.returncode, done.stdout, f"{last}\n{done.stderr}"


@pytest.mark.skipif(sys.platform not in ("linux", "darwin"), reason="needs mprotect")
def test_nothing_is_touched_outside_an_array(tmp_path, count, record_property):
    status, out, last = survive(tmp_path, count(23, 11, 2))
    assert out.startswith("alive "), last
    assert status == 0
    record_property("cases", int(out.split()[1]))


@pytest.mark.skipif(sys.platform not in ("linux", "darwin"), reason="needs mprotect")
def test_a_byte_too_many_is_noticed(tmp_path):
    assert survive(tmp_path, 1, "die")[0] < 0
