"""Do two groupings agree? Normalised mutual information, and purity."""
import numpy as np


def normalized_mutual_information(a: np.ndarray, b: np.ndarray) -> float:
    """I(a; b) / ((H(a) + H(b)) / 2) of two labellings (n,) of the same things, whatever the labels
    are called.

    1: the same groups (also where both have but one), 0: one says nothing of the other. Normalised
    by the arithmetic mean of the entropies, as scikit-learn does; others divide by sqrt(H(a) H(b)).
    Raises ValueError for other shapes.
    """
    if a.ndim != 1 or a.shape != b.shape or len(a) == 0:
        raise ValueError(f"normalized_mutual_information: expected a and b (n,), got {a.shape} and "
                         f"{b.shape}")
    (_, a), (_, b) = np.unique(a, return_inverse=True), np.unique(b, return_inverse=True)
    together = np.bincount(a * (b.max() + 1) + b)
    h_a, h_b, h_ab = (entropy(counts) for counts in (np.bincount(a), np.bincount(b), together))
    return 1.0 if h_a + h_b == 0 else max(0.0, 2 * (h_a + h_b - h_ab) / (h_a + h_b))


def entropy(counts: np.ndarray) -> float:
    """-sum p log p, in nats, where p is each count's share of all."""
    p = counts[counts > 0] / counts.sum()
    return float(-(p * np.log(p)).sum())


def purity(assignment: np.ndarray, labels: np.ndarray) -> float:
    """Mean over things of [label is the most frequent one in its cluster]; 1 where clusters are
    pure.
    """
    if len(labels) == 0 or np.shape(assignment) != np.shape(labels):
        raise ValueError(f"purity: expected two (n,), n at least 1, got {np.shape(assignment)}, "
                         f"{np.shape(labels)}")
    return sum(np.bincount(labels[assignment == c]).max() for c
               in np.unique(assignment)) / len(labels)
