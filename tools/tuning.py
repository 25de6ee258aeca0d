"""Evaluate runs on toybox images that no table is measured on, to choose options by them.

    python tools/tuning.py RUN... > results/tuning.csv

Each run (a folder that `tinynnclr train` or `compare` wrote) is evaluated by all measures on 4,000
test images of the toybox, drawn with another seed than those of the tables.
"""
import argparse
import sys
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
# options that are left out: where a run was, and what all runs of one size share
SHARED = ("data_dir", "threads", "epochs", "queue_size")


def row(folder: Path, validation: Dataset) -> dict:
    """A run's options that differ from the defaults, and its measures on the validation images."""
    run = load_run(folder)
    config = run.config
    train, _ = datasets.load(config.dataset, config.data_dir, train_size=config.train_size)
    usual = {**type(config)().to_dict(), **Config().common()}
    options = {name: value for name, value in config.to_dict().items()
               if value != usual.get(name) and name not in (*SHARED, "method")}
    accuracies = [metrics["neighbor_accuracy"] for metrics in run.metrics]
    used = [value for value in accuracies if not np.isnan(value)]
    return {"method": config.method, "seed": config.seed, "temperature": config.temperature,
            "lr": round(run.base_rate * 128 / config.batch_size, 4),  # at batch size 128
            "options": " ".join(f"{name}={value}" for name, value in options.items()
                                if name not in ("seed", "temperature", "lr", "train_size")),
            "steps": run.step, **encoder_accuracies(config, run.encoder, train, validation),
            "neighbor_accuracy": round(float(np.mean(used)), 4) if used else ""}


def main() -> None:
    """The command in the third line of this file."""
    escape_unprintable()
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("run", nargs="+", type=Path)
    folders = parser.parse_args().run
    images = toybox.make(IMAGES, SEED, split="test").dataset()
    rows = [row(folder, images) for folder in folders]
    sys.stdout.write(csv_text(sorted(rows, key=lambda r: (r["method"], r["options"], r["seed"],
                                                          r["temperature"], r["lr"]))))


if __name__ == "__main__":
    main()
