"""Layer norm against its twin in float64, odd shapes, threads, layouts, borders, NaN."""
import numpy as np
import pytest
from guarded import any_layout, nothing_outside, same_bytes
from one_line import fails

from tinynnclr import kernels
from tinynnclr.kernels.layer_norm import layer_norm_grad_naive, layer_norm_naive

TYPES = pytest.mark.parametrize(("dtype", "atol"), [(np.float32, 2e-6), (np.float64, 1e-13)])
SHAPES = pytest.mark.parametrize("shape", [(7,), (1, 1), (3, 64), (5, 65), (2, 9, 33), (300, 17),
                                           (0, 4)])


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
    np.testing.assert_allclose(y, layer_norm_naive(x.astype(float), weight, bias), rtol=0,
                               atol=tolerance)
    for got, wanted in zip(kernels.layer_norm_grad(g, x, weight, means, scales),
                           layer_norm_grad_naive(*exact), strict=True):
        assert got.dtype == dtype
        if shape[-1] > 1:  # of one number nothing is left but noise
            size = max(1.0, np.abs(wanted).max(initial=0))
            np.testing.assert_allclose(got, wanted, rtol=0, atol=5 * tolerance * size)


def test_layer_norm_of_wrong_shapes():
    with fails(ValueError, r"layer_norm: weight: expected shape \(4,\), got \(3,\)"):
        kernels.layer_norm(np.ones((2, 4)), np.ones(3), np.ones(4))


def test_threads_layouts_borders_and_nan(threads, rng, monkeypatch):
    weight, bias = rng.standard_normal((2, 36)).astype(np.float32)

    def both(x, g):
        y, means, scales = kernels.layer_norm(x, weight, bias)
        return y, *kernels.layer_norm_grad(g, x, weight, means, scales)

    x, g = rng.standard_normal((2, 700, 36)).astype(np.float32)
    any_layout(both, x[:9], g[:9])
    nothing_outside(monkeypatch, kernels.layer_norm, both, x, g)
    x[350, 3] = np.nan
    same_bytes(threads, lambda: both(x, g))
    for rows in both(x, g)[:2]:
        assert np.isnan(rows[350]).all()  # a row is one thing
        assert not np.isnan(np.delete(rows, 350, axis=0)).any()
