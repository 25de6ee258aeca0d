"""Softmax over the last axis and the cross-entropy of its rows."""
import numpy as np

from .. import kernels
from ..kernels.engine.checks import as_array
from ..tensor import op


def _log_softmax(x):
    shifted = x - x.max(axis=-1, keepdims=True)  # the largest exponent is 0: nothing overflows
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


@op
def log_softmax(x):
    """x - log(sum(exp(x))) along the last axis."""
    out = _log_softmax(x)
    return out, (lambda g: g - np.exp(out) * g.sum(axis=-1, keepdims=True),)


@op
def cross_entropy(logits, *, labels):
    """-mean over rows i of log softmax(logits[i])[labels[i]], logits (n, classes), labels (n,).

    dlogits = (softmax - one-hot) / n: it lowers each wrong class by its probability and raises the
    right one.
    """
    labels = as_array("cross_entropy", "labels", labels)
    n = len(logits)
    if n == 0:
        raise ValueError("cross_entropy: expected at least one row of logits, got shape "
                         f"{logits.shape}")
    losses, log_sums = kernels.cross_entropy(logits, labels)

    def vjp(g):
        return kernels.cross_entropy_grad(np.full(n, g / g.dtype.type(n)), logits, labels, log_sums)

    return np.asarray(losses.mean()), (vjp,)
