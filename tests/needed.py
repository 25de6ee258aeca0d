"""Packages that a whole file of tests needs."""
import importlib
import warnings

import pytest


def need(name):
    """The module, or all tests of the file are skipped: it is missing, or its DLLs cannot be loaded, as under Wine.

    pytest.importorskip takes only the first for a reason.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(name)
    except ImportError as error:
        pytest.skip(f"could not import {name!r}: {error}", allow_module_level=True)
