"""Convolution and pooling of images (n, h, w, c)."""
from .. import kernels
from ..tensor import op


@op
def conv2d(x, weight, *, stride=1, padding=0):
    """x (n, h, w, c), weight (kh, kw, c, f) -> (n, ho, wo, f). Saves x and weight, no patches."""
    x_shape = x.shape  # the gradient for x does not keep x
    return kernels.conv2d(x, weight, stride, padding), (
        lambda g: kernels.conv2d_grad_input(g, weight, x_shape, stride, padding),
        lambda g: kernels.conv2d_grad_weight(g, x, weight.shape, stride, padding))


@op
def max_pool2d(x, *, size, stride=None, padding=0):
    """The largest number of each window of x (n, h, w, c); its pixel gets the whole gradient."""
    shape = x.shape
    out, where = kernels.max_pool2d(x, size, stride, padding)
    return out, (lambda g: kernels.max_pool2d_grad(g, where, shape),)


@op
def global_avg_pool(x):
    """The mean over all pixels of images x (n, h, w, c): (n, c)."""
    shape = x.shape
    return kernels.global_avg_pool(x), (lambda g: kernels.global_avg_pool_grad(g, shape),)
