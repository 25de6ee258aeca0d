"""Small parts of other data sets than the run's own, to evaluate its encoder on."""
from pathlib import Path

from ... import datasets
from ...config import Config
from ...datasets import digits, toybox
from ...datasets.dataset import Dataset
from ...storage.messages import nearest

TRAIN, TEST = 2000, 2000  # images of a set, at most, balanced over classes
SEED = 1  # of the drawn sets: no run has seen these images
STYLES = tuple(f"toybox-{style}" for style in toybox.STYLES if style != "day")
TRANSFER_SETS = ("cifar10", "cifar100", "fashion_mnist", "digits", "toybox", *STYLES,
                 "toybox-kinds")


def parse_transfer_sets(text: str) -> tuple[str, ...]:
    """The names in "digits,folder:PATH", each once. Raises ValueError for an unknown name."""
    names = tuple(dict.fromkeys(word.strip() for word in text.split(",")))
    for name in names:
        if name not in TRANSFER_SETS and not (name.startswith("folder:") and name != "folder:"):
            raise ValueError(f"--to: expected some of {', '.join(TRANSFER_SETS)}, folder:PATH; "
                             f"got {name!r}{nearest(name, TRANSFER_SETS)}")
    return names


def load_transfer_sets(config: Config, names: tuple[str, ...] | None = None) \
        -> tuple[dict[str, tuple[Dataset, Dataset]], str]:
    """({name: (train, test)}, a description), at most TRAIN and TEST images each.

    None: TRANSFER_SETS without the run's own set and without those whose files are missing; the
    description names the missing ones. A folder is named after the last part of its path. Raises
    ValueError for the run's own set and for two folders of one name, FileNotFoundError where a
    named set is missing.
    """
    sets, missing = {}, []
    for name in names or [n for n in TRANSFER_SETS if n != config.dataset]:
        if name == config.dataset:
            raise ValueError(f"--to {name}: expected another set than the one that the run learned "
                             "from")
        short = name
        if name.startswith("folder:"):
            short = f"folder:{Path(name.removeprefix('folder:')).resolve().name}"
        if short in sets:
            raise ValueError(f"--to {name}: expected folders of different names, got two of "
                             f"{short}")
        try:
            sets[short] = _load(name, config.data_dir)
        except FileNotFoundError:
            if names:
                raise
            missing.append(name)
    absent = f" Left out, as their files are missing: {', '.join(missing)}." if missing else ""
    return sets, (f"Sets of at most {TRAIN} training and {TEST} test images, balanced over "
                  f"classes; drawn sets (toybox, digits) have seed {SEED}, so that no run has seen "
                  f"them.{absent}")


def _load(name, data_dir):
    if name == "digits":
        return digits.load(TRAIN, TEST, SEED)
    if name == "toybox-kinds":
        return toybox.load(TRAIN, TEST, SEED, kinds=True)
    if name.partition("-")[0] == "toybox":
        return toybox.load(TRAIN, TEST, SEED, style=name.partition("-")[2] or "day")
    train, test = datasets.load(name, data_dir)
    return (datasets.balanced(train, min(TRAIN, len(train)), SEED),
            datasets.balanced(test, min(TEST, len(test)), SEED))
