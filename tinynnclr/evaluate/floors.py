"""How hard is a data set? Its floors (pixels, colours, an untrained encoder) and its ceiling (a supervised one).

    python -m tinynnclr.evaluate.floors --dataset toybox
"""
import numpy as np

from .. import nn, ops
from ..config import Config
from ..datasets.dataset import Dataset
from ..datasets.loader import batches
from ..datasets.views import PRESETS, two_views
from ..models import TinyCNN
from ..models.features import encode, pixels
from .knn import knn_accuracy


def colour_histogram(images: np.ndarray) -> np.ndarray:
    """(n, 64): how many pixels of each image (n, h, w, 3) fall into each of 4 x 4 x 4 boxes of red, green and blue."""
    boxes = (images // 64).astype(np.int64) @ np.array([16, 4, 1])  # (n, h, w)
    return np.stack([np.bincount(b.ravel(), minlength=64) for b in boxes]).astype(np.float32)


def supervised_accuracy(config: Config, train: Dataset, test: Dataset) -> float:
    """Test accuracy of encoder and linear layer trained on the labels, on views of crops and flips alone."""
    rng = np.random.default_rng(config.seed)
    encoder = TinyCNN(config.width, rng, config.standardize)
    head = nn.Linear(encoder.features, len(train.class_names), rng)
    net = nn.Sequential(encoder, head)
    optimizer = nn.SGD(net.parameters(), 0.1 * config.batch_size / 128, weight_decay=config.weight_decay)
    total, base, step = config.epochs * (len(train) // config.batch_size), optimizer.lr, 0
    for _ in range(config.epochs):
        order = rng.permutation(len(train))
        for indices in batches(order, config.batch_size // 2):  # two views of each image make a batch
            x1, x2 = two_views(train.images, indices, PRESETS["crop-only"], rng, config.view_size)
            optimizer.lr = nn.warmup_cosine(step // 2, total, round(config.warmup * total), base)
            logits = net(np.concatenate([x1, x2]))
            loss = ops.cross_entropy(logits, labels=np.concatenate([train.labels[indices]] * 2))
            net.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1
    predicted = head(encode(encoder, test.images)).numpy().argmax(axis=1)
    return float((predicted == test.labels).mean())


def floors(config: Config, train: Dataset, test: Dataset) -> dict[str, float]:
    """Test accuracies: kNN on pixels, on colour histograms and on an untrained encoder's features, and supervised."""
    untrained = TinyCNN(config.width, np.random.default_rng(config.seed), config.standardize)
    views = {"pixels": pixels, "colour histogram": colour_histogram, "random weights": lambda x: encode(untrained, x)}
    found = {name: knn_accuracy(view(train.images), train.labels, view(test.images), test.labels, config.knn_k,
                                config.knn_temperature) for name, view in views.items()}
    return {**found, "supervised": supervised_accuracy(config, train, test)}


if __name__ == "__main__":
    import argparse

    from ..datasets import load

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", default="toybox")
    parser.add_argument("--data-dir", default="data")
    options = parser.parse_args()
    settings = Config(dataset=options.dataset, data_dir=options.data_dir)
    for key, accuracy in floors(settings, *load(settings.dataset, settings.data_dir)).items():
        print(f"{key:<17} {accuracy:.1%}")
