"""Modules, layers, optimisers and schedules: what networks are built and trained with."""
from .layers import BatchNorm, Conv2d, Detrend, GlobalAvgPool, Linear, ReLU, Sequential
from .module import Module
from .optim import LARS, SGD, AdamW, Optimizer
from .schedule import warmup_cosine
from .transformer import GELU, LayerNorm, MultiHeadAttention

__all__ = ["GELU", "LARS", "SGD", "AdamW", "BatchNorm", "Conv2d", "Detrend", "GlobalAvgPool",
           "LayerNorm", "Linear", "Module", "MultiHeadAttention", "Optimizer", "ReLU",
           "Sequential", "warmup_cosine"]
