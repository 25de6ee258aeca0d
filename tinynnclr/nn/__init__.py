"""Modules, layers, optimisers and schedules: what networks are built and trained with."""
from .layers import (
    GELU,
    AvgPool2d,
    BatchNorm,
    Conv2d,
    Detrend,
    GlobalAvgPool,
    LayerNorm,
    Linear,
    MaxPool2d,
    MultiHeadAttention,
    ReLU,
    Sequential,
)
from .module import Module
from .optim import LARS, SGD, AdamW, Optimizer
from .schedule import warmup_cosine

__all__ = ["GELU", "LARS", "SGD", "AdamW", "AvgPool2d", "BatchNorm", "Conv2d", "GlobalAvgPool",
           "LayerNorm", "Linear", "MaxPool2d", "Module", "MultiHeadAttention", "Optimizer", "ReLU",
           "Sequential", "Detrend", "warmup_cosine"]
