"""Accuracy with few labels: the nearest labelled row, the nearest class mean, a linear probe."""
import numpy as np

from .. import kernels
from ..kernels.engine.checks import expect_whole, plain_numbers
from ..kernels.l2_normalize import unit_rows
from .checks import expect_labelled, expect_number
from .knn import centred_unit_rows
from .linear_probe import linear_accuracy

DRAWS = 100  # random choices of the labelled rows; the accuracy is the mean over them
PROBE_DRAWS = 10  # choices for the linear probe, which takes longer
SEED = 0  # of the draws, the same for all encoders


@plain_numbers
def draw_labelled(labels: np.ndarray, per_class: int, rng: np.random.Generator) -> np.ndarray:
    """Indices of `per_class` random rows of each class, class by class; all of a smaller class."""
    order = rng.permutation(len(labels))
    return np.concatenate([order[labels[order] == c][:per_class] for c in np.unique(labels)])


@plain_numbers
def few_label_accuracies(train: np.ndarray, train_labels: np.ndarray, test: np.ndarray,
                         test_labels: np.ndarray, per_class: int,
                         draws: int = DRAWS) -> tuple[float, float]:
    """(1-NN, class means): accuracy on test rows (m, d) with few labels of training rows (n, d).

    Of each class, `per_class` random training rows are labelled, or all if there are fewer. A test
    row gets the class of the labelled row, or of the class mean of labelled rows, with the largest
    cosine. Both sets are centred on the mean of all training rows, which needs no label, and scaled
    to length 1. The accuracies are means over `draws` choices of the labelled rows, the same for
    all features of these labels. Raises FloatingPointError for features that are not finite,
    ValueError for labels that do not fit.
    """
    expect_labelled("few_label_accuracies", train=(train, train_labels), test=(test, test_labels))
    expect_whole("few_label_accuracies", 1, per_class=per_class, draws=draws)
    train, test = centred_unit_rows(train, test)
    rng = np.random.default_rng(SEED)
    classes = np.unique(train_labels)
    nearest, means = [], []
    for _ in range(draws):
        chosen = draw_labelled(train_labels, per_class, rng)
        rows, labels = train[chosen], train_labels[chosen]
        best = kernels.matmul(test, rows.T).argmax(axis=1)
        nearest.append((labels[best] == test_labels).mean())
        sums = np.stack([rows[labels == c].sum(axis=0) for c in classes])
        best = kernels.matmul(test, unit_rows(sums).T).argmax(axis=1)
        means.append((classes[best] == test_labels).mean())
    return float(np.mean(nearest)), float(np.mean(means))


@plain_numbers
def share_accuracy(train: np.ndarray, train_labels: np.ndarray, test: np.ndarray,
                   test_labels: np.ndarray, share: float, strength: float = 1e-3,
                   draws: int = PROBE_DRAWS) -> float:
    """Test accuracy of a linear probe that is fitted with this share of the labels.

    The labelled rows are random: of each class share * n / classes, rounded, and at least one. The
    accuracy is the mean over `draws` choices of them. strength is the weight decay. Raises as
    `linear_accuracy`.
    """
    expect_labelled("share_accuracy", train=(train, train_labels), test=(test, test_labels))
    expect_number("share_accuracy", "share", share, above=0)
    expect_whole("share_accuracy", 1, draws=draws)
    per_class = max(1, round(share * len(train) / len(np.unique(train_labels))))
    rng = np.random.default_rng(SEED)
    choices = [draw_labelled(train_labels, per_class, rng) for _ in range(draws)]
    return float(np.mean([linear_accuracy(train[chosen], train_labels[chosen], test, test_labels,
                                          strength) for chosen in choices]))
