"""Data sets by name: `load` returns the training and the test set."""
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..kernels.engine.checks import plain_numbers
from ..storage.messages import nearest
from .dataset import Dataset

DATASETS = ("toybox", "toybox-night", "toybox-sketch", "toybox-fog", "toybox-neon",
            "toybox-kinds", "cifar10", "cifar100", "fashion_mnist")


@plain_numbers
def load(name: str, data_dir: str | Path = "data", *, train_size: int | None = None, seed: int = 0,
         size: int = 32) -> tuple[Dataset, Dataset]:
    """(train, test) of a name in DATASETS, or of "folder:PATH" with images of size x size.

    train_size: the number of images that the toybox draws; of other training sets, a random part
    with balanced classes is kept. seed is that of the data (what the toybox draws, the split of a
    folder, the choice of train_size), not of the training. Raises ValueError for an unknown name or
    a wrong size, FileNotFoundError if the files are missing.

    >>> load("toybox", train_size=64)[0]
    Dataset(toybox: 64 images of 32 x 32, 10 classes)
    """
    name = str(name)
    train, test = _load(name, data_dir, train_size, seed, size)
    options = {"dataset": name, "data_dir": str(data_dir), "train_size": train_size}
    return replace(train, options=options), replace(test, options=options)


def _load(name, data_dir, train_size, seed, size):
    if train_size is not None and train_size < 1:
        raise ValueError(f"train_size: expected at least 1, got {train_size}")
    kind, _, path = name.partition(":")
    if kind == "folder" and path:
        from .folder import load_folder  # loaders are imported on demand

        train, test = load_folder(path, size=size, seed=seed)
    elif name not in DATASETS:
        raise ValueError(f"dataset: expected one of {', '.join(DATASETS)}, folder:PATH, got "
                         f"{name!r}{nearest(name, DATASETS)}")
    elif size != 32:
        raise ValueError(f"size: expected 32, the only size of {name}, got {size}")
    elif name.partition("-")[0] == "toybox":
        from . import toybox

        options = {} if train_size is None else {"train_size": train_size}
        if name == "toybox-kinds":
            return toybox.load(**options, seed=seed, kinds=True)
        return toybox.load(**options, seed=seed, style=name.partition("-")[2] or "day")
    elif name == "fashion_mnist":
        from .fashion_mnist import load_fashion_mnist

        train, test = load_fashion_mnist(data_dir)
    else:
        from . import cifar

        load_cifar = cifar.load_cifar10 if name == "cifar10" else cifar.load_cifar100
        train, test = load_cifar(data_dir)
    return (train if train_size is None else balanced(train, train_size, seed)), test


@plain_numbers
def balanced(train: Dataset, train_size: int, seed: int) -> Dataset:
    """A random part with equally many images of each class (plus or minus one), as in its prefixes.

    Raises ValueError if train has fewer than train_size images.
    """
    if train_size > len(train):
        raise ValueError(f"train_size: expected at most {len(train)}, the number of images, got "
                         f"{train_size}")
    order = np.random.default_rng(seed).permutation(len(train))
    labels = train.labels[order]
    rank = np.empty(len(order), np.int64)  # of an image among those of its class, in this order
    for label in range(len(train.class_names)):
        rank[labels == label] = np.arange(np.count_nonzero(labels == label))
    # first the first image of each class, then the second ones, ...
    chosen = order[np.argsort(rank, kind="stable")[:train_size]]
    return Dataset(train.images[chosen], train.labels[chosen], train.class_names)
