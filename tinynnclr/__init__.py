"""Nearest-neighbour contrastive learning from nothing but NumPy and Numba, for people who want to
understand it.
"""
import os
import sys

from .cli import console

if console.is_command():
    sys.excepthook = console.report_in_one_line  # before the imports, which take a second
    for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")  # before NumPy is imported: the only thread pool is ours

from . import kernels, nn, ops
from .gradcheck import gradcheck
from .tensor import Tensor, no_grad

__version__ = "0.1.0"
__all__ = ["Tensor", "gradcheck", "kernels", "nn", "no_grad", "ops"]
