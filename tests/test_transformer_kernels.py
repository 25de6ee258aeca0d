"""GELU and layer norm against their twins in float64, torch, odd shapes, threads, NaN."""
import numpy as np
import pytest
from one_line import fails

from tinynnclr import kernels
from tinynnclr.kernels.gelu import gelu_grad_naive, gelu_naive
from tinynnclr.kernels.layer_norm import layer_norm_grad_naive, layer_norm_naive

TYPES = pytest.mark.parametrize(("dtype", "atol"), [(np.float32, 2e-6), (np.float64, 1e-13)])
SHAPES = pytest.mark.parametrize("shape", [(7,), (1, 1), (3, 64), (5, 65), (2, 9, 33), (300, 17), (0, 4)])


@TYPES
def test_gelu_over_its_whole_range(dtype, atol, rng):
    """Also beyond where the series ends, and just before and after."""
    top = {np.float32: 5.5, np.float64: 8.5}[dtype]
    x = np.concatenate([np.linspace(-12, 12, 4001), [0, -0.0, 1e-8, -1e-8, top, -top, 1e30, -1e30],
                        np.nextafter([top, -top], [99, -99])]).astype(dtype)
    g = rng.standard_normal(len(x)).astype(dtype)
    y, d = kernels.gelu(x), kernels.gelu_grad(g, x)
    assert y.dtype == d.dtype == dtype
    scale = np.maximum(np.abs(x.astype(float)), 1)
    assert (np.abs(y - gelu_naive(x)) / scale).max() < atol
    assert (np.abs(d - gelu_grad_naive(g, x)) / np.maximum(np.abs(g), 1)).max() < atol
    assert y[4001] == 0
    assert (y[x > top] == x[x > top]).all()
    assert (y[x < -top] == 0).all()


@SHAPES
@TYPES
def test_gelu_of_any_shape(shape, dtype, atol, rng):
    x, g = (2 * rng.standard_normal((2, *shape))).astype(dtype)
    np.testing.assert_allclose(kernels.gelu(x), gelu_naive(x), rtol=0, atol=8 * atol)
    np.testing.assert_allclose(kernels.gelu_grad(g, x), gelu_grad_naive(g, x), rtol=0, atol=8 * atol)
    if x.ndim == 2:  # as it lies in memory
        np.testing.assert_array_equal(kernels.gelu(x.T), kernels.gelu(np.ascontiguousarray(x.T)))


@SHAPES
@TYPES
@pytest.mark.parametrize("offset", [0, 100])
def test_layer_norm(shape, dtype, atol, offset, rng):
    x, g = rng.standard_normal((2, *shape)).astype(dtype)
    x += dtype(offset)
    weight, bias = rng.standard_normal((2, shape[-1])).astype(dtype)
    y, means, scales = kernels.layer_norm(x, weight, bias)
    exact = [a.astype(float) for a in (g, x, weight)]
    tolerance = 30 * atol * (100 if offset else 1)
    np.testing.assert_allclose(y, layer_norm_naive(x.astype(float), weight, bias), rtol=0, atol=tolerance)
    for got, wanted in zip(kernels.layer_norm_grad(g, x, weight, means, scales), layer_norm_grad_naive(*exact),
                           strict=True):
        assert got.dtype == dtype
        if shape[-1] > 1:  # of one number nothing is left but noise
            size = max(1.0, np.abs(wanted).max(initial=0))
            np.testing.assert_allclose(got, wanted, rtol=0, atol=5 * tolerance * size)


def test_layer_norm_of_wrong_shapes():
    with fails(ValueError, r"layer_norm: weight: expected shape \(4,\) for x \(2, 4\), got \(3,\)"):
        kernels.layer_norm(np.ones((2, 4)), np.ones(3), np.ones(4))


def test_threads_and_nan(threads, rng):
    x, g = rng.standard_normal((2, 700, 36)).astype(np.float32)
    x[350, 3] = np.nan
    weight, bias = rng.standard_normal((2, 36)).astype(np.float32)
    results = []
    for n in (1, 2, 3):
        threads(n)
        y, means, scales = kernels.layer_norm(x, weight, bias)
        arrays = [y, *kernels.layer_norm_grad(g, x, weight, means, scales), kernels.gelu(x), kernels.gelu_grad(g, x)]
        results.append([a.tobytes() for a in arrays])
    assert results[0] == results[1] == results[2]
    for rows in arrays[:2]:
        assert np.isnan(rows[350]).all()  # a row is one thing
        assert not np.isnan(np.delete(rows, 350, axis=0)).any()
    for numbers in arrays[4:]:
        assert np.isnan(numbers[350, 3])
        assert np.isnan(numbers).sum() == 1
