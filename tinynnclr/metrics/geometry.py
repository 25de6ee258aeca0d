"""Alignment, uniformity and effective rank: how embeddings lie on the sphere, without labels.

Together they show a collapse that a falling loss hides. All raise FloatingPointError if rows are
not finite.
"""
import numpy as np

from .. import kernels
from ..kernels.l2_normalize import unit_rows
from .checks import expect_finite


def alignment(z1: np.ndarray, z2: np.ndarray, alpha: float = 2.0) -> float:
    """mean_i |z1_i - z2_i|^alpha of pairs of rows (n, d) of length 1; 0 if all pairs coincide.

    The rows are scaled to length 1 first. With alpha = 2 it is 2 - 2 mean_i cos(z1_i, z2_i), at
    most 4. Raises ValueError unless both are (n, d), n >= 1. Source: Wang & Isola 2020 (arXiv
    2005.10242), section 4.1.
    """
    if np.ndim(z1) != 2 or np.shape(z1) != np.shape(z2) or len(z1) < 1:
        raise ValueError("alignment: expected two (n, d) of one shape, n at least 1, got "
                         f"{np.shape(z1)}, {np.shape(z2)}")
    expect_finite("alignment", z1=z1, z2=z2)
    offsets = _unit(z1) - _unit(z2)
    return float(((offsets * offsets).sum(axis=1) ** (alpha / 2)).mean())


def uniformity(z: np.ndarray, t: float = 2.0) -> float:
    """log mean_{i != j} exp(-t |z_i - z_j|^2) of rows (n, d) of length 1; 0 if all coincide.

    The rows are scaled to length 1 first. Lower values mean rows that are spread more evenly, and
    none is below -4 t. Needs an (n, n) matrix of float64. Raises ValueError unless z is (n, d), n
    >= 2. Source: Wang & Isola 2020 (arXiv 2005.10242), section 4.1.
    """
    if np.ndim(z) != 2 or len(z) < 2:
        raise ValueError(f"uniformity: expected (n, d), n at least 2, got {np.shape(z)}")
    expect_finite("uniformity", z=z)
    z = _unit(z)
    exponents = kernels.matmul(z, z.T)  # cosines; |a - b|^2 = 2 - 2 cos(a, b)
    exponents = -t * np.maximum(2 - 2 * exponents, 0)
    np.fill_diagonal(exponents, -np.inf)  # leave out i = j
    top = exponents.max()
    return float(top + np.log(np.exp(exponents - top).sum() / (len(z) * (len(z) - 1))))


def effective_rank(z: np.ndarray) -> float:
    """exp(-sum_k p_k log p_k), p_k = s_k / sum s, of the singular values s of z (n, d).

    From 1 to min(n, d): k directions of equal strength count k, and weaker ones count less. z is
    neither centred nor scaled; zeros have rank 0. Raises ValueError unless z is (n, d), both at
    least 1. Source: Roy & Vetterli 2007, "The effective rank: a measure of effective
    dimensionality", definition 1.
    """
    if np.ndim(z) != 2 or min(np.shape(z)) < 1:
        raise ValueError(f"effective_rank: expected (n, d), both at least 1, got {np.shape(z)}")
    expect_finite("effective_rank", z=z)
    s = np.linalg.svd(np.asarray(z, np.float64), compute_uv=False)
    p = s[s > 0] / s.sum() if s[0] > 0 else s[:0]
    return float(np.exp(-(p * np.log(p)).sum())) if len(p) else 0.0


def _unit(rows):
    """The rows in float64, each scaled to length 1; a row of zeros stays."""
    return unit_rows(np.asarray(rows, np.float64))
