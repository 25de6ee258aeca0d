"""What a night of training must not do: take ever more memory, grow slow, keep files open, gather
threads.
"""
import json
import sys
from statistics import median

import pytest
from command_line import start
from places import TESTS


@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's /proc")
def test_nothing_grows(count, tmp_path, record_property):
    steps = count(600, 2400, 20_000)
    process = start(TESTS / "long_run.py", steps, cwd=tmp_path)
    out, err = process.communicate(timeout=1200)
    assert process.returncode == 0, err[-2000:]
    seen = json.loads(out)
    print(json.dumps(seen, indent=1), file=sys.stderr)
    record_property("cases", steps)
    assert len(seen) >= 8
    assert seen[-1]["step"] >= 0.8 * steps
    sizes = [look["bytes"] for look in seen]
    assert max(sizes) <= 1.01 * sizes[0]
    took = [look["ms a step"] for look in seen]
    assert median(took[-4:]) <= 1.2 * median(took[:4])
    assert len({look["files"] for look in seen}) == 1
    assert len({look["threads"] for look in seen}) == 1
