"""Attention: each token takes a mean of all tokens' values, weighed by how well their keys match its query."""
import math

from .. import kernels
from ..tensor import op
from .norm import _once


@op
def attention(q, k, v):
    """softmax(q k^T / sqrt(d)) v for each item: q, k (items, tokens, d), v (items, tokens, e) -> (items, tokens, e).

    With p the softmax: dv = p^T g; dp = g v^T; ds = p (dp - sum(dp p)) / sqrt(d); dq = ds k; dk = ds^T q.
    Source: Vaswani et al. 2017 (arXiv 1706.03762), eq. 1.
    """
    scale = 1 / math.sqrt(q.shape[-1])
    p = kernels.softmax(kernels.matmul(q, k.swapaxes(1, 2)), scale)  # (items, tokens, tokens)
    ds = _once(lambda g: kernels.softmax_grad(kernels.matmul(g, v.swapaxes(1, 2)), p, scale))
    return kernels.matmul(p, v), (
        lambda g: kernels.matmul(ds(g), k), lambda g: kernels.matmul(ds(g).swapaxes(1, 2), q),
        lambda g: kernels.matmul(p.swapaxes(1, 2), g))
