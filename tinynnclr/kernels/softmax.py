"""Softmax of rows of logits; and its cross-entropy, for which no matrix of probabilities is ever kept."""
import math

import numpy as np
from numba import njit

from .parallel import parallel


def cross_entropy_naive(logits, labels):
    """-log(exp(logits[i, labels[i]]) / sum_j exp(logits[i, j])), row by row; the largest logit is taken out first."""
    losses = np.empty(len(logits), logits.dtype)
    for i, label in enumerate(labels):
        p = np.exp(logits[i] - logits[i].max())
        losses[i] = -np.log(p[label] / p.sum())
    return losses


@njit(nogil=True, cache=True, error_model="numpy")
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


@njit(nogil=True, cache=True, error_model="numpy")
def _cross_entropy_grad(start, stop, g, logits, labels, log_sums, d):
    for i in range(start, stop):
        row, out, scale = logits[i], d[i], g[i]
        for j in range(len(row)):
            out[j] = scale * math.exp(row[j] - log_sums[i])
        out[labels[i]] -= scale


def cross_entropy(logits: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """losses[i] = log_sums[i] - logits[i, labels[i]] and log_sums[i] = log sum_j exp(logits[i, j]), each (n,).

    logits (n, classes) float32 or float64, -inf for a class that is no candidate; labels (n,) int64, unchecked.
    """
    losses, log_sums = np.empty(len(logits), logits.dtype), np.empty(len(logits), logits.dtype)
    parallel(_cross_entropy, len(logits), np.ascontiguousarray(logits), labels, losses, log_sums, grain=16)
    return losses, log_sums


def cross_entropy_grad(g: np.ndarray, logits: np.ndarray, labels: np.ndarray, log_sums: np.ndarray) -> np.ndarray:
    """dlogits (n, classes) = g[i] * (softmax - one-hot), from g = dL/dlosses (n,)."""
    d = np.empty(logits.shape, logits.dtype)
    parallel(_cross_entropy_grad, len(logits), np.ascontiguousarray(g), np.ascontiguousarray(logits), labels, log_sums,
             d, grain=16)
    return d


def softmax_naive(x):
    """exp(x) / sum(exp(x)) along the last axis; the largest x of each row is taken out first."""
    p = np.exp(x - x.max(axis=-1, keepdims=True))
    return p / p.sum(axis=-1, keepdims=True)


def softmax_grad_naive(g, p):
    """p (g - sum(g p)): what a probability gains, the others lose."""
    return p * (g - (g * p).sum(axis=-1, keepdims=True))


@njit(nogil=True, cache=True, error_model="numpy")
def _softmax(start, stop, x, scale, p):
    """p = softmax(scale x), row by row."""
    for i in range(start, stop):
        row, out = x[i], p[i]
        largest = row[0]
        for j in range(1, len(row)):
            largest = row[j] if row[j] > largest or row[j] != row[j] else largest
        total = row.dtype.type(0)
        for j in range(len(row)):
            out[j] = math.exp((row[j] - largest) * scale)
            total += out[j]
        for j in range(len(row)):
            out[j] /= total


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"reassoc", "contract"})
def _softmax_grad(start, stop, g, p, scale, d):
    """d = scale p (g - sum(g p)); fastmath is there only to let the sum be taken in any order."""
    for i in range(start, stop):
        cotangent, row, out = g[i], p[i], d[i]
        along = row.dtype.type(0)
        for j in range(len(row)):
            along += cotangent[j] * row[j]
        for j in range(len(row)):
            out[j] = scale * row[j] * (cotangent[j] - along)


def softmax(x: np.ndarray, scale: float = 1.0) -> np.ndarray:
    """softmax(scale x) along the last axis, scale being above 0; p of x's shape and type."""
    rows = np.ascontiguousarray(x).reshape(-1, x.shape[-1])
    p = np.empty_like(rows)
    parallel(_softmax, len(rows), rows, x.dtype.type(scale), p, grain=64)
    return p.reshape(x.shape)


def softmax_grad(g: np.ndarray, p: np.ndarray, scale: float = 1.0) -> np.ndarray:
    """dx of `softmax`, from its value p."""
    rows, cotangents = (np.ascontiguousarray(a).reshape(-1, p.shape[-1]) for a in (p, g))
    d = np.empty_like(rows)
    parallel(_softmax_grad, len(rows), cotangents, rows, p.dtype.type(scale), d, grain=64)
    return d.reshape(p.shape)
