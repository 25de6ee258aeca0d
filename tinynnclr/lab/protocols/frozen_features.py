"""Judging frozen features: their neighbours, a linear classifier, and clusters. Only training
images are fitted on.
"""
import warnings

import numpy as np

from ... import kernels
from ...datasets.dataset import Dataset
from ...metrics.checks import expect_finite
from ...metrics.knn import RIDGE, centred_unit_rows, knn_accuracy, whitened
from ...metrics.linear_probe import linear_accuracy
from ...metrics.nmi import normalized_mutual_information, purity
from .context import EvalContext, EvalResult, Row

STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1)  # weight decays that the linear probe chooses from
VALIDATION = 0.1  # the share of train on which it chooses
# training images for k-means, at most, and its starts; that of least inertia counts
CLUSTERED, RESTARTS = 4000, 5
ROUNDS = 1000  # of k-means, at most; it converges much earlier


def knn(subject: EvalContext) -> EvalResult:
    """Weighted k nearest neighbours of features as they are and whitened, beside random weights and
    raw pixels.
    """
    (train, test), config = subject.data, subject.config
    rows: list[Row] = []
    for name, (a, b) in features(subject).items():
        for kind, (x, y) in (("centred", (a, b)), ("whitened", whitened(a, b))):
            rows.append({"encoder": name, "features": kind,
                         "accuracy": knn_accuracy(x, train.labels, y, test.labels, config.knn_k,
                                                  config.knn_temperature)})
    return EvalResult(rows, f"Cosine of frozen, centred features, k = {config.knn_k}, votes "
                      f"exp(similarity / {config.knn_temperature:g}). Whitened: along each "
                      "principal axis of the training features, divided by the root of its "
                      f"variance and {RIDGE:.0%} of the largest. {_split(train, test)}; nothing is "
                      "chosen.", 1 / len(train.class_names))


def linear(subject: EvalContext) -> EvalResult:
    """Multinomial logistic regression, its weight decay chosen on a tenth of train, then fitted on
    all of train.
    """
    train, test = subject.data
    found: list[Row] = []
    for name, (a, b) in features(subject).items():
        strength = choose_strength(a, train.labels, np.random.default_rng(subject.config.seed))
        found.append({"encoder": name, "weight decay": f"{strength:g}",
                      "accuracy": linear_accuracy(a, train.labels, b, test.labels, strength)})
    return EvalResult(found, "Softmax on frozen features, standardised with the training images' "
                      "mean and spread, fitted by L-BFGS; weight decay chosen from "
                      f"{', '.join(f'{s:g}' for s in STRENGTHS)} on {VALIDATION:.0%} of the "
                      f"training images. {_split(train, test)}.", 1 / len(train.class_names))


def clusters(subject: EvalContext) -> EvalResult:
    """k-means of the training features with as many clusters as classes; NMI and purity of the test
    features in it.
    """
    train, test = subject.data
    found: list[Row] = []
    for name, (a, b) in features(subject).items():
        a, b = centred_unit_rows(a, b)
        rng = np.random.default_rng(subject.config.seed)
        a = a[rng.permutation(len(a))[:CLUSTERED]]
        tries = [kernels.kmeans(a, len(train.class_names), ROUNDS, rng) for _ in range(RESTARTS)]
        if any(len(inertias) == ROUNDS for *_, inertias in tries):
            warnings.warn(f"clusters: k-means stopped after {ROUNDS} rounds, before it converged",
                          RuntimeWarning, stacklevel=2)
        assignment = nearest_centroid(b, min(tries, key=lambda result: result[2][-1])[0])
        found.append({"encoder": name, "NMI": normalized_mutual_information(assignment,
                                                                            test.labels),
                      "purity": purity(assignment, test.labels)})
    return EvalResult(found, f"k-means of {min(CLUSTERED, len(train))} training images' frozen "
                      f"features, centred and of length 1, with k = {len(train.class_names)}, the "
                      f"best of {RESTARTS} starts by inertia. Measured on {len(test)} test images, "
                      "each in the cluster whose centroid is nearest; labels only compare. NMI: "
                      "mutual information over the mean of both entropies. Purity: the share of "
                      "images in whose cluster their class is the most frequent.")


def features(subject: EvalContext) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """{name: (training, test) features} of the encoder, of random weights, and of the pixels
    themselves.
    """
    train, test = subject.data
    return {name: (extract(train.images), extract(test.images)) for name,
            extract in subject.extractors().items()}


def choose_strength(x: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> float:
    """The weight decay, of STRENGTHS, that is best on a random tenth of rows (n, d) when fitted on
    the others.
    """
    order = rng.permutation(len(x))
    held, kept = np.split(order, [max(1, round(VALIDATION * len(x)))])
    scores = [linear_accuracy(x[kept], labels[kept], x[held], labels[held], s) for s in STRENGTHS]
    return STRENGTHS[int(np.argmax(scores))]


def nearest_centroid(x: np.ndarray, centroids: np.ndarray) -> np.ndarray:
    """The nearest of centroids (k, d) for each row of x (n, d), by |x - c|^2 = |x|^2 - 2 x.c +
    |c|^2.
    """
    expect_finite("nearest_centroid", x=x, centroids=centroids)
    return (kernels.matmul(x, centroids.T) - np.square(centroids).sum(axis=1) / 2).argmax(axis=1)


def _split(train: Dataset, test: Dataset) -> str:
    return f"Fitted on {len(train)} training images, measured on {len(test)} test images"
