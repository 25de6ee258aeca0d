"""Around k-means: whitened features, and an order of images that is balanced over clusters."""
import numpy as np

from .. import kernels
from ..kernels.engine.checks import plain_numbers
from ..kernels.l2_normalize import unit_rows


@plain_numbers
def principal_axes(features: np.ndarray, dims: int) -> tuple[np.ndarray, np.ndarray]:
    """PCA whitening: (mean (d,), axes (d, dims)); (features - mean) @ axes has covariance 1.

    The axes are the directions of largest variance. Those with less than 1e-8 of the largest are
    rounding errors and left out, so there may be fewer than dims. Raises ValueError if all rows
    (n, d) are the same, FloatingPointError for NaN.
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
        raise ValueError(f"pca: all {len(x)} rows of features are the same, so they have no "
                         "variance")
    return mean, directions[:, kept] / np.sqrt(variances[kept])


def pca_whiten(features: np.ndarray, dims: int) -> np.ndarray:
    """Whitened features (n, d) -> (n, dims), each row scaled to length 1."""
    mean, axes = principal_axes(features, dims)
    whitened = kernels.matmul(features.astype(np.float64) - mean, axes)
    return unit_rows(whitened).astype(features.dtype)


@plain_numbers
def balanced_order(assignment: np.ndarray, k: int, size: int,
                   rng: np.random.Generator) -> np.ndarray:
    """(size,) images in random order, equally many (+-1) of each cluster that is not empty.

    The images of a cluster are repeated equally often (+-1). Source: DeepCluster (arXiv
    1807.05520), section 3.3, "trivial parametrization": without it, a cluster with nearly all
    images would dominate the training.
    """
    counts = np.bincount(assignment, minlength=k)
    clusters = np.split(np.argsort(assignment, kind="stable"), np.cumsum(counts)[:-1])
    # in random order: the first ones get one image more
    clusters = [clusters[c] for c in rng.permutation(np.flatnonzero(counts))]
    parts = []
    for index, members in enumerate(clusters):
        times, rest = divmod(size // len(clusters) + (index < size % len(clusters)), len(members))
        parts += [np.tile(members, times), rng.permutation(members)[:rest]]
    return rng.permutation(np.concatenate(parts))
