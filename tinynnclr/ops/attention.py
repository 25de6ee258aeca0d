"""Attention of the tokens of an image to each other."""
from .. import kernels
from ..tensor import once, op


@op
def attention(q, k, v, *, heads=1):
    """softmax(q k^T / sqrt(d)) v for q, k, v (n, t, heads * d): a weighted mean of the values.

    Head h reads and writes columns h * d to (h + 1) * d, by itself. Saves the softmax p (n, heads,
    t, t): dv = p^T g, and with ds = p * (g v^T - sum(p * g v^T)) / sqrt(d), row by row, dq = ds k
    and dk = ds^T q.
    """
    y, p = kernels.attention(q, k, v, heads)
    grads = once(lambda g: kernels.attention_grad(g, q, k, v, p, heads))
    return y, (lambda g: grads(g)[0], lambda g: grads(g)[1], lambda g: grads(g)[2])
