"""The matrix product."""
from .. import kernels
from ..tensor import op


@op
def matmul(a, b):
    """(m, k) @ (k, n), or a batch of such products; the transposes are views that the kernel reads without a copy."""
    return kernels.matmul(a, b), (lambda g: kernels.matmul(g, b.swapaxes(-1, -2)),
                                  lambda g: kernels.matmul(a.swapaxes(-1, -2), g))
