"""Modules, layers, optimisers and schedules: what networks are built and trained with."""
from .layers import AvgPool2d, BatchNorm, Conv2d, GlobalAvgPool, Linear, MaxPool2d, ReLU, Sequential, Standardize
from .module import Module
from .optim import LARS, SGD, AdamW, Optimizer
from .schedule import warmup_cosine

__all__ = ["LARS", "SGD", "AdamW", "AvgPool2d", "BatchNorm", "Conv2d", "GlobalAvgPool", "Linear", "MaxPool2d",
           "Module", "Optimizer", "ReLU", "Sequential", "Standardize", "warmup_cosine"]
