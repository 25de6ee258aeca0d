"""Layers of a small network: images (n, h, w, c), features (n, d), weights (inputs, outputs)."""
import numpy as np

from .. import ops
from ..kernels.engine.checks import plain_numbers
from ..tensor import Tensor
from .init import kaiming_normal
from .module import Module


class Linear(Module):
    """x (..., in_features) -> x @ weight + bias (..., out_features), then ReLU if relu=True.

    One kernel does all of it. No bias where a BatchNorm follows; ReLU needs one.
    """

    @plain_numbers
    def __init__(self, in_features: int, out_features: int, rng: np.random.Generator,
                 bias: bool = True, gain: float = 2.0, relu: bool = False):
        self.weight = Tensor(kaiming_normal((in_features, out_features), rng, gain),
                             requires_grad=True)
        self.bias = Tensor(np.zeros(out_features, np.float32), requires_grad=True) if bias else None
        self.relu = relu
        if relu and not bias:
            raise ValueError("Linear: expected a bias where ReLU follows, got bias=False")

    def forward(self, x):
        rows = x if x.ndim == 2 else x.reshape(-1, x.shape[-1])
        out = (ops.matmul(rows, self.weight) if self.bias is None
               else ops.linear(rows, self.weight, self.bias, relu=self.relu))
        return out if x.ndim == 2 else out.reshape(*x.shape[:-1], out.shape[-1])


class Conv2d(Module):
    """x (n, h, w, in_channels) -> (n, ho, wo, out_channels), zero-padded; without a bias."""

    @plain_numbers
    def __init__(self, in_channels: int, out_channels: int, kernel_size: int,
                 rng: np.random.Generator, stride: int = 1, padding: int = 0):
        shape = (kernel_size, kernel_size, in_channels, out_channels)
        self.weight = Tensor(kaiming_normal(shape, rng), requires_grad=True)
        self.stride, self.padding = stride, padding

    def forward(self, x):
        return ops.conv2d(x, self.weight, stride=self.stride, padding=self.padding)


class BatchNorm(Module):
    """Batch normalisation over the last axis, followed by ReLU if relu=True (in one kernel)."""

    @plain_numbers
    def __init__(self, features: int, relu: bool = False, momentum: float = 0.1, eps: float = 1e-5):
        self.weight = Tensor(np.ones(features, np.float32), requires_grad=True)
        self.bias = Tensor(np.zeros(features, np.float32), requires_grad=True)
        self.running_mean = np.zeros(features, np.float32)
        self.running_var = np.ones(features, np.float32)
        self.relu, self.momentum, self.eps = relu, momentum, eps

    def _settings(self):
        return {"running_mean": self.running_mean, "running_var": self.running_var,
                "training": self.training, "momentum": self.momentum, "eps": self.eps}

    def forward(self, x):
        return ops.batch_norm(x, self.weight, self.bias, relu=self.relu, **self._settings())

    def forward_into(self, conv: Conv2d, x):
        """conv(self(x)) with ReLU between, in one op that never writes the array between."""
        return ops.batch_norm_conv2d(x, self.weight, self.bias, conv.weight, stride=conv.stride,
                                     padding=conv.padding, **self._settings())


class Detrend(Module):
    """Subtract each channel's best-fitting plane and divide by the deviation of what remains.

    Images (n, h, w, c); a deviation below 0.01 counts as 0.01. The result does not depend on
    brightness, colour cast, haze or light that falls in from one side.
    """

    def forward(self, x):
        return ops.detrend(x)


class ReLU(Module):
    """max(x, 0), elementwise."""

    def forward(self, x):
        return ops.relu(x)


class GlobalAvgPool(Module):
    """(n, h, w, c) -> (n, c): the mean over all pixels."""

    def forward(self, x):
        return ops.global_avg_pool(x)


class Sequential(Module):
    """Layers one after the other; a BatchNorm with ReLU before a Conv2d is one op with it."""

    def __init__(self, *layers: Module):
        self.layers = list(layers)

    def forward(self, x):
        layers = list(self.layers)
        while layers:
            layer = layers.pop(0)
            before_conv = bool(layers) and isinstance(layers[0], Conv2d)
            if isinstance(layer, BatchNorm) and layer.relu and before_conv:
                x = layer.forward_into(layers.pop(0), x)
            else:
                x = layer(x)
        return x
