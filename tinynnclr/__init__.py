"""Nearest-neighbour contrastive learning from nothing but NumPy and Numba.

>>> import tinynnclr as tn
>>> train, test = tn.datasets.load("toybox", train_size=64)
>>> run = tn.fit(tn.NNCLR.Config(width=2, queue_size=16), train, epochs=1, batch_size=32)
>>> tn.encode(run.encoder, test.images[:10]).shape
(10, 16)
"""
import os
import sys

from .cli import console

if console.is_command():
    sys.excepthook = console.report_in_one_line  # before the imports, which take a second
    for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")  # before NumPy is imported: the only thread pool is ours

from . import datasets, kernels, methods, metrics, models, nn, ops
from .config import Config
from .evaluate import evaluate
from .gradcheck import gradcheck
from .methods import (
    BYOL,
    CMC,
    NNCLR,
    SNCLR,
    DeepCluster,
    InstanceDiscrimination,
    Method,
    MoCo,
    SimCLR,
    Supervised,
)
from .methods.method import Step
from .models.encode import encode
from .tensor import Tensor, no_grad
from .train.fit import fit
from .train.restore import load_run
from .train.run import Run

__version__ = "0.1.0"
__all__ = ["BYOL", "CMC", "NNCLR", "SNCLR", "Config", "DeepCluster", "InstanceDiscrimination",
           "Method", "MoCo", "Run", "SimCLR", "Step", "Supervised", "Tensor", "datasets", "encode",
           "evaluate", "fit", "gradcheck", "kernels", "load_run", "methods", "metrics", "models",
           "nn", "no_grad", "ops"]
