"""Presets of `tinynnclr train --preset NAME`; explicit flags override their options."""
from typing import Any, NamedTuple


class Preset(NamedTuple):
    """Options of a Config, and their purpose."""

    meaning: str
    options: dict[str, Any]


TRAIN_PRESETS = {
    "cifar10-30min": Preset(
        "the best kNN on CIFAR-10 found for half an hour on 2 cores",
        # Small views are cheap, so each image has four, and each finds the mean of the others;
        # results/presets/cifar10-30min.md lists what was tried.
        {"method": "simclr", "dataset": "cifar10", "augmentation": "simclr", "detrend": False,
         "views": 4, "view_size": 16, "encoder": "fine_cnn", "width": 32, "batch_size": 128,
         "lr": 0.5, "temperature": 0.2, "epochs": 44}),
}
