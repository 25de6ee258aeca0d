"""t-SNE: a 2-D map of rows that keeps near neighbours near. For pictures, not for measurements."""
import numpy as np

from ... import kernels
from ...kernels.engine.checks import expect_like, plain_numbers
from ...kernels.engine.compile import jit
from ...metrics.checks import expect_finite

# attraction is multiplied by this in the first quarter of the steps, so that clusters form
EXAGGERATION = 12


def forces_naive(at: np.ndarray, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The attraction and repulsion (2, n) of each point of at (2, n), by whole matrices.

    Sums over j of p q' (a_i - a_j) and of q q' (a_i - a_j), where q' = 1 / (1 + |a_i - a_j|^2) and
    q is q' over its sum. Source: equation 5 of the paper.
    """
    offsets = at[:, :, None] - at[:, None, :]  # (2, n, n)
    near = 1 / (1 + (offsets * offsets).sum(axis=0))
    q = near - np.eye(len(near), dtype=near.dtype)
    return (p * near * offsets).sum(axis=2), (q / q.sum() * near * offsets).sum(axis=2)


@jit(fastmath={"reassoc", "contract"})
def _forces(start, stop, at, p, pull, push, total):
    """Points start to stop in one pass over p; fastmath only allows sums in any order."""
    x, y, one = at[0], at[1], np.float32(1)
    for i in range(start, stop):
        pull_x = pull_y = push_x = push_y = near = np.float32(0)
        for j in range(len(x)):
            dx, dy = x[i] - x[j], y[i] - y[j]
            q = one / (one + dx * dx + dy * dy)
            near += q
            pull_x, pull_y = pull_x + p[i, j] * q * dx, pull_y + p[i, j] * q * dy
            push_x, push_y = push_x + q * q * dx, push_y + q * q * dy
        pull[0, i], pull[1, i], push[0, i], push[1, i] = pull_x, pull_y, push_x, push_y
        total[i] = near - one  # without itself


def forces(at: np.ndarray, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`forces_naive` without its matrices: p (n, n) is read once, and only the sums are written."""
    n = len(p)
    expect_like("forces", (2, n), np.dtype(np.float32), at=at)
    expect_like("forces", (n, n), np.dtype(np.float32), p=p)
    pull, push, total = np.empty_like(at), np.empty_like(at), np.empty_like(at[0])
    kernels.parallel(_forces, len(total), at, p, pull, push, total, grain=32)
    return pull, push / max(total.sum(), np.float32(1e-12))


def squared_distances(rows: np.ndarray) -> np.ndarray:
    """|a|^2 + |b|^2 - 2 ab for all pairs of rows (n, d), never below 0: (n, n)."""
    squares = (rows * rows).sum(axis=1)
    distances = kernels.matmul(rows, rows.T)
    distances *= -2
    distances += squares[:, None]
    distances += squares
    return np.maximum(distances, 0, out=distances)


def neighbor_probabilities(distances: np.ndarray, perplexity: float) -> np.ndarray:
    """p (n, n): row i is a softmax of -beta_i distances, with the entropy log(perplexity).

    Each beta is found by bisection, all rows at once; a row has about `perplexity` neighbours.
    """
    n = len(distances)
    others = distances[~np.eye(n, dtype=bool)].reshape(n, n - 1)
    # the softmax does not change, and its largest term is 1
    others = others - others.min(axis=1, keepdims=True)
    others /= np.maximum(others.mean(axis=1, keepdims=True), np.float32(1e-12))
    low = np.zeros((n, 1), np.float32)
    high = np.full((n, 1), np.inf, np.float32)
    beta = np.ones((n, 1), np.float32)
    for _ in range(40):
        p = np.exp(-beta * others)
        total = p.sum(axis=1, keepdims=True)
        excess = (np.log(total) + beta * (p * others).sum(axis=1, keepdims=True) / total
                  - np.float32(np.log(perplexity)))
        if np.abs(excess).max() < 1e-4:
            break
        low = np.where(excess > 0, beta, low)
        high = np.where(excess > 0, high, beta)
        beta = np.where(np.isinf(high), 2 * beta, (low + high) / 2)
    out = np.zeros((n, n), np.float32)
    out[~np.eye(n, dtype=bool)] = (p / total).ravel()
    return out


def principal_directions(rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The first two principal directions (d, 2) of centred rows; largest entries positive."""
    directions = rng.standard_normal((rows.shape[1], 2), np.float32)
    # orthogonal iterations: enough for a start
    for _ in range(20):
        directions = kernels.matmul(rows.T, kernels.matmul(rows, directions))
        directions /= np.maximum(np.abs(directions).max(), np.float32(1e-30))
        first, second = directions.T  # Gram-Schmidt
        first = first / max(np.sqrt((first * first).sum()), np.float32(1e-12))
        second = second - (first * second).sum() * first
        second = second / max(np.sqrt((second * second).sum()), np.float32(1e-12))
        directions = np.stack([first, second], axis=1)
    return directions * np.sign(np.take_along_axis(directions,
                                                   np.abs(directions).argmax(axis=0)[None], axis=0))


@plain_numbers
def tsne(rows: np.ndarray, *, perplexity: float = 30, iterations: int = 500,
         seed: int = 0) -> np.ndarray:
    """Positions (n, 2) of rows (n, d) on a map; exact, with (n, n) matrices, so for n up to 1500.

    Gradient descent with momentum and gains from a small PCA map, on KL(p || q) of the similarities
    p in `rows` and q on the map. perplexity is at most (n - 1) / 3. The same bytes for any number
    of threads. Raises ValueError for bad input, FloatingPointError for rows that are not finite.
    Source: van der Maaten & Hinton 2008.
    """
    rows = np.asarray(rows)
    if rows.ndim != 2 or min(rows.shape) < 1 or rows.dtype not in (np.float32, np.float64):
        raise ValueError("tsne: rows: expected float32 (n, d) with n and d at least 1, got "
                         f"{rows.dtype} {rows.shape}")
    expect_finite("tsne", rows=rows * 0)  # of any scale
    if not 1 <= perplexity < np.inf:
        raise ValueError(f"tsne: perplexity: expected at least 1, got {perplexity}")
    if iterations < 1:
        raise ValueError(f"tsne: iterations: expected at least 1, got {iterations}")
    n = len(rows)
    rng = np.random.default_rng(seed)
    if n == 1:
        return np.zeros((1, 2), np.float32)
    # the map does not depend on the scale
    rows = rows / max(np.abs(rows).max(), np.finfo(rows.dtype).tiny)
    rows = (rows - rows.mean(axis=0)).astype(np.float32)
    p = neighbor_probabilities(squared_distances(rows), max(1.0, min(perplexity, (n - 1) / 3)))
    # smaller numbers are subnormal, and slow
    p = np.maximum((p + p.T) / np.float32(2 * n), np.float32(1e-12))
    at = kernels.matmul(rows, principal_directions(rows, rng)).T  # (2, n)
    noise = np.float32(0.01) * rng.standard_normal((2, n), np.float32)
    at = at / np.maximum(at.std(), np.float32(1e-12)) + noise
    return _descend(np.ascontiguousarray(at * np.float32(1e-4)), p, iterations)


def _descend(at, p, iterations):
    """Positions (n, 2) after gradient descent from at (2, n)."""
    velocity = np.zeros_like(at)
    gains = np.ones_like(at)
    learning_rate = np.float32(max(4 * at.shape[1] / EXAGGERATION / 4, 50))
    for step in range(iterations):
        early = step < iterations // 4
        pull, push = forces(at, p)
        grad = 4 * ((EXAGGERATION if early else 1) * pull - push)
        gains = np.maximum(np.where((grad > 0) == (velocity > 0), gains * np.float32(0.8),
                                    gains + np.float32(0.2)), 0.01)
        velocity = np.float32(0.5 if early else 0.8) * velocity - learning_rate * gains * grad
        at = at + velocity
        at -= at.mean(axis=1, keepdims=True)
    return np.ascontiguousarray(at.T)
