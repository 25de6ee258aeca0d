"""The matrix product, alone and with a bias."""
from .. import kernels
from ..tensor import once, op


@op
def matmul(a, b):
    """(m, k) @ (k, n), or a batch of such products; transposes are views, read without a copy."""
    return kernels.matmul(a, b), (lambda g: kernels.matmul(g, b.swapaxes(-1, -2)),
                                  lambda g: kernels.matmul(a.swapaxes(-1, -2), g))


@op
def linear(x, weight, bias, *, relu=False):
    """x (n, k) @ weight (k, m) + bias (m,), then max(., 0) if relu, all in one kernel."""
    y = kernels.matmul(x, weight, bias, relu)
    masked = once(lambda g: g * (y > 0)) if relu else lambda g: g
    return y, (lambda g: kernels.matmul(masked(g), weight.T),
               lambda g: kernels.matmul(x.T, masked(g)), lambda g: masked(g).sum(axis=0))
