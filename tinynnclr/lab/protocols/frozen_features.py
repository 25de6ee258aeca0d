"""kNN, linear probe and k-means of frozen features; only training images are fitted on."""
import numpy as np

from ...datasets.dataset import Dataset
from ...metrics.clusters import CLUSTERED, STARTS, cluster_agreement
from ...metrics.knn import RIDGE, knn_accuracy, whitened
from ...metrics.linear_probe import linear_accuracy
from .context import EvalContext, EvalResult, Row

STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1)  # weight decays that the linear probe chooses from
VALIDATION = 0.1  # share of the training images on which it chooses
STRENGTH_CHOICE = f"{', '.join(f'{s:g}' for s in STRENGTHS)} on {VALIDATION:.0%} of"


def knn(context: EvalContext) -> EvalResult:
    """Weighted kNN of centred and of whitened features."""
    (train, test), config = context.data, context.config
    rows: list[Row] = []
    for name, (a, b) in context.features(train, test).items():
        for kind, (x, y) in (("centred", (a, b)), ("whitened", whitened(a, b))):
            rows.append({"encoder": name, "features": kind,
                         "accuracy": knn_accuracy(x, train.labels, y, test.labels, config.knn_k,
                                                  config.knn_temperature)})
    return EvalResult(rows, f"Cosine of frozen, centred features, k = {config.knn_k}, votes "
                      f"exp(similarity / {config.knn_temperature:g}). Whitened: along each "
                      "principal axis of the training features, divided by the root of its "
                      f"variance and {RIDGE:.0%} of the largest. {_split(train, test)}; nothing is "
                      "chosen.", 1 / len(train.class_names))


def linear(context: EvalContext) -> EvalResult:
    """Linear probe: its weight decay is chosen on a tenth of train; then it is fitted on all."""
    train, test = context.data
    rows: list[Row] = []
    for name, features in context.features(train, test).items():
        strength, accuracy = probe(features, train, test, context.config.seed)
        rows.append({"encoder": name, "weight decay": f"{strength:g}", "accuracy": accuracy})
    return EvalResult(rows, "Softmax on frozen features, standardised with the training images' "
                      "mean and standard deviation, fitted by L-BFGS; weight decay chosen from "
                      f"{STRENGTH_CHOICE} the training images. {_split(train, test)}.",
                      1 / len(train.class_names))


def clusters(context: EvalContext) -> EvalResult:
    """k-means of the training features, k = number of classes; NMI and purity on test images."""
    train, test = context.data
    k = len(train.class_names)
    rows: list[Row] = []
    for name, (a, b) in context.features(train, test).items():
        nmi, purity = cluster_agreement(a, b, test.labels, k, context.config.seed)
        rows.append({"encoder": name, "NMI": nmi, "purity": purity})
    return EvalResult(rows, f"k-means of {min(CLUSTERED, len(train))} training images' frozen "
                      f"features, centred and of length 1, with k = {k}; means over {STARTS} "
                      f"random starts. Measured on {len(test)} test images, each assigned to "
                      "the nearest centroid; labels are only compared with the clusters. NMI: "
                      "mutual information over the mean of both entropies. Purity: the share of "
                      "images that belong to the most frequent class of their cluster.")


def probe(features: tuple[np.ndarray, np.ndarray], train: Dataset, test: Dataset,
          seed: int) -> tuple[float, float]:
    """(weight decay chosen on a part of train, test accuracy) of a linear probe."""
    x, y = features
    strength = choose_strength(x, train.labels, np.random.default_rng(seed))
    return strength, linear_accuracy(x, train.labels, y, test.labels, strength)


def choose_strength(x: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> float:
    """The best weight decay on a random tenth of rows x (n, d), when fitted on the other rows."""
    order = rng.permutation(len(x))
    held, kept = np.split(order, [max(1, round(VALIDATION * len(x)))])
    scores = [linear_accuracy(x[kept], labels[kept], x[held], labels[held], s) for s in STRENGTHS]
    return STRENGTHS[int(np.argmax(scores))]


def _split(train: Dataset, test: Dataset) -> str:
    return f"Fitted on {len(train)} training images, measured on {len(test)} test images"
