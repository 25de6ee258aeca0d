"""The ops of a vision transformer: attention, layer normalisation, GELU."""
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


@op
def layer_norm(x, weight, bias, *, eps=1e-5):
    """(x - mean) / sqrt(var + eps) * weight + bias, mean and (biased) var of each row (last axis).

    Source: Ba et al. 2016 (arXiv 1607.06450), eq. 4.
    """
    y, means, scales = kernels.layer_norm(x, weight, bias, eps)
    grads = once(lambda g: kernels.layer_norm_grad(g, x, weight, means, scales))
    return y, (lambda g: grads(g)[0], lambda g: grads(g)[1], lambda g: grads(g)[2])


@op
def gelu(a):
    """a Phi(a), Phi of the normal distribution; da = g (Phi(a) + a phi(a)), computed forward."""
    out, slope = kernels.gelu(a)
    return out, (lambda g: g * slope,)
