"""Runs to export that took no training, and what is in an exported file."""
import json

import numpy as np
from needed import need
from small import random_data, small_config

from tinynnclr.nn import BatchNorm
from tinynnclr.train.run import Run


def as_trained(module, rng):
    """All norms' numbers other than those they begin with."""
    for part in module.modules():
        if isinstance(part, BatchNorm):
            size = part.running_mean.shape
            part.weight.data = rng.uniform(0.5, 1.5, size).astype(np.float32)
            part.bias.data = rng.normal(0, 0.3, size).astype(np.float32)
            part.running_mean = rng.normal(0, 0.3, size).astype(np.float32)
            part.running_var = rng.uniform(0.3, 2, size).astype(np.float32)
    return module


def write_run(folder, rng, **changes):
    """A run whose data are nowhere to be found; returns its encoder, in evaluation mode."""
    made = Run(small_config(**{"dataset": "folder:gone", "seed": 3, **changes}), random_data())
    as_trained(made.method, rng)
    made.epoch = 7
    folder.mkdir(parents=True)
    made.save(folder / "checkpoint.npz")
    return made.method.encoder.eval()


def read(path):
    """(arrays, information) of an exported file."""
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        return arrays, json.loads(str(arrays.pop("info")))
    with need("safetensors").safe_open(path, "numpy") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, file.metadata()
