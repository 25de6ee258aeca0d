"""Subtracting planes, against least squares."""
import numpy as np
import pytest
from guarded import any_layout, nothing_outside, same_bytes
from one_line import fails

from tinynnclr import kernels
from tinynnclr.kernels.detrend import detrend_naive

SHAPES = [(3, 24, 24, 3), (1, 1, 1, 1), (2, 1, 9, 3), (2, 9, 1, 2), (0, 8, 8, 3), (17, 5, 7, 1),
          (2, 32, 32, 4)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("dtype", "atol"), [(np.float32, 5e-5), (np.float64, 1e-12)])
def test_equals_least_squares(rng, shape, dtype, atol):
    x = rng.random(shape).astype(dtype)
    y, scale = kernels.detrend(x)
    assert y.dtype == scale.dtype == dtype
    assert scale.shape == (shape[0], shape[3])
    np.testing.assert_allclose(y, detrend_naive(x), rtol=0, atol=atol)


def test_nothing_but_light_leaves_almost_nothing():
    # not contiguous, too
    x = np.broadcast_to(0.1 * np.arange(8, dtype=np.float32)[:, None, None], (1, 8, 8, 3))
    assert np.abs(kernels.detrend(x)[0]).max() < 1e-4


def test_threads_layouts_and_borders(rng, threads, monkeypatch):
    def both(x, g):
        y, scale = kernels.detrend(x)
        return y, scale, kernels.detrend_grad(g, y, scale)

    arrays = rng.standard_normal((2, 50, 12, 10, 3)).astype(np.float32)
    same_bytes(threads, lambda: both(*arrays))
    any_layout(both, *arrays[:, :5])
    nothing_outside(monkeypatch, kernels.detrend, both, *arrays[:, :5])


def test_shapes_that_are_no_images():
    with fails(ValueError, "detrend", "(n, h, w, c)", "(3, 4)"):
        kernels.detrend(np.ones((3, 4), np.float32))
    with fails(ValueError, "detrend", "(2, 0, 4, 3)"):
        kernels.detrend(np.ones((2, 0, 4, 3), np.float32))
