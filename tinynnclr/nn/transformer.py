"""The layers of a vision transformer: GELU, layer normalisation and attention."""
import numpy as np

from .. import ops
from ..kernels.engine.checks import plain_numbers
from ..tensor import Tensor
from .layers import Linear
from .module import Module


class GELU(Module):
    """x Phi(x), elementwise: a smooth ReLU."""

    def forward(self, x):
        return ops.gelu(x)


class LayerNorm(Module):
    """Each row (last axis) to mean 0 and variance 1, then scaled and shifted."""

    @plain_numbers
    def __init__(self, features: int, eps: float = 1e-5):
        self.weight = Tensor(np.ones(features, np.float32), requires_grad=True)
        self.bias = Tensor(np.zeros(features, np.float32), requires_grad=True)
        self.eps = eps

    def forward(self, x):
        return ops.layer_norm(x, self.weight, self.bias, eps=self.eps)


class MultiHeadAttention(Module):
    """Tokens x (n, t, d) -> (n, t, d): `heads` attentions side by side, each on d / heads numbers.

    ValueError unless heads divide d. Source: Vaswani et al. 2017 (arXiv 1706.03762), section 3.2.2.
    """

    @plain_numbers
    def __init__(self, features: int, heads: int, rng: np.random.Generator):
        if heads < 1 or features % heads:
            raise ValueError(f"MultiHeadAttention: expected heads that divide {features}, got "
                             f"{heads}")
        self.query, self.key, self.value, self.out = (Linear(features, features, rng, gain=1.0)
                                                      for _ in range(4))
        self.heads = heads

    def forward(self, x):
        return self.out(ops.attention(self.query(x), self.key(x), self.value(x), heads=self.heads))
