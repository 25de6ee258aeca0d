"""The matrix product, alone and with a bias."""
from .. import kernels
from ..tensor import op


@op
def matmul(a, b):
    """(m, k) @ (k, n), or a batch of such products; the transposes are views that the kernel reads without a copy."""
    return kernels.matmul(a, b), (lambda g: kernels.matmul(g, b.swapaxes(-1, -2)),
                                  lambda g: kernels.matmul(a.swapaxes(-1, -2), g))


@op
def linear(x, weight, bias):
    """x (n, k) @ weight (k, m) + bias (m,): the bias is added before the product leaves the cache."""
    return kernels.matmul(x, weight, bias), (lambda g: kernels.matmul(g, weight.T), lambda g: kernels.matmul(x.T, g),
                                             lambda g: g.sum(axis=0))
