"""Evaluate runs on images that no table is measured on, to choose options by them.

    python tools/tuning.py RUN... > results/tuning.csv

Each run (a folder that `tinynnclr train` or `compare` wrote) is evaluated by all measures: in the
toybox on 4,000 test images, drawn with another seed than those of the tables; elsewhere on a fifth
of the training images, after fitting on the others.
"""
import argparse
import sys
from functools import cache
from pathlib import Path

import numpy as np

from tinynnclr import datasets, load_run
from tinynnclr.cli.console import escape_unprintable
from tinynnclr.config import Config
from tinynnclr.datasets import toybox
from tinynnclr.datasets.dataset import Dataset
from tinynnclr.evaluate import encoder_accuracies
from tinynnclr.storage.text_tables import csv_text

IMAGES, SEED = 4000, 7
# options that have columns of their own, or say where a run was
COLUMNS = ("method", "dataset", "train_size", "epochs", "seed", "temperature", "lr", "data_dir",
           "threads")


@cache
def images_of(dataset: str, data_dir: str, train_size: int | None) -> tuple[Dataset, Dataset]:
    """The images to fit on, and those to measure on."""
    train, _ = datasets.load(dataset, data_dir, train_size=train_size)
    if dataset == "toybox":
        return train, toybox.make(IMAGES, SEED, split="test").dataset()
    rows = np.random.default_rng(SEED).permutation(len(train))
    last, first = np.split(rows, [len(train) // 5])
    return tuple(Dataset(train.images[part], train.labels[part], train.class_names)
                 for part in (first, last))  # type: ignore[return-value]


def row(folder: Path) -> dict:
    """A run's options that differ from the defaults, and its measures on the validation images."""
    run = load_run(folder)
    config = run.config
    train, validation = images_of(config.dataset, config.data_dir, config.train_size)
    usual = {**type(config)().to_dict(), **Config().common()}
    options = {name: value for name, value in config.to_dict().items()
               if value != usual.get(name) and name not in COLUMNS}
    accuracies = [metrics["neighbor_accuracy"] for metrics in run.metrics]
    used = [value for value in accuracies if not np.isnan(value)]
    return {"method": config.method, "dataset": config.dataset, "images": run.images,
            "epochs": config.epochs, "steps": run.step, "seed": config.seed,
            "temperature": getattr(config, "temperature", ""), "lr": config.lr,
            "options": " ".join(f"{name}={value}" for name, value in options.items()),
            **encoder_accuracies(config, run.encoder, train, validation),
            "neighbor_accuracy": round(float(np.mean(used)), 4) if used else ""}


def main() -> None:
    """The command in the third line of this file."""
    escape_unprintable()
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("run", nargs="+", type=Path)
    folders = parser.parse_args().run
    order = ("dataset", "images", "epochs", "method", "options", "seed", "temperature", "lr")
    sys.stdout.write(csv_text(sorted((row(folder) for folder in folders),
                                     key=lambda r: [str(r[name]) for name in order])))


if __name__ == "__main__":
    main()
