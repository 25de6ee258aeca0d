"""Freed memory is kept: a step that allocates what the last one freed touches no new page."""
import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource
import numpy as np
from tinynnclr.kernels.engine.malloc import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    np.ones(40 << 20, np.uint8)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults()
can = keep_freed_memory()
first = faults()
print(can, first, faults())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a setting of the GNU C library")
def test_memory_freed_is_memory_kept():
    done = subprocess.run([sys.executable, "-c", PROGRAM], check=True, capture_output=True,
                          encoding="utf-8")
    out = done.stdout.split()
    can, first, second = out[0] == "True", int(out[1]), int(out[2])
    assert can or platform.libc_ver()[0] != "glibc"
    if not can:
        pytest.skip("another C library")
    assert first > 10  # at least a fault for each huge page of 2 MB
    assert second <= 2
