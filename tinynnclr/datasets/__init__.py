"""Data sets by name: `load` returns (train, test), whatever the data come from."""
from pathlib import Path

import numpy as np

from ..kernels.engine.checks import plain_numbers
from ..storage.messages import nearest
from .dataset import Dataset

DATASETS = ("toybox", "toybox-night", "toybox-sketch", "toybox-fog", "toybox-neon", "cifar10",
            "cifar100", "fashion_mnist")


@plain_numbers
def load(
    name: str, data_dir: str | Path, *, train_size: int | None = None, seed: int = 0, size: int = 32
) -> tuple[Dataset, Dataset]:
    """(train, test) of a name in DATASETS, or of "folder:PATH", whose images are resized to size x
    size.

    train_size: toybox draws that many images; of the others it keeps a random, class-balanced part,
    never of the test. seed is the data's own (what toybox draws, the split of a folder, the choice
    of train_size), not the training's. Raises ValueError for an unknown name or a bad size,
    FileNotFoundError where the files are not there.
    """
    if train_size is not None and train_size < 1:
        raise ValueError(f"train_size: expected at least 1, got {train_size}")
    kind, _, path = name.partition(":")
    if kind == "folder" and path:
        from .folder import load_folder  # imported here, as all below: each loader on demand

        train, test = load_folder(path, size=size, seed=seed)
    elif name not in DATASETS:
        raise ValueError(f"dataset: expected one of {', '.join(DATASETS)}, folder:PATH, got "
                         f"{name!r}{nearest(name, DATASETS)}")
    elif size != 32:
        raise ValueError(f"size: expected 32, the only size {name} has, got {size}")
    elif name.partition("-")[0] == "toybox":
        from . import toybox

        style = name.partition("-")[2] or "day"
        return toybox.load(**({} if train_size is None else {"train_size": train_size}), seed=seed,
                           style=style)
    elif name == "fashion_mnist":
        from .fashion_mnist import load_fashion_mnist

        train, test = load_fashion_mnist(data_dir)
    else:
        from . import cifar

        train, test = (cifar.load_cifar10 if name == "cifar10" else cifar.load_cifar100)(data_dir)
    return (train if train_size is None else balanced(train, train_size, seed)), test


@plain_numbers
def balanced(train: Dataset, train_size: int, seed: int) -> Dataset:
    """A random part with equally many images of each class (give or take one), and so has every
    prefix of it.

    Raises ValueError where train has fewer than train_size images.
    """
    if train_size > len(train):
        raise ValueError(f"train_size: expected at most {len(train)}, the images there are, got "
                         f"{train_size}")
    order = np.random.default_rng(seed).permutation(len(train))
    labels = train.labels[order]
    # the image is the how-manieth of its class, in the random order?
    turn = np.empty(len(order), np.int64)
    for label in range(len(train.class_names)):
        turn[labels == label] = np.arange(np.count_nonzero(labels == label))
    # everybody's first, then everybody's second, ...
    chosen = order[np.argsort(turn, kind="stable")[:train_size]]
    return Dataset(train.images[chosen], train.labels[chosen], train.class_names)
