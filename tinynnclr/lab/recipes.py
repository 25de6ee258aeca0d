"""Recipes by name: `tinynnclr train --preset cifar10-30min` sets these options, and flags beside it
win.
"""
from typing import Any, NamedTuple


class Preset(NamedTuple):
    """Options of Config with what they are for."""

    meaning: str
    options: dict[str, Any]


TRAIN_PRESETS = {
    "cifar10-30min": Preset(
        "the best kNN on CIFAR-10 found for half an hour on 2 cores",
        # Small views are cheap, so each image has four, and sees the mean of the others; see README for what was tried.
        {"method": "simclr", "dataset": "cifar10", "augmentation": "simclr", "detrend": False, "views": 4,
         "view_size": 16, "encoder": "fine_cnn", "width": 32, "batch_size": 128, "lr": 0.5, "temperature": 0.2,
         "epochs": 44}),
}
