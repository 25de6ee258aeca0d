"""Normalisation: over the batch, of each row to length 1, of each channel of an image."""
import numpy as np

from .. import distributed, kernels
from ..tensor import once, op


def _statistics(x, running_mean, running_var, training, momentum):
    """Mean and variance to normalise x with; in training, they update the running ones."""
    if x.ndim == 0:
        raise ValueError("batch_norm: expected at least one axis, got a single number")
    count = x.size // max(x.shape[-1], 1) * distributed.size()
    if training and count < 2:
        raise ValueError("batch_norm: expected at least 2 rows to take statistics of in training, "
                         f"got {count}")
    for name, running in (("running_mean", running_mean), ("running_var", running_var)):
        if running is not None and (not isinstance(running, np.ndarray)
                                    or running.shape != x.shape[-1:]):
            raise ValueError(f"batch_norm: {name}: expected an array of shape {x.shape[-1:]}, got "
                             f"{getattr(running, 'shape', type(running).__name__)}")
    if (running_mean is None) != (running_var is None):
        raise ValueError("batch_norm: expected running_mean and running_var together, or neither")
    if not isinstance(momentum, int | float | np.integer | np.floating):
        raise TypeError(f"batch_norm: momentum: expected a number, got {type(momentum).__name__}")
    if not training:
        if running_mean is None or running_var is None:
            raise ValueError("batch_norm: expected running_mean and running_var where "
                             "training=False, got None")
        # copies: a batch in training would change them in place
        return np.array(running_mean), np.array(running_var)
    mean, var = _over_ranks(*kernels.moments(x))
    if running_mean is not None:
        running_mean += momentum * (mean - running_mean)
        running_var += momentum * (var * (count / (count - 1)) - running_var)
    return mean, var


def _over_ranks(mean, var):
    """Mean and variance of the whole batch from a shard's: var + mean^2 is the mean square."""
    if distributed.size() == 1:
        return mean, var
    local = mean.astype(np.float64)
    first, second = distributed.all_reduce_mean(np.stack([local, var + local * local]))
    return first.astype(mean.dtype), np.maximum(second - first * first, 0).astype(var.dtype)


def _rank_arguments():
    """Extra kernel arguments when training on several ranks."""
    return {"average": distributed.all_reduce_mean} if distributed.size() > 1 else {}


@op
def batch_norm(x, weight, bias, *, running_mean=None, running_var=None, training=True, momentum=0.1,
               eps=1e-5, relu=False):
    """(x - mean) / sqrt(var + eps) * weight + bias over the last axis, then max(., 0) if relu.

    In training, mean and (biased) var are the batch's, over all ranks, and the running statistics,
    where given, move towards them in place by `momentum` (the variance's unbiased, as torch does);
    otherwise the running statistics are used. Source: Ioffe & Szegedy 2015, algorithm 1.
    """
    mean, var = _statistics(x, running_mean, running_var, training, momentum)
    grads = once(lambda g: kernels.normalize_grad(g, x, weight, bias, mean, var, eps, relu,
                                                  not training, **_rank_arguments()))
    return kernels.normalize(x, weight, bias, mean, var, eps, relu), (
        lambda g: grads(g)[0], lambda g: grads(g)[1], lambda g: grads(g)[2])


@op
def batch_norm_conv2d(x, weight, bias, filters, *, running_mean=None, running_var=None,
                      training=True, momentum=0.1, eps=1e-5, stride=1, padding=0):
    """conv2d(batch_norm(x, weight, bias, relu=True), filters), filters (kh, kw, c, f), in one op.

    The convolution normalises x (n, h, w, c) as it reads it, forward and backward: the array
    between the two is never written. That saves two passes over memory, and an array that backward
    would have to keep.
    """
    mean, var = _statistics(x, running_mean, running_var, training, momentum)
    affine = kernels.coefficients(x, weight, bias, mean, var, eps)

    @once
    def grads(g):
        between = kernels.conv2d_grad_input(g, filters, x.shape, stride, padding)
        return kernels.normalize_grad(between, x, weight, bias, mean, var, eps, True, not training,
                                      overwrite=True, **_rank_arguments())

    return kernels.conv2d(x, filters, stride, padding, affine), (
        lambda g: grads(g)[0], lambda g: grads(g)[1], lambda g: grads(g)[2],
        lambda g: kernels.conv2d_grad_weight(g, x, filters.shape, stride, padding, affine))


@op
def l2_normalize(x, *, eps=1e-12):
    """Each row (last axis) divided by its length, or by eps where it is shorter than that.

    d(x/|x|) = (g - y <g, y>) / |x|: only the part of g at right angles to y passes.
    """
    if x.ndim == 0:
        raise ValueError("l2_normalize: expected rows along the last axis, got a single number")
    shape, width = x.shape, x.shape[-1]
    y, lengths = kernels.l2_normalize(x.reshape(-1, width), eps)

    def vjp(g):
        return kernels.l2_normalize_grad(g.reshape(-1, width), y, lengths, eps).reshape(shape)

    return y.reshape(shape), (vjp,)


@op
def detrend(x, *, eps=1e-4):
    """Each channel of images (n, h, w, c) minus its best-fitting plane, over the rest's deviation.

    The deviation is sqrt(mean square + eps). The result does not depend on brightness, colour cast
    or a slope of light.
    """
    y, scale = kernels.detrend(x, eps)
    return y, (lambda g: kernels.detrend_grad(g, y, scale),)
