"""GELU: the library's numbers, NaN, borders, and the same bytes for every thread count."""
import numpy as np
import pytest
from guarded import any_layout, nothing_outside, same_bytes
from one_line import fails

from tinynnclr.kernels import gelu
from tinynnclr.kernels.gelu import gelu_naive

both = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["f4", "f8"])


@both
@pytest.mark.parametrize("shape", [(), (1,), (7,), (3, 5), (2, 3, 11), (0, 4), (4099,)])
def test_equals_its_twin(rng, dtype, shape):
    a = np.asarray(3 * rng.standard_normal(shape), dtype)
    for got, wanted in zip(gelu(a), gelu_naive(a.astype(np.float64)), strict=True):
        assert got.dtype == dtype
        assert got.shape == shape
        np.testing.assert_allclose(got, wanted, rtol=4 * np.finfo(dtype).eps,
                                   atol=4 * np.finfo(dtype).eps)


@both
def test_equals_torch(rng, dtype):
    torch = pytest.importorskip("torch")
    a = np.concatenate([4 * rng.standard_normal(2000), [0, 30, -30]]).astype(dtype)
    leaf = torch.from_numpy(a.copy()).requires_grad_()
    out = torch.nn.functional.gelu(leaf)
    out.sum().backward()
    y, slope = gelu(a)
    # with AVX-512 torch's float32 is off by 1e-6
    loose = (20 if dtype == np.float32 else 5) * np.finfo(dtype).eps
    np.testing.assert_allclose(y, out.detach().numpy(), rtol=5 * np.finfo(dtype).eps, atol=loose)
    np.testing.assert_allclose(slope, leaf.grad.numpy(), rtol=5 * np.finfo(dtype).eps,
                               atol=5 * np.finfo(dtype).eps)


@both
def test_far_out_it_is_zero_or_the_number_itself_and_nan_stays(dtype):
    y, slope = gelu(np.array([0, 50, 1e20, -50, np.nan, np.inf], dtype))
    assert y[:3].tolist() == [0, 50, np.array(1e20, dtype)]
    assert slope[:3].tolist() == [0.5, 1, 1]
    assert abs(y[3]) < 1e-30
    assert np.isnan(y[4])
    assert np.isnan(slope[4])
    assert y[5] == np.inf


@both
def test_threads_layouts_and_borders(rng, dtype, threads, monkeypatch):
    a = rng.standard_normal((70, 1003)).astype(dtype)
    same_bytes(threads, lambda: gelu(a))
    any_layout(gelu, a)
    nothing_outside(monkeypatch, gelu, gelu, a[:5, :1001])


def test_whole_numbers_are_refused():
    with fails(ValueError, "gelu", "float32 or float64", "int64"):
        gelu(np.arange(3))
