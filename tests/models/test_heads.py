"""The heads on top of an encoder: their layers, and where their batch norms stand."""
import numpy as np
import pytest

from tinynnclr import Tensor
from tinynnclr.models import linear_head, predictor, projector


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_projector(rng, layers):
    head = projector(5, 7, 3, rng, layers=layers)
    kinds = [type(layer).__name__ for layer in head.layers]
    # batch norm after every layer, the last included
    assert kinds == ["Linear", "BatchNorm"] * layers
    assert [layer.relu for layer in head.layers[1::2]] == [True] * (layers - 1) + [False]
    assert all(layer.bias is None for layer in head.layers[::2])
    sizes = [5] + [7] * (layers - 1) + [3]
    shapes = list(zip(sizes, sizes[1:], strict=False))
    assert [layer.weight.shape for layer in head.layers[::2]] == shapes
    z = head(Tensor(rng.standard_normal((6, 5)).astype(np.float32)))
    assert z.shape == (6, 3)
    np.testing.assert_allclose(z.data.mean(0), 0, atol=1e-6)


def test_predictor(rng):
    head = predictor(3, 11, rng)
    first, norm, last = head.layers
    assert first.bias is None
    assert norm.relu
    assert last.bias is not None
    assert (first.weight.shape, last.weight.shape) == ((3, 11), (11, 3))
    assert head(Tensor(rng.standard_normal((6, 3)).astype(np.float32))).shape == (6, 3)


@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("hidden", [0, 40])
def test_a_linear_head(norm, hidden, rng):
    head = linear_head(5, 3, rng, norm, hidden)
    shapes = [p.shape for p in head.parameters() if p.ndim == 2]
    assert shapes == ([(5, 40), (40, 3)] if hidden else [(5, 3)])
    z = head(rng.random((9, 5)).astype(np.float32) + 3).numpy()
    assert z.shape == (9, 3)
    assert (np.abs(z.mean(axis=0)).max() < 1e-4) == norm  # what all share is taken away
    same_way = 1 - np.square((z / np.linalg.norm(z, axis=1, keepdims=True)).mean(axis=0)).sum()
    assert (same_way > 0.8) == norm


def test_a_projector_without_its_last_norm(rng):
    """BYOL's: linear, batch norm, ReLU and a linear layer with a bias."""
    layers = projector(5, 7, 3, rng, layers=2, last_norm=False).layers
    assert [type(layer).__name__ for layer in layers] == ["Linear", "BatchNorm", "Linear"]
    assert layers[-1].bias is not None
