"""Environment variables of Numba that would end the process give one line on import."""
import os
import re
import subprocess
import sys

import pytest
from one_line import fails

from tinynnclr.kernels.engine.environment import check

BAD = {"NUM_THREADS": ("0", "-1", "abc", "", "1.5", "99999", "9" * 30, "00"),
       "DISABLE_JIT": ("1", "2", "-1"), "OPT": ("zz",), "LOOP_VECTORIZE": ("x",),
       "DEBUG_CACHE": ("yes",), "CPU_FEATURES": ("avx2", "+avx2 -avx", "+avx2,,")}


@pytest.mark.parametrize(("name", "value"), [(f"NUMBA_{name}", value) for name in BAD
                                             for value in BAD[name]])
def test_a_value_that_cannot_work(name, value):
    with fails(ImportError, re.escape(f"{name}={value}: ")):
        check({name: value})


@pytest.mark.parametrize("variables", [
    {}, {"NUMBA_NUM_THREADS": "1"}, {"NUMBA_NUM_THREADS": " 1024 "}, {"NUMBA_DISABLE_JIT": "0"},
    {"NUMBA_CPU_FEATURES": ""}, {"NUMBA_CPU_FEATURES": "+sse4.2,+avx2,-avx512f"},
    {"NUMBA_DISABLE_JIT": ""}])
def test_values_that_work(variables):
    check(variables)


def test_the_check_comes_before_numba_is_imported():
    code = ("import os\nos.environ['NUMBA_NUM_THREADS'] = '0'\ntry:\n    import tinynnclr\n"
            "except ImportError as error:\n    print(error)\nimport sys\n"
            "assert 'numba' not in sys.modules")
    done = subprocess.run([sys.executable, "-c", code], timeout=60, capture_output=True, text=True,
                          encoding="utf-8", check=True)
    assert done.stdout.startswith("NUMBA_NUM_THREADS=0: expected 1 to 1024; ")


def test_a_command_ends_in_one_line():
    done = subprocess.run([sys.executable, "-m", "tinynnclr", "--version"], timeout=60,
                          capture_output=True, text=True, encoding="utf-8", check=False,
                          env={**os.environ, "NUMBA_DISABLE_JIT": "1"})
    assert done.returncode == 2
    assert done.stderr == ("tinynnclr: cannot start: NUMBA_DISABLE_JIT=1: the kernels need Numba's "
                           "compiler; unset it\n")
