"""The losses of the family: a softmax over candidates, one of which is right.

Every loss here is a mean over anchors, in nats. With all embeddings equal it is the logarithm of the number of
candidates, the value of a guess.
"""
import numpy as np

from .. import ops
from ..tensor import Tensor


def nnclr_loss(neighbors: np.ndarray | Tensor, p: Tensor, temperature: float) -> Tensor:
    """-mean_i log( exp(nn_i . p_i / t) / sum_j exp(nn_i . p_j / t) ), rows scaled to length 1.

    neighbors (b, d): NN(z_i) of one view, an array and so a constant; p (b, d): predictions of the *other* view. There
    are b classes: the queue gives the positive, the batch the negatives. Source: NNCLR (arXiv 2104.14548), eq. 3.
    """
    logits = ops.matmul(ops.l2_normalize(neighbors), ops.l2_normalize(p).T) * (1 / temperature)  # (b, b)
    return ops.cross_entropy(logits, labels=np.arange(len(neighbors)))


def nt_xent_loss(z1: Tensor, z2: Tensor, temperature: float) -> Tensor:
    """NT-Xent: each of 2b views must find its other view among the 2b - 1 others, all scaled to length 1.

    Source: SimCLR (arXiv 2002.05709), eq. 1, as the mean over the 2b anchors (the authors' code returns twice that).
    """
    b = len(z1)
    z = ops.l2_normalize(ops.concatenate(z1, z2))  # (2b, d)
    logits = ops.matmul(z, z.T) * (1 / temperature)  # (2b, 2b)
    logits = ops.masked_fill(logits, mask=np.eye(2 * b, dtype=bool), value=-np.inf)  # nobody is their own candidate
    return ops.cross_entropy(logits, labels=np.concatenate([np.arange(b, 2 * b), np.arange(b)]))
