"""The losses of the family: the cross-entropy of a softmax over candidates.

Every loss here is a mean over anchors, in nats. If all embeddings are equal, it is the logarithm of
the number of candidates.

With several ranks, each has the anchors of its share of the batch, and `all_gather` collects the
candidates of all ranks. A rank's loss is the mean of its share.
"""
from collections.abc import Sequence

import numpy as np

from .. import distributed, ops
from ..kernels.engine.checks import plain_numbers
from ..tensor import Tensor


@plain_numbers
def nnclr_loss(neighbors: np.ndarray | Tensor, p: Tensor, temperature: float,
               both_directions: bool = False) -> Tensor:
    """-mean_i log( exp(nn_i . p_i / t) / sum_j exp(nn_i . p_j / t) ), rows scaled to length 1.

    neighbors (b, d): NN(z_i) of one view, an array and so a constant; p (b, d): predictions of the
    *other* view. The queue provides the positive, the batch the negatives. both_directions: the
    mean with the loss in which each prediction must identify its neighbour among those of the
    batch. Source: NNCLR (arXiv 2104.14548), eq. 3.
    """
    neighbors, p = ops.l2_normalize(neighbors), ops.l2_normalize(p)
    labels = distributed.local_rows(len(p))
    logits = ops.matmul(neighbors, ops.all_gather(p).T) * (1 / temperature)  # (b, b)
    loss = ops.cross_entropy(logits, labels=labels)
    if not both_directions:
        return loss
    logits = ops.matmul(p, ops.all_gather(neighbors).T) * (1 / temperature)
    return (loss + ops.cross_entropy(logits, labels=labels)) * 0.5


@plain_numbers
def nt_xent_loss(z1: Tensor, z2: Tensor, temperature: float) -> Tensor:
    """NT-Xent: each of 2b views must identify the image's other view among the 2b - 1 other views.

    Rows are scaled to length 1. Source: SimCLR (arXiv 2002.05709), eq. 1, as the mean over the 2b
    anchors (the authors' code returns twice that).
    """
    z1, z2 = ops.l2_normalize(z1), ops.l2_normalize(z2)
    rows = distributed.local_rows(len(z1))
    b = len(z1) * distributed.size()  # of all ranks
    candidates = ops.concatenate(ops.all_gather(z1), ops.all_gather(z2))  # (2b, d)
    # (2b, 2b), or a rank's rows of it
    logits = ops.matmul(ops.concatenate(z1, z2), candidates.T) * (1 / temperature)
    itself = np.arange(2 * b) == np.concatenate([rows, rows + b])[:, None]  # is no candidate
    logits = ops.masked_fill(logits, mask=itself, value=-np.inf)
    return ops.cross_entropy(logits, labels=np.concatenate([rows + b, rows]))


@plain_numbers
def mean_of_others_loss(views: Sequence[Tensor], temperature: float) -> Tensor:
    """-mean_vi log( exp(z_vi . m_vi / t) / sum_j exp(z_vi . m_vj / t) ).

    views: embeddings z_v (b, d) of three or more views of the same b images; m_vi is the mean of
    image i's other views; all are scaled to length 1. A mean varies less than one view. Both sides
    have gradients. Source: EMP-SSL (arXiv 2304.03977) for such targets, SimCLR for the softmax.
    """
    zs = [ops.l2_normalize(z) for z in views]
    labels = distributed.local_rows(len(views[0]))
    total = sum(zs[1:], zs[0])
    losses = []
    for z in zs:
        means = ops.all_gather(ops.l2_normalize(total - z))  # (b, d), of all ranks
        losses.append(ops.cross_entropy(ops.matmul(z, means.T) * (1 / temperature), labels=labels))
    return sum(losses[1:], losses[0]) * (1 / len(zs))


@plain_numbers
def info_nce_loss(positive: Tensor, negatives: Tensor, temperature: float,
                  allowed: np.ndarray | None = None) -> Tensor:
    """-mean_i log( exp(s_i / t) / (exp(s_i / t) + sum_j exp(s_ij / t)) ), from similarities s.

    positive (b, 1): of each anchor and its positive; negatives (b, n): of each anchor and n
    candidates; allowed (b, n): which of these are used (None: all). Source: MoCo (arXiv
    1911.05722), eq. 1; van den Oord et al. 2018, eq. 4.
    """
    logits = ops.concatenate(positive, negatives, axis=1) * (1 / temperature)  # (b, 1 + n)
    if allowed is not None:
        logits = ops.masked_fill(logits, mask=np.insert(~allowed, 0, False, axis=1), value=-np.inf)
    return ops.cross_entropy(logits, labels=np.zeros(len(logits), np.int64))


@plain_numbers
def nce_loss(positive: Tensor, negatives: Tensor, temperature: float, ratio: float,
             allowed: np.ndarray | None = None) -> Tensor:
    """-mean_i ( log P_i / (P_i + r) + sum_j log r / (P_ij + r) ), P = exp(s / t) / Z.

    Each pair is classified as data or noise. Similarities as in `info_nce_loss`. ratio = Z r, where
    r = K / N for K noise samples out of N images: P / (P + r) = exp(s / t) / (exp(s / t) + ratio).
    Source: Wu et al. 2018 (arXiv 1805.01978), eq. 4 to 7.
    """
    data, noise = ops.exp(positive * (1 / temperature)), ops.exp(negatives * (1 / temperature))
    losses = ops.log(1 + noise * (1 / ratio))  # (b, n): -log r / (P + r)
    if allowed is not None:
        losses = ops.masked_fill(losses, mask=~allowed, value=0)
    return ops.log(1 + ratio / data).mean() + losses.sum(axis=1).mean()


@plain_numbers
def soft_neighbor_loss(p: Tensor, keys: np.ndarray, weights: np.ndarray, temperature: float,
                       inside: bool = True) -> Tensor:
    """-mean_i log sum_k w_ik P_ik, or with inside=False -mean_i sum_k w_ik log P_ik.

    P is the softmax of p_i . keys / t over all b k keys; p (b, d); keys (b, k, d), constants: the
    positives of each anchor (those of the other anchors are its negatives); weights (b, k). Rows
    are scaled to length 1. Source: SNCLR (arXiv 2303.17142), eq. 4 (inside); the authors' code
    (outside), which is never smaller (Jensen's inequality).
    """
    b, k, d = keys.shape
    candidates = ops.l2_normalize(distributed.all_gather(keys).reshape(-1, d))
    logits = ops.matmul(ops.l2_normalize(p), candidates.T) * (1 / temperature)
    columns = distributed.local_rows(b)[:, None] * k + np.arange(k)  # (b, k): of the positives
    log_p = ops.log_softmax(logits)[np.arange(b)[:, None], columns]  # (b, k)
    if inside:
        return -ops.log((ops.exp(log_p) * weights).sum(axis=1)).mean()
    return -(log_p * weights).sum(axis=1).mean()


def cosine_loss(p: Tensor, target: np.ndarray | Tensor) -> Tensor:
    """2 - 2 mean_i cos(p_i, target_i), the squared distance at length 1. Source: BYOL, eq. 2."""
    return 2 - 2 * (ops.l2_normalize(p) * ops.l2_normalize(target)).sum(axis=1).mean()
