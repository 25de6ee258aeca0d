"""What every test shares: one thread for NumPy's BLAS, no windows, a seeded generator, --all.

`pytest` runs what finds most faults per second; `pytest --all` also runs the tests that are marked
slow, and the others with more cases. `python tools/promises.py --full` sets FULL_COUNTS, and the
tests of promises then run with most cases.
"""
import gc
import os
import signal

for variable in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
    # read when NumPy is imported: our own threads do the heavy work
    os.environ.setdefault(variable, "1")
os.environ.setdefault("MPLBACKEND", "Agg")

import guarded  # noqa: E402
import numpy as np  # noqa: E402
import pytest  # noqa: E402


def pytest_addoption(parser):
    parser.addoption("--all", action="store_true", help="also the tests marked slow, and more "
                     "cases of the others")


def pytest_configure(config):
    guarded.read_only = config.getoption("--all")


def pytest_collection_modifyitems(config, items):
    if not config.getoption("--all"):
        for item in items:
            if "slow" in item.keywords:
                item.add_marker(pytest.mark.skip(reason="needs --all"))


def pytest_collection_finish():
    gc.collect()
    # thousands of tests are objects that stay: the collector need not look at them again and again
    gc.freeze()


@pytest.fixture(autouse=True, scope="session")
def interrupts():
    """A shell may start us with Ctrl-C ignored, as it does in the background; the tests of
    interrupts send it.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config):
    """Run the whole suite in two processes; a selection of files, and `pytest -n 0`, in one."""
    if "PYTEST_XDIST_WORKER" in os.environ:  # one of the two: it must not start others
        return
    whole_suite = config.args_source == config.ArgsSource.TESTPATHS
    if whole_suite and config.pluginmanager.hasplugin("xdist"):
        if config.option.numprocesses is None and not config.option.usepdb:
            config.option.numprocesses, config.option.dist = 2, "loadfile"
            # two processes of two threads would wait for each other
            os.environ.setdefault("NUMBA_NUM_THREADS", "1")


@pytest.fixture
def count(request):
    """count(few, many, most): how many cases; many with --all, most of them under
    `tools/promises.py --full`.
    """
    def choose(few, many, most=None):
        chosen = many if request.config.getoption("--all") else few
        return most if most and os.environ.get("FULL_COUNTS") else chosen

    return choose


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def threads():
    """set_num_threads for one test: what was set before comes back afterwards."""
    from tinynnclr.kernels import get_num_threads, set_num_threads

    before = get_num_threads()
    yield set_num_threads
    set_num_threads(before)
