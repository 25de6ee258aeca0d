"""Weighted k-nearest-neighbour accuracy, and the features that it compares."""
import numpy as np

from .. import distributed, kernels
from ..kernels.engine.checks import plain_numbers
from .checks import expect_finite, expect_labelled, expect_number, one_scale

RIDGE = 0.01  # added to each variance, in units of the largest one


def centred_unit_rows(train: np.ndarray, *others: np.ndarray) -> list[np.ndarray]:
    """Subtract the mean of train from all sets, then scale each row to length 1."""
    scaled = one_scale(train, *others)
    mean = scaled[0].mean(axis=0)
    result = []
    for rows in scaled:
        rows = rows - mean
        lengths = np.sqrt((rows * rows).sum(axis=1, keepdims=True))
        result.append(rows / np.maximum(lengths, np.float32(1e-12)))
    return result


def whitened(train: np.ndarray, *others: np.ndarray) -> list[np.ndarray]:
    """Rotate rows (n, d) to the principal axes of train and divide by the deviation along each.

    (x - mean) V (L + RIDGE max(L))^(-1/2) with the covariance V diag(L) V': the ridge keeps
    directions of small variance small. If train has fewer rows than d, the directions in which they
    do not vary are kept as d more columns. Raises FloatingPointError for rows that are not finite.
    """
    expect_finite("whitened", train=train, **{f"others {i}": rows for i, rows in enumerate(others)})
    scaled = one_scale(train, *others)
    mean = scaled[0].mean(axis=0)
    centred = [rows - mean for rows in scaled]
    values, axes = _principal_axes(centred[0])
    ridge = max(RIDGE * values.max(initial=0), np.finfo(axes.dtype).tiny)
    whitening = axes / np.sqrt(np.maximum(values, 0) + ridge)
    result = []
    for rows in centred:
        rotated = kernels.matmul(rows, whitening)
        if len(train) < train.shape[1]:
            rest = rows - kernels.matmul(kernels.matmul(rows, axes), np.ascontiguousarray(axes.T))
            rotated = np.column_stack([rotated, rest / np.sqrt(ridge)])
        result.append(rotated)
    return result


def _principal_axes(rows):
    """Variances (k,) and axes (d, k) of centred rows (n, d); k is at most min(n, d)."""
    n, d = rows.shape
    if n >= d:
        return np.linalg.eigh(kernels.matmul(np.ascontiguousarray(rows.T), rows) / n)
    # the eigenvectors of the (n, n) products of rows give the axes in which the rows vary
    values, mixes = np.linalg.eigh(kernels.matmul(rows, np.ascontiguousarray(rows.T)) / n)
    kept = values > n * np.finfo(values.dtype).eps * values[-1]
    axes = kernels.matmul(rows.T, mixes[:, kept] / np.sqrt(n * values[kept]))
    return values[kept], axes


def vote(indices: np.ndarray, similarities: np.ndarray, labels: np.ndarray,
         temperature: float) -> np.ndarray:
    """The class with the largest sum of exp(similarity / temperature) over neighbours (n, k)."""
    weights = np.exp((similarities - similarities[:, :1]) / temperature)  # the nearest has weight 1
    scores = np.zeros((len(indices), int(labels.max()) + 1))
    for column in range(indices.shape[1]):
        scores[np.arange(len(indices)), labels[indices[:, column]]] += weights[:, column]
    return scores.argmax(axis=1)


@plain_numbers
def knn_accuracy(train: np.ndarray, train_labels: np.ndarray, test: np.ndarray,
                 test_labels: np.ndarray, k: int = 20, temperature: float = 0.1) -> float:
    """Accuracy of the votes of the k nearest training rows (n, d), by cosine, of test rows (m, d).

    Both sets are centred on the training mean. Raises FloatingPointError for features that are not
    finite, ValueError for labels that do not fit. Source: Wu et al. 2018 (arXiv 1805.01978),
    section 3.4.
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


def _nearest_others(rows, queries, k):
    """Indices and similarities of the k nearest other rows of each of the first `queries` rows."""
    expect_finite("nearest_others", rows=rows)
    (rows,) = centred_unit_rows(rows)
    k = min(k, len(rows) - 1)
    return kernels.nearest(rows[:queries], rows, k, exclude=np.arange(min(queries, len(rows))))


@plain_numbers
def nearest_others(rows: np.ndarray, queries: int, k: int) -> np.ndarray:
    """Indices (queries, k) of the rows nearest, by cosine of centred rows, to the first rows."""
    return _nearest_others(rows, queries, k)[0]


@plain_numbers
def leave_one_out_accuracy(rows: np.ndarray, labels: np.ndarray, k: int = 20,
                           temperature: float = 0.1) -> float:
    """`knn_accuracy` within one set, in which no row votes for itself."""
    expect_labelled("leave_one_out_accuracy", rows=(rows, labels))
    expect_number("leave_one_out_accuracy", "k", k, least=1)
    expect_number("leave_one_out_accuracy", "temperature", temperature, above=0)
    indices, similarities = _nearest_others(rows, len(rows), k)
    return float((vote(indices, similarities, labels, temperature) == labels).mean())
