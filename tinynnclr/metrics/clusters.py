"""k-means of features, compared with the classes."""
import warnings

import numpy as np

from .. import kernels
from .checks import expect_finite
from .knn import centred_unit_rows
from .nmi import normalized_mutual_information, purity

CLUSTERED = 2000  # training rows for k-means, at most
RESTARTS = 5  # of k-means; the one with the smallest inertia counts
ROUNDS = 1000  # of k-means, at most; it converges much earlier


def cluster_agreement(train: np.ndarray, test: np.ndarray, test_labels: np.ndarray, k: int,
                      seed: int = 0) -> tuple[float, float]:
    """(NMI, purity) of the clusters of test rows (m, d), compared with their classes.

    k-means runs on at most CLUSTERED training rows (n, d), centred and of length 1; the best of
    RESTARTS starts counts. Each test row belongs to the nearest centroid. Raises FloatingPointError
    for features that are not finite, ValueError for k above the number of rows.
    """
    expect_finite("cluster_agreement", train=train, test=test)
    train, test = centred_unit_rows(train, test)
    rng = np.random.default_rng(seed)
    train = train[rng.permutation(len(train))[:CLUSTERED]]
    tries = [kernels.kmeans(train, k, ROUNDS, rng) for _ in range(RESTARTS)]
    if any(len(inertias) == ROUNDS for *_, inertias in tries):
        warnings.warn(f"cluster_agreement: k-means stopped after {ROUNDS} rounds, before it "
                      "converged", RuntimeWarning, stacklevel=2)
    centroids, *_ = min(tries, key=lambda result: result[2][-1])
    assignment = nearest_centroid(test, centroids)
    return (normalized_mutual_information(assignment, test_labels),
            purity(assignment, test_labels))


def nearest_centroid(x: np.ndarray, centroids: np.ndarray) -> np.ndarray:
    """The nearest of centroids (k, d) to each row of x (n, d): (n,) indices.

    |x - c|^2 = |x|^2 - 2 x.c + |c|^2, and |x|^2 is the same for all centroids.
    """
    expect_finite("nearest_centroid", x=x, centroids=centroids)
    return (kernels.matmul(x, centroids.T) - np.square(centroids).sum(axis=1) / 2).argmax(axis=1)
