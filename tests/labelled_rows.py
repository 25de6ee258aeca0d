"""Rows with labels, for the tests of metrics."""
import numpy as np


def clusters(rng, n, classes=4, dim=6, spread=1.0):
    """Rows around one centre a class, and their labels."""
    labels = rng.integers(0, classes, n)
    centres = np.random.default_rng(9).standard_normal((classes, dim)) * 1.5
    return (centres[labels] + spread * rng.standard_normal((n, dim))).astype(np.float32), labels
