"""How hard is a data set? Its floors (pixels, colours, an untrained encoder) and its ceiling (a supervised one).

    python -m tinynnclr.evaluate.floors --dataset toybox
"""
import dataclasses

import numpy as np

from ..config import Config
from ..datasets.dataset import Dataset
from ..models import make_encoder
from ..models.features import encode, pixels
from ..train import Run, augmentation_pair
from ..train import train as train_run
from .finetune import accuracy
from .knn import knn_accuracy


def colour_histogram(images: np.ndarray) -> np.ndarray:
    """(n, 64): how many pixels of each image (n, h, w, 3) fall into each of 4 x 4 x 4 boxes of red, green and blue."""
    boxes = (images // 64).astype(np.int64) @ np.array([16, 4, 1])  # (n, h, w)
    return np.stack([np.bincount(b.ravel(), minlength=64) for b in boxes]).astype(np.float32)


def supervised_accuracy(config: Config, train: Dataset, test: Dataset) -> float:
    """Test accuracy of encoder and linear layer trained on the labels, on views of crops and flips alone."""
    run = Run(dataclasses.replace(config, method="supervised", augmentation="crop-only", lr=0.1), train)
    train_run(run, train, augmentation_pair("crop-only"), progress=False)
    return accuracy(run.method, test)  # type: ignore[arg-type]


def floors(config: Config, train: Dataset, test: Dataset) -> dict[str, float]:
    """Test accuracies: kNN on pixels, on colour histograms and on an untrained encoder's features, and supervised."""
    untrained = make_encoder(config, np.random.default_rng(config.seed))
    views = {"pixels": pixels, "colour histogram": colour_histogram, "random weights": lambda x: encode(untrained, x)}
    found = {name: knn_accuracy(view(train.images), train.labels, view(test.images), test.labels, config.knn_k,
                                config.knn_temperature) for name, view in views.items()}
    return {**found, "supervised": supervised_accuracy(config, train, test)}


if __name__ == "__main__":
    import argparse

    from ..console import escape_unprintable
    from ..datasets import load

    escape_unprintable()
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--dataset", default="toybox")
    parser.add_argument("--data-dir", default="data")
    options = parser.parse_args()
    settings = Config(dataset=options.dataset, data_dir=options.data_dir)
    for key, share in floors(settings, *load(settings.dataset, settings.data_dir)).items():
        print(f"{key:<17} {share:.1%}")
