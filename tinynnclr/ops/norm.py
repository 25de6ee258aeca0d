"""Normalisation: over the batch (batch_norm), of each row (l2_normalize), of each channel of an image (standardize)."""
from .. import kernels
from ..tensor import op


@op
def batch_norm(x, weight, bias, *, running_mean=None, running_var=None, training=True, momentum=0.1, eps=1e-5,
               relu=False):
    """(x - mean) / sqrt(var + eps) * weight + bias over the last axis, then max(., 0) if relu.

    In training, mean and (biased) var are the batch's, and the running statistics, where given, move towards them in
    place by `momentum` (the variance's unbiased, as torch does); otherwise the running statistics are used.
    Source: Ioffe & Szegedy 2015, algorithm 1.
    """
    count = x.size // max(x.shape[-1], 1)
    if training and count < 2:
        raise ValueError(f"batch_norm: expected at least 2 rows to take statistics of in training, got {count}")
    mean, var = kernels.moments(x) if training else (running_mean, running_var)
    if training and running_mean is not None:
        running_mean += momentum * (mean - running_mean)
        running_var += momentum * (var * (count / (count - 1)) - running_var)
    saved = {}

    def grads(g):
        """All three gradients come out of the same two passes, so work them out once for each g."""
        if saved.get("g") is not g:
            saved["g"] = g
            saved["grads"] = kernels.normalize_grad(g, x, weight, bias, mean, var, eps, relu, not training)
        return saved["grads"]

    return kernels.normalize(x, weight, bias, mean, var, eps, relu), (
        lambda g: grads(g)[0], lambda g: grads(g)[1], lambda g: grads(g)[2])


@op
def l2_normalize(x, *, eps=1e-12):
    """Each row (last axis) divided by its length, or by eps where it is shorter than that.

    d(x/|x|) = (g - y <g, y>) / |x|: only what is at right angles to y turns it.
    """
    shape, width = x.shape, x.shape[-1]
    y, lengths = kernels.l2_normalize(x.reshape(-1, width), eps)

    def vjp(g):
        return kernels.l2_normalize_grad(g.reshape(-1, width), y, lengths, eps).reshape(shape)

    return y.reshape(shape), (vjp,)


@op
def standardize(x, *, eps=1e-4):
    """Each channel of each image x (n, h, w, c) less the plane that fits it best, divided by the spread of the rest.

    The spread is sqrt(mean square + eps). What remains knows no brightness, no colour cast and no slope of light.
    """
    y, scale = kernels.standardize(x, eps)
    return y, (lambda g: kernels.standardize_grad(g, y, scale),)
