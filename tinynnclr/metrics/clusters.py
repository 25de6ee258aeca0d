"""k-means of features, compared with the classes."""
import warnings

import numpy as np

from .. import kernels
from .checks import expect_finite, expect_labelled
from .knn import centred_unit_rows
from .nmi import normalized_mutual_information, purity

CLUSTERED = 2000  # training rows for k-means, at most
STARTS = 10  # of k-means; single starts differ by about two points
ROUNDS = 1000  # of k-means, at most; it converges much earlier


def cluster_agreement(train: np.ndarray, test: np.ndarray, test_labels: np.ndarray, k: int,
                      seed: int = 0) -> tuple[float, float]:
    """(NMI, purity) of the clusters of test rows (m, d), compared with their classes.

    k-means with k clusters runs on at most CLUSTERED random training rows (n, d). Both sets are
    centred on the mean of all training rows and scaled to length 1. Each test row belongs to the
    nearest centroid. Both numbers are means over STARTS random starts. Raises FloatingPointError
    for features that are not finite, ValueError for labels that do not fit, or for k above the
    number of training rows.
    """
    expect_finite("cluster_agreement", train=train)
    expect_labelled("cluster_agreement", test=(test, test_labels))
    train, test = centred_unit_rows(train, test)
    rng = np.random.default_rng(seed)
    train = train[rng.permutation(len(train))[:CLUSTERED]]
    agreements = []
    for _ in range(STARTS):
        centroids, _, inertias = kernels.kmeans(train, k, ROUNDS, rng)
        if len(inertias) == ROUNDS:
            warnings.warn(f"cluster_agreement: k-means stopped after {ROUNDS} rounds, before it "
                          "converged", RuntimeWarning, stacklevel=2)
        clusters = nearest_centroid(test, centroids)
        agreements.append((normalized_mutual_information(clusters, test_labels),
                           purity(clusters, test_labels)))
    nmi, purities = np.mean(agreements, axis=0).tolist()
    return nmi, purities


def nearest_centroid(x: np.ndarray, centroids: np.ndarray) -> np.ndarray:
    """The nearest of centroids (k, d) to each row of x (n, d): (n,) indices.

    |x - c|^2 = |x|^2 - 2 x.c + |c|^2, and |x|^2 is the same for all centroids.
    """
    expect_finite("nearest_centroid", x=x, centroids=centroids)
    return (kernels.matmul(x, centroids.T) - np.square(centroids).sum(axis=1) / 2).argmax(axis=1)
