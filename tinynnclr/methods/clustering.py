"""What clustering needs around k-means: whitened features, a measure of agreement, and an order
flat over clusters.
"""
import numpy as np

from .. import kernels
from ..kernels.engine.checks import plain_numbers
from ..kernels.l2_normalize import unit_rows


@plain_numbers
def principal_axes(features: np.ndarray, dims: int) -> tuple[np.ndarray, np.ndarray]:
    """(mean (d,), axes (d, dims)): (features - mean) @ axes has covariance 1, along the directions
    that vary most.

    Directions with less than 1e-8 of the largest variance are rounding, not features: they are left
    out, so there may be fewer than dims. Raises ValueError where all rows (n, d) are the same,
    FloatingPointError for NaN.
    """
    x = features.astype(np.float64)
    if not np.isfinite(x).all():
        raise FloatingPointError("pca: the features hold NaN or infinity")
    mean = x.mean(axis=0)
    x -= mean
    variances, directions = np.linalg.eigh(kernels.matmul(x.T, x) / len(x))  # smallest first
    variances, directions = variances[::-1][:dims], directions[:, ::-1][:, :dims]
    kept = variances > max(1e-8 * variances[0], np.finfo(features.dtype).tiny)
    if not kept.any():
        raise ValueError(f"pca: all {len(x)} rows of features are the same, so there is nothing to "
                         "tell apart")
    return mean, directions[:, kept] / np.sqrt(variances[kept])


def pca_whiten(features: np.ndarray, dims: int) -> np.ndarray:
    """Features (n, d) -> (n, dims): as far apart in every direction kept, then each row scaled to
    length 1.
    """
    mean, axes = principal_axes(features, dims)
    return unit_rows(kernels.matmul(features.astype(np.float64) - mean,
                                    axes)).astype(features.dtype)


@plain_numbers
def balanced_order(assignment: np.ndarray, k: int, size: int,
                   rng: np.random.Generator) -> np.ndarray:
    """(size,) images in random order, of each cluster that is not empty as many, give or take 1.

    Nobody comes again before all of the cluster have come equally often. Source: DeepCluster (arXiv
    1807.05520), section 3.3, "trivial parametrization": where nearly all images are in one cluster,
    that one is all that is learned.
    """
    counts = np.bincount(assignment, minlength=k)
    clusters = np.split(np.argsort(assignment, kind="stable"), np.cumsum(counts)[:-1])
    # who comes once more is left to chance
    clusters = [clusters[c] for c in rng.permutation(np.flatnonzero(counts))]
    parts = []
    for place, members in enumerate(clusters):
        times, rest = divmod(size // len(clusters) + (place < size % len(clusters)), len(members))
        parts += [*[members] * times, rng.permutation(members)[:rest]]
    return rng.permutation(np.concatenate(parts))
