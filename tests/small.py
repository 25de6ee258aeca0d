"""Runs that take a second: random images, a small network, and everything in a run's state."""
import signal

import numpy as np
import pytest

from tinynnclr.datasets.dataset import Dataset
from tinynnclr.datasets.views import augmentation_pair
from tinynnclr.methods.registry import DEFAULT_METHOD, applicable, make_config
from tinynnclr.train.hooks import train_run
from tinynnclr.train.run import Run

SMALL = {"width": 2, "dim": 8, "projector_hidden": 16, "predictor_hidden": 12, "queue_size": 32,
         "batch_size": 16, "epochs": 2, "view_size": 16, "knn_k": 3, "neighbors_after": 0.0,
         "augmentation": "simclr"}


# the same for all methods, whatever their own defaults
PLAIN = {"temperature": 0.15, "bank_momentum": 0.5, "head_norm": False, "ema": 0.99,
         "neighbors": True, "optimizer": "sgd", "lr": None}


def small_config(**changes):
    """The method's configuration, small and plain, without the options that it does not have."""
    method = changes.get("method", DEFAULT_METHOD)
    return make_config({**applicable({**PLAIN, **SMALL}, method), **changes})


def random_data(n=64, size=16, classes=4, seed=0):
    """Images of noise; the labels are 0, 1, 2, 3, 0, ..."""
    images = np.random.default_rng(seed).integers(0, 256, (n, size, size, 3), np.uint8)
    return Dataset(images, np.arange(n) % classes, tuple("abcdefghij"[:classes]))


def easy_data(n=64, size=16):
    """Every image has two colours of its own, so that its views are easy to identify."""
    rng = np.random.default_rng(0)
    colours = rng.integers(0, 256, (n, 2, 3))
    images = np.where(np.arange(size)[None, :, None, None] < size // 2, colours[:, :1, None],
                      colours[:, 1:, None])
    images = np.broadcast_to(images, (n, size, size, 3)) + rng.integers(-8, 9, (n, size, size, 3))
    return Dataset(images.clip(0, 255).astype(np.uint8), np.arange(n) % 4, tuple("abcd"))


def state_of(run):
    """Everything that decides how a run resumes, and its metrics, as bytes and plain values."""
    timeless = [{k: repr(v) for k, v in row.items() if k not in ("seconds", "views_per_second")}
                for row in run.metrics]
    arrays = {**{f"method.{k}": v for k, v in run.method.state_dict().items()},
              **{f"optimizer.{k}": v for k, v in run.optimizer.state_dict().items()},
              **{f"gallery.{i}": v for i, v in enumerate(run.gallery)}}
    return {**{k: (v.dtype.str, v.shape, v.tobytes()) for k, v in arrays.items()},
            "epoch": run.epoch, "step": run.step, "rng": run.rng.bit_generator.state,
            "lr": run.optimizer.lr, "metrics": timeless}


def unit(rows):
    """Rows scaled to length 1, in float64."""
    rows = np.asarray(rows, np.float64)
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def train(run, data, augmentation="simclr", **options):
    """Train a run to its end, without a progress bar."""
    train_run(run, data, augmentation_pair(augmentation), progress=False, **options)


def trained(data, augmentation="simclr", **changes):
    """A run of a small configuration, trained to its end."""
    run = Run(small_config(**changes), data)
    train(run, data, augmentation)
    return run


def resumed_after(step, data, path, **changes):
    """(a run that Ctrl-C stopped after `step` steps, a new run that has loaded its checkpoint)."""
    config = small_config(**changes)
    run, resumed = Run(config, data), Run(config, data)
    after_step = run.method.after_step

    def press(result):
        if run.step + 1 == step:
            signal.raise_signal(signal.SIGINT)
        after_step(result)

    run.method.after_step = press
    with pytest.raises(KeyboardInterrupt):
        train(run, data, save=lambda run: run.save(path))
    resumed.load(path)
    return run, resumed
