"""Accuracy with few labels: the nearest labelled row, or the nearest class mean."""
import numpy as np

from ..kernels.engine.checks import plain_numbers
from .checks import expect_labelled, expect_number
from .knn import centred_unit_rows
from .linear_probe import linear_accuracy

DRAWS = 100  # random choices of the labelled rows; the accuracy is the mean over them
PROBE_DRAWS = 10  # of the linear probe, which takes longer
SEED = 0  # of the draws, the same for all encoders


@plain_numbers
def draw_labelled(labels: np.ndarray, per_class: int, rng: np.random.Generator) -> np.ndarray:
    """Indices of `per_class` random rows of each class, class by class; all of a smaller class."""
    order = rng.permutation(len(labels))
    return np.concatenate([order[labels[order] == c][:per_class] for c in np.unique(labels)])


def few_label_accuracies(train: np.ndarray, train_labels: np.ndarray, test: np.ndarray,
                         test_labels: np.ndarray, per_class: int,
                         draws: int = DRAWS) -> tuple[float, float]:
    """(1-NN, class means): accuracy on test rows (m, d) with few labels of training rows (n, d).

    Of each class, `per_class` random training rows are labelled. A test row gets the label of the
    labelled row, or of the mean of a class's labelled rows, with the largest cosine. Both sets are
    centred on the mean of all training rows, which needs no label, and scaled to length 1. The
    accuracies are means over `draws` choices of the labelled rows. Raises FloatingPointError for
    features that are not finite, ValueError for labels that do not fit.
    """
    expect_labelled("few_label_accuracies", train=(train, train_labels), test=(test, test_labels))
    expect_number("few_label_accuracies", "per_class", per_class, least=1)
    expect_number("few_label_accuracies", "draws", draws, least=1)
    train, test = centred_unit_rows(train, test)
    rng = np.random.default_rng(SEED)
    classes = np.unique(train_labels)
    nearest, means = [], []
    for _ in range(draws):
        chosen = draw_labelled(train_labels, per_class, rng)
        rows, labels = train[chosen], train_labels[chosen]
        nearest.append((labels[(test @ rows.T).argmax(axis=1)] == test_labels).mean())
        sums = np.stack([rows[labels == c].sum(axis=0) for c in classes])
        lengths = np.maximum(np.linalg.norm(sums, axis=1), np.float32(1e-12))
        best = (test @ sums.T / lengths).argmax(axis=1)
        means.append((classes[best] == test_labels).mean())
    return float(np.mean(nearest)), float(np.mean(means))


def share_accuracy(train: np.ndarray, train_labels: np.ndarray, test: np.ndarray,
                   test_labels: np.ndarray, share: float, strength: float = 1e-3,
                   draws: int = PROBE_DRAWS) -> float:
    """Test accuracy of a linear probe that is fitted with this share of the labels.

    The labelled rows are random and balanced over the classes, at least one of each; the accuracy
    is the mean over `draws` choices. strength is the weight decay. Raises as `linear_accuracy`.
    """
    expect_labelled("share_accuracy", train=(train, train_labels), test=(test, test_labels))
    expect_number("share_accuracy", "share", share, above=0)
    per_class = max(1, round(share * len(train) / len(np.unique(train_labels))))
    rng = np.random.default_rng(SEED)
    choices = [draw_labelled(train_labels, per_class, rng) for _ in range(draws)]
    return float(np.mean([linear_accuracy(train[chosen], train_labels[chosen], test, test_labels,
                                          strength) for chosen in choices]))
