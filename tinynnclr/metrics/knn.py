"""Weighted k-nearest-neighbour accuracy: does the class of an image's neighbours tell its own?"""
import numpy as np

from .. import distributed, kernels
from ..kernels.engine.checks import plain_numbers
from .checks import expect_finite, expect_labelled, expect_number, one_scale

RIDGE = 0.01  # of the largest variance


def centred_unit_rows(train: np.ndarray, *others: np.ndarray) -> list[np.ndarray]:
    """Subtract the training mean, then scale each row to length 1."""
    train, *scaled_others = one_scale(train, *others)
    mean = train.mean(axis=0)
    out = []
    for rows in (train, *scaled_others):
        rows = rows - mean
        out.append(rows / np.maximum(np.sqrt((rows * rows).sum(axis=1, keepdims=True)),
                                     np.float32(1e-12)))
    return out


def whitened(train: np.ndarray, *others: np.ndarray) -> list[np.ndarray]:
    """Turn rows (n, d) to the principal axes of the training rows, and divide by the spread along
    each of them.

    (x - mean) V (L + RIDGE max(L))^(-1/2) with the covariance V diag(L) V': the ridge keeps what
    hardly varies small. Of fewer training rows than directions, the axes in which they do not vary
    stay as they lie: d more columns. Raises FloatingPointError where a row is not finite.
    """
    expect_finite("whitened", train=train, **{f"others {i}": rows for i, rows in enumerate(others)})
    train, *scaled_others = one_scale(train, *others)
    mean = train.mean(axis=0)
    centred, (n, d) = train - mean, train.shape
    if n < d:  # the eigenvectors of (n, n) products of rows give the axes in which the rows vary
        values, mixes = np.linalg.eigh(kernels.matmul(centred, np.ascontiguousarray(centred.T)) / n)
        kept = values > n * np.finfo(values.dtype).eps * values[-1]
        values, axes = values[kept], kernels.matmul(centred.T,
                                                    mixes[:, kept] / np.sqrt(n * values[kept]))
    else:
        values, axes = np.linalg.eigh(kernels.matmul(np.ascontiguousarray(centred.T), centred) / n)
    ridge = max(RIDGE * values.max(initial=0), np.finfo(axes.dtype).tiny)
    scaled = axes / np.sqrt(np.maximum(values, 0) + ridge)
    out = []
    for rows in (centred, *(rows - mean for rows in scaled_others)):
        turned = kernels.matmul(rows, scaled)
        if n < d:
            rest = rows - kernels.matmul(kernels.matmul(rows, axes), np.ascontiguousarray(axes.T))
            turned = np.column_stack([turned, rest / np.sqrt(ridge)])
        out.append(turned)
    return out


def vote(indices: np.ndarray, similarities: np.ndarray, labels: np.ndarray,
         temperature: float) -> np.ndarray:
    """The class with the largest sum of exp(similarity / temperature) over each row's neighbours
    (n, k).
    """
    weights = np.exp((similarities - similarities[:, :1]) / temperature)  # the nearest has weight 1
    scores = np.zeros((len(indices), int(labels.max()) + 1))
    for column in range(indices.shape[1]):
        scores[np.arange(len(indices)), labels[indices[:, column]]] += weights[:, column]
    return scores.argmax(axis=1)


@plain_numbers
def knn_accuracy(train: np.ndarray, train_labels: np.ndarray, test: np.ndarray,
                 test_labels: np.ndarray, k: int = 20, temperature: float = 0.1) -> float:
    """Share of test rows (m, d) whose k nearest training rows (n, d) by cosine vote for their
    class.

    Both sets are centred on the training mean. Source: Wu et al. 2018 (arXiv 1805.01978), section
    3.4. Raises FloatingPointError for features that are not finite, ValueError for labels that do
    not fit.
    """
    expect_labelled("knn_accuracy", train=(train, train_labels), test=(test, test_labels))
    expect_number("knn_accuracy", "k", k, least=1)
    expect_number("knn_accuracy", "temperature", temperature, above=0)
    train, test = centred_unit_rows(train, test)
    indices, similarities = kernels.nearest(test[distributed.shard(len(test))], train,
                                            min(k, len(train)))
    votes = distributed.all_gather(vote(indices, similarities, train_labels, temperature),
                                   len(test))
    return float((votes == test_labels).mean())


def _others(rows, queries, k):
    """(indices, similarities) of the k nearest other rows of each of the first `queries` rows."""
    expect_finite("nearest_others", rows=rows)
    (rows,) = centred_unit_rows(rows)
    k = min(k, len(rows) - 1)
    return kernels.nearest(rows[:queries], rows, k, exclude=np.arange(min(queries, len(rows))))


@plain_numbers
def nearest_others(rows: np.ndarray, queries: int, k: int) -> np.ndarray:
    """The k nearest other rows (by cosine, centred) of each of the first `queries` rows: indices
    (queries, k).
    """
    return _others(rows, queries, k)[0]


@plain_numbers
def leave_one_out_accuracy(rows: np.ndarray, labels: np.ndarray, k: int = 20,
                           temperature: float = 0.1) -> float:
    """`knn_accuracy` within one set, where no row votes for itself."""
    expect_labelled("leave_one_out_accuracy", rows=(rows, labels))
    expect_number("leave_one_out_accuracy", "k", k, least=1)
    expect_number("leave_one_out_accuracy", "temperature", temperature, above=0)
    indices, similarities = _others(rows, len(rows), k)
    return float((vote(indices, similarities, labels, temperature) == labels).mean())
