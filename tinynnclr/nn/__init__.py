"""Modules, layers, optimisers and schedules: what networks are built and trained with."""
from .layers import (
    GELU,
    BatchNorm,
    Conv2d,
    Detrend,
    GlobalAvgPool,
    LayerNorm,
    Linear,
    MultiHeadAttention,
    ReLU,
    Sequential,
)
from .module import Module
from .optim import LARS, SGD, AdamW, Optimizer
from .schedule import warmup_cosine

__all__ = ["GELU", "LARS", "SGD", "AdamW", "BatchNorm", "Conv2d", "Detrend", "GlobalAvgPool",
           "LayerNorm", "Linear", "Module", "MultiHeadAttention", "Optimizer", "ReLU",
           "Sequential", "warmup_cosine"]
