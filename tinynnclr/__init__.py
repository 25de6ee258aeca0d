"""Nearest-neighbour contrastive learning from nothing but NumPy and Numba, for people who want to understand it."""
from . import kernels, nn, ops
from .gradcheck import gradcheck
from .tensor import Tensor, no_grad

__version__ = "0.1.0"
__all__ = ["Tensor", "gradcheck", "kernels", "nn", "no_grad", "ops"]
