"""Packages that tests need and that may be absent."""
import importlib
import warnings

import pytest


def need(name):
    """Import a module. Skip the test, or the file outside of one, where it is missing or its DLLs
    cannot be loaded.

    pytest.importorskip fails in the second case, which Wine causes: it lacks a function that Rust's
    libraries call.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(name)
    except ImportError as error:
        pytest.skip(f"could not import {name!r}: {error}", allow_module_level=True)
