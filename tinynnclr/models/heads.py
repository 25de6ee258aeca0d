"""The heads on top of an encoder: the projector h -> z and the predictor z -> p."""
import numpy as np

from ..nn import BatchNorm, Linear, Module, Sequential


def projector(features: int, hidden: int, dim: int, rng: np.random.Generator, layers: int = 3) -> Module:
    """h (n, features) -> z (n, dim): linear layers with batch norm after *every* one, ReLU after all but the last.

    NNCLR (arXiv 2104.14548) uses three layers [2048, 2048, d]. The last batch norm matters: without it embeddings share
    a large mean, and every query finds the same few neighbours.
    """
    sizes = [features, *[hidden] * (layers - 1), dim]
    parts: list[Module] = []
    for i, (inputs, outputs) in enumerate(zip(sizes, sizes[1:], strict=False)):
        parts += [Linear(inputs, outputs, rng, bias=False), BatchNorm(outputs, relu=i < layers - 1)]
    return Sequential(*parts)


def predictor(dim: int, hidden: int, rng: np.random.Generator) -> Module:
    """z (n, dim) -> p (n, dim): a hidden layer with batch norm and ReLU, then a plain linear one (NNCLR, [4096, d])."""
    return Sequential(Linear(dim, hidden, rng, bias=False), BatchNorm(hidden, relu=True), Linear(hidden, dim, rng))
