"""The matrix product, alone and with a bias."""
from .. import kernels
from ..tensor import once, op


@op
def matmul(a, b):
    """(m, k) @ (k, n), or a batch of such products; the transposes are views that the kernel reads
    without a copy.
    """
    return kernels.matmul(a, b), (lambda g: kernels.matmul(g, b.swapaxes(-1, -2)),
                                  lambda g: kernels.matmul(a.swapaxes(-1, -2), g))


@op
def linear(x, weight, bias, *, relu=False):
    """x (n, k) @ weight (k, m) + bias (m,), then max(., 0) if relu: both before the product leaves
    the cache.
    """
    y = kernels.matmul(x, weight, bias, relu)
    passed = once(lambda g: g * (y > 0)) if relu else lambda g: g
    return y, (lambda g: kernels.matmul(passed(g), weight.T),
               lambda g: kernels.matmul(x.T, passed(g)), lambda g: passed(g).sum(axis=0))
