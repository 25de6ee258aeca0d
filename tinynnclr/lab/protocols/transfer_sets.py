"""Other sets than the one a run learned from: small parts of them, to judge its encoder on."""
from pathlib import Path

import numpy as np

from ... import datasets
from ...config import Config
from ...datasets import digits, toybox
from ...datasets.dataset import Dataset
from ...kernels.engine.checks import plain_numbers
from ...storage.messages import nearest

TRAIN, TEST = 2000, 2000  # images of a set, at most, as many of each class
SEED = 1  # of what is drawn, a style's scenes, too: no run has seen them
STYLES = tuple(f"toybox-{style}" for style in toybox.STYLES if style != "day")
OTHERS = ("cifar10", "cifar100", "fashion_mnist", "digits", "toybox", *STYLES, "toybox-kinds")


def parse_others(text: str) -> tuple[str, ...]:
    """The names in "digits,folder:PATH". Raises ValueError for one that is unknown."""
    names = tuple(dict.fromkeys(word.strip() for word in text.split(",")))
    for name in names:
        if name not in OTHERS and not (name.startswith("folder:") and name != "folder:"):
            raise ValueError(f"--to: expected some of {', '.join(OTHERS)}, folder:PATH; "
                             f"got {name!r}{nearest(name, OTHERS)}")
    return names


def other_sets(config: Config, names: tuple[str, ...] | None = None) -> tuple[dict[str,
                                                                                   tuple[Dataset,
                                                                                         Dataset]],
                                                                              str]:
    """({name: (train, test)}, a sentence on what they are), at most TRAIN and TEST images each.

    None: OTHERS without the run's own set and without those whose files are not there; the sentence
    names these. A folder goes by its last name. Raises ValueError where the run's own set or two
    folders of one name are asked for, FileNotFoundError where one asked for is not there.
    """
    sets, missing = {}, []
    for name in names or [n for n in OTHERS if n != config.dataset]:
        if name == config.dataset:
            raise ValueError(f"--to {name}: expected another set than the one that the run learned "
                             "from")
        short = f"folder:{Path(name.removeprefix('folder:')).resolve().name}" if name.startswith(
                "folder:") else name
        if short in sets:
            raise ValueError(f"--to {name}: expected folders of different names, got two of {short}")
        try:
            sets[short] = _load(name, config.data_dir)
        except FileNotFoundError:
            if names:
                raise
            missing.append(name)
    absent = f" Left out, as their files are not there: {', '.join(missing)}." if missing else ""
    return sets, (f"Sets of at most {TRAIN} training and {TEST} test images, as many of each "
                  f"class; what is drawn (toybox, digits) has seed {SEED}, so that no run has seen "
                  f"it.{absent}")


@plain_numbers
def kinds(split: str, n: int, seed: int) -> Dataset:
    """Toybox pictures whose classes are the kinds of things: "steam boat" rather than "boat"."""
    toys = toybox.make(n, seed, split=split)
    first = np.cumsum([0, *map(len, toybox.KIND_NAMES)])
    return Dataset(toys.images, first[toys.labels] + toys.kinds,
                   tuple(k for names in toybox.KIND_NAMES for k in names))


def _load(name, data_dir):
    if name == "digits":
        return digits.load(TRAIN, TEST, SEED)
    if name == "toybox-kinds":
        return kinds("train", TRAIN, SEED), kinds("test", TEST, SEED)
    if name.partition("-")[0] == "toybox":
        return toybox.load(TRAIN, TEST, SEED, style=name.partition("-")[2] or "day")
    train, test = datasets.load(name, data_dir)
    return (datasets.balanced(train, min(TRAIN, len(train)), SEED),
            datasets.balanced(test, min(TEST, len(test)), SEED))
