"""A long training neither grows in memory, open files or threads, nor becomes slower."""
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
    rows = json.loads(out)
    print(json.dumps(rows, indent=1), file=sys.stderr)
    record_property("cases", steps)
    assert len(rows) >= 8
    assert rows[-1]["step"] >= 0.8 * steps
    sizes, times = ([row[key] for row in rows] for key in ("bytes", "ms a step"))
    assert max(sizes) <= 1.01 * sizes[0]
    assert median(times[-4:]) <= 1.2 * median(times[:4])
    assert len({(row["files"], row["threads"]) for row in rows}) == 1
