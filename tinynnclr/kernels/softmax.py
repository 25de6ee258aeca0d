"""Softmax cross-entropy of rows of logits, a row at a time, without a matrix of probabilities."""
import math

import numpy as np

from .engine.checks import as_array, expect_axes, expect_indices, expect_like
from .engine.compile import jit
from .engine.parallel import parallel


def cross_entropy_naive(logits, labels):
    """-log(exp(logits[i, labels[i]]) / sum_j exp(logits[i, j])) for each row i."""
    losses = np.empty(len(logits), logits.dtype)
    for i, label in enumerate(labels):
        p = np.exp(logits[i] - logits[i].max())
        losses[i] = -np.log(p[label] / p.sum())
    return losses


@jit
def _cross_entropy(start, stop, logits, labels, losses, log_sums):
    for i in range(start, stop):
        row = logits[i]
        largest = row[0]
        for j in range(1, len(row)):
            largest = row[j] if row[j] > largest or row[j] != row[j] else largest
        total = 0.0
        for j in range(len(row)):
            total += math.exp(row[j] - largest)
        log_sums[i] = largest + math.log(total)
        losses[i] = log_sums[i] - row[labels[i]]


@jit
def _cross_entropy_grad(start, stop, g, logits, labels, log_sums, d):
    for i in range(start, stop):
        row, out, scale = logits[i], d[i], g[i]
        for j in range(len(row)):
            out[j] = scale * math.exp(row[j] - log_sums[i])
        out[labels[i]] -= scale


def _checked(name, logits, labels):
    """The labels as C-contiguous int64."""
    expect_axes(name, 2, logits=logits)
    n, classes = logits.shape
    return expect_indices(name, "labels", as_array(name, "labels", labels), (n,), classes)


def cross_entropy(logits: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """losses[i] = log_sums[i] - logits[i, labels[i]], log_sums[i] = log sum_j exp(logits[i, j]).

    logits (n, classes) float32 or float64, -inf for a class that is no candidate; labels (n,)
    integers; both results (n,). Raises ValueError for others, and for a label that is no class.
    """
    labels = _checked("cross_entropy", logits, labels)
    losses, log_sums = (np.empty(len(logits), logits.dtype) for _ in range(2))
    parallel(_cross_entropy, len(logits), np.ascontiguousarray(logits), labels, losses, log_sums,
             grain=16)
    return losses, log_sums


def cross_entropy_grad(g: np.ndarray, logits: np.ndarray, labels: np.ndarray,
                       log_sums: np.ndarray) -> np.ndarray:
    """dlogits (n, classes) = g[i] * (softmax - one-hot), from g = dL/dlosses (n,)."""
    labels = _checked("cross_entropy_grad", logits, labels)
    expect_like("cross_entropy_grad", labels.shape, logits.dtype, g=g, log_sums=log_sums)
    d = np.empty(logits.shape, logits.dtype)
    g, logits, log_sums = map(np.ascontiguousarray, (g, logits, log_sums))
    parallel(_cross_entropy_grad, len(logits), g, logits, labels, log_sums, d, grain=16)
    return d
