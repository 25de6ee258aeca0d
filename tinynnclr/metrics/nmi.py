"""Agreement of two groupings: normalised mutual information and purity."""
import numpy as np


def normalized_mutual_information(a: np.ndarray, b: np.ndarray) -> float:
    """I(a; b) / ((H(a) + H(b)) / 2) of two labellings (n,) of the same items.

    1: the same groups under any names (also if both have one group); 0: independent groups. The
    entropies are averaged arithmetically, as in scikit-learn. Raises ValueError for other shapes.
    """
    if a.ndim != 1 or a.shape != b.shape or len(a) == 0:
        raise ValueError(f"normalized_mutual_information: expected a and b (n,), got {a.shape} and "
                         f"{b.shape}")
    _, a = np.unique(a, return_inverse=True)
    _, b = np.unique(b, return_inverse=True)
    joint = a * (b.max() + 1) + b
    h_a, h_b, h_ab = (entropy(np.bincount(groups)) for groups in (a, b, joint))
    return 1.0 if h_a + h_b == 0 else max(0.0, 2 * (h_a + h_b - h_ab) / (h_a + h_b))


def entropy(counts: np.ndarray) -> float:
    """-sum p log p in nats, where p is each count divided by their sum."""
    p = counts[counts > 0] / counts.sum()
    return float(-(p * np.log(p)).sum())


def purity(assignment: np.ndarray, labels: np.ndarray) -> float:
    """The share of items with the most frequent label of their cluster; 1 if clusters are pure."""
    if len(labels) == 0 or np.shape(assignment) != np.shape(labels):
        raise ValueError(f"purity: expected two (n,), n at least 1, got {np.shape(assignment)}, "
                         f"{np.shape(labels)}")
    return sum(np.bincount(labels[assignment == cluster]).max()
               for cluster in np.unique(assignment)) / len(labels)
