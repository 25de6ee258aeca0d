"""The heads on top of an encoder: the projector h -> z and the predictor z -> p."""
import numpy as np

from ..kernels.engine.checks import plain_numbers
from ..nn import BatchNorm, Linear, Module, Sequential


@plain_numbers
def projector(features: int, hidden: int, dim: int, rng: np.random.Generator, layers: int = 3,
              last_norm: bool = True) -> Module:
    """h (n, features) -> z (n, dim): linear layers with batch norm, ReLU after all but the last.

    NNCLR (arXiv 2104.14548) uses three layers [2048, 2048, d]. The last batch norm matters: without
    it embeddings share a large mean, and every query finds the same few neighbours. BYOL has two
    layers and no last_norm.
    """
    sizes = [features, *[hidden] * (layers - 1), dim]
    parts: list[Module] = []
    for i, (inputs, outputs) in enumerate(zip(sizes, sizes[1:], strict=False)):
        normed = last_norm or i < layers - 1
        parts.append(Linear(inputs, outputs, rng, bias=not normed))
        if normed:
            parts.append(BatchNorm(outputs, relu=i < layers - 1))
    return Sequential(*parts)


@plain_numbers
def predictor(dim: int, hidden: int, rng: np.random.Generator) -> Module:
    """z (n, dim) -> p (n, dim): linear, batch norm, ReLU, linear (NNCLR's is [4096, d])."""
    return Sequential(Linear(dim, hidden, rng, bias=False), BatchNorm(hidden, relu=True),
                      Linear(hidden, dim, rng))


@plain_numbers
def linear_head(features: int, dim: int, rng: np.random.Generator, norm: bool = False,
                hidden: int = 0) -> Module:
    """h (n, features) -> z (n, dim): one linear layer, or two with ReLU between where hidden > 0.

    These are the heads of instance discrimination, CMC and MoCo. With norm, a batch norm follows:
    it removes the direction that all embeddings share at first, which a short run does not unlearn.
    """
    layers: list[Module] = [Linear(features, hidden, rng, relu=True)] if hidden else []
    layers.append(Linear(hidden or features, dim, rng))
    if norm:
        layers.append(BatchNorm(dim))
    return Sequential(*layers)
