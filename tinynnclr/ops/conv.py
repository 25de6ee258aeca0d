"""Convolution and pooling of images (n, h, w, c)."""
from .. import kernels
from ..tensor import op


@op
def conv2d(x, weight, *, stride=1, padding=0):
    """x (n, h, w, c), weight (kh, kw, c, f) -> (n, ho, wo, f). Saves x and weight, never the
    unfolded patches.
    """
    x_shape, w_shape = x.shape, weight.shape
    return kernels.conv2d(x, weight, stride, padding), (
        lambda g: kernels.conv2d_grad_input(g, weight, x_shape, stride, padding),
        lambda g: kernels.conv2d_grad_weight(g, x, w_shape, stride, padding))


@op
def max_pool2d(x, *, size, stride=None, padding=0):
    """The largest number of each window of x (n, h, w, c); its pixel gets the whole gradient."""
    shape = x.shape
    out, where = kernels.max_pool2d(x, size, stride, padding)
    return out, (lambda g: kernels.max_pool2d_grad(g, where, shape),)


@op
def avg_pool2d(x, *, size, stride=None, padding=0):
    """The mean of each window of x (n, h, w, c), padding included; its pixels share the gradient
    evenly.
    """
    shape = x.shape
    return kernels.avg_pool2d(x, size, stride, padding), (
        lambda g: kernels.avg_pool2d_grad(g, shape, size, stride, padding),)


@op
def global_avg_pool(x):
    """The mean over all pixels of images x (n, h, w, c): (n, c)."""
    shape = x.shape
    return kernels.global_avg_pool(x), (lambda g: kernels.global_avg_pool_grad(g, shape),)
