"""Batch normalisation: float64, torch, a large common offset, constant channels, NaN."""
import numpy as np
import pytest
from guarded import any_layout, nothing_outside, same_bytes
from one_line import fails

from tinynnclr.kernels import moments, normalize, normalize_grad
from tinynnclr.kernels.norm import LANE, PARTS, batch_norm_grad_naive, batch_norm_naive

SHAPES = [(2, 1), (3, 5), (7, 3), (2, 3, 5, 4), (5, 4, 4, 16), (PARTS, 3), (PARTS + 1, 2),
          (2 * PARTS, 3), (1030, 7), (3 * PARTS, LANE), (130, LANE + 1), (4 * PARTS, 31),
          (8, 16, 16, 1)]

pytestmark = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["f4", "f8"])


def draw(rng, dtype, shape):
    """x, weight, bias and a cotangent, with no output close to the kink of ReLU."""
    channels = shape[-1]
    weight = rng.uniform(0.5, 2, channels).astype(dtype)
    bias = rng.standard_normal(channels).astype(dtype)
    x = (rng.standard_normal(shape) * rng.uniform(0.5, 2, channels)
         + rng.standard_normal(channels)).astype(dtype)
    y = batch_norm_naive(x.astype(np.float64), weight.astype(np.float64), bias.astype(np.float64))
    g = np.where(np.abs(y) < 1e-3, 0, rng.standard_normal(shape)).astype(dtype)
    return x, weight, bias, g


def forward_backward(x, weight, bias, g, relu):
    mean, var = moments(x)
    return (normalize(x, weight, bias, mean, var, relu=relu),
            *normalize_grad(g, x, weight, bias, mean, var, relu=relu))


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_equals_the_naive_twins_in_float64(rng, dtype, shape, relu):
    x, weight, bias, g = draw(rng, dtype, shape)
    got = forward_backward(x, weight, bias, g, relu)
    x64, weight64, bias64, g64 = (a.astype(np.float64) for a in (x, weight, bias, g))
    wanted = (batch_norm_naive(x64, weight64, bias64, relu=relu),
              *batch_norm_grad_naive(g64, x64, weight64, bias64, relu=relu))
    rows = x.size // shape[-1]
    for one, other, scale in zip(got, wanted, (10, 50, rows, rows), strict=True):
        assert one.dtype == dtype
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, rtol=0, atol=20 * scale * np.finfo(dtype).eps)


@pytest.mark.parametrize("shape", SHAPES)
def test_moments(rng, dtype, shape):
    x, *_ = draw(rng, dtype, shape)
    axes = tuple(range(x.ndim - 1))
    for got, wanted in zip(moments(x), (x.mean(axes, np.float64), x.astype(np.float64).var(axes)),
                           strict=True):
        assert got.dtype == dtype
        np.testing.assert_allclose(got, wanted, rtol=0,
                                   atol=20 * np.finfo(dtype).eps * np.abs(x).max() ** 2)


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", [(9, 4), (300, 5), (6, 5, 3, 4)])
def test_equals_torch(rng, dtype, shape, training, relu):
    torch = pytest.importorskip("torch")
    x, weight, bias, g = draw(rng, dtype, shape)
    mean, var = moments(x) if training else (bias[::-1].copy(), weight[::-1].copy())
    if relu:  # an output near 0 may round to either side of it
        g[np.abs(normalize(x, weight, bias, mean, var)) < 1e-3] = 0
    y = normalize(x, weight, bias, mean, var, relu=relu)
    grads = normalize_grad(g, x, weight, bias, mean, var, relu=relu, constant_stats=not training)
    leaves = [torch.from_numpy(a.copy()).requires_grad_() for a in (x, weight, bias)]
    flat = leaves[0].reshape(-1, shape[-1])
    out = torch.nn.functional.batch_norm(flat, torch.from_numpy(mean.copy()),
                                         torch.from_numpy(var.copy()), leaves[1], leaves[2],
                                         training=training, eps=1e-5).reshape(shape)
    out = torch.relu(out) if relu else out
    out.backward(torch.from_numpy(g))
    np.testing.assert_allclose(y, out.detach().numpy(), rtol=0, atol=100 * np.finfo(dtype).eps)
    for got, leaf in zip(grads, leaves, strict=True):
        scale = max(1, float(leaf.grad.abs().max()))
        np.testing.assert_allclose(got, leaf.grad.numpy(), rtol=0,
                                   atol=200 * scale * np.finfo(dtype).eps)


@pytest.mark.parametrize("rows", [50, 5000])
def test_a_large_common_offset_does_not_swallow_the_variance(rng, dtype, rows):
    x = (rng.standard_normal((rows, 8)) + 1e4).astype(dtype)
    mean, var = moments(x)
    wanted = x.astype(np.float64).var(0)
    assert (np.abs(var / wanted - 1) < (1e-3 if dtype == np.float32 else 1e-11)).all()
    np.testing.assert_allclose(mean, (x.astype(np.float64) - 1e4).mean(0) + 1e4,
                               rtol=2 * np.finfo(dtype).eps)
    y = normalize(x, np.ones(8, dtype), np.zeros(8, dtype), mean, var)
    atol = 8 * np.finfo(dtype).eps * 1e4  # the numbers themselves are known no better than this
    np.testing.assert_allclose(y, batch_norm_naive(x.astype(np.float64) - 1e4, 1, 0), rtol=0,
                               atol=atol)


@pytest.mark.parametrize("value", [0, 3, 1e4])
def test_a_constant_channel_stays_finite(rng, dtype, value):
    x, weight, bias, g = draw(rng, dtype, (100, 3))
    x[:, 1] = value
    _, var = moments(x)
    assert var[1] == 0
    y, *grads = forward_backward(x, weight, bias, g, False)
    assert all(np.isfinite(a).all() for a in (y, *grads))
    np.testing.assert_allclose(y[:, 1], bias[1], rtol=0,
                               atol=500 * np.finfo(dtype).eps * max(1, value))
    assert (var >= 0).all()


@pytest.mark.parametrize("relu", [False, True])
def test_nan_gets_through_in_its_own_channel(rng, dtype, relu):
    x, weight, bias, g = draw(rng, dtype, (600, 4))
    x[500, 2] = np.nan
    y, dx, dweight, dbias = forward_backward(x, weight, bias, g, relu)
    others = [0, 1, 3]
    assert np.isnan(y[:, 2]).all()
    assert np.isnan(dx[:, 2]).all()
    assert np.isnan(dweight[2])
    assert all(np.isfinite(a[..., others]).all() for a in (y, dx, dweight, dbias))
    clean = np.delete(x, 2, axis=1)
    _, _, dweight, dbias = forward_backward(clean, weight[others], bias[others],
                                            g[:, others] * np.nan, relu)
    assert np.isnan(dweight).all()
    assert np.isnan(dbias).all()


def test_relu_passes_no_gradient_at_zero(dtype):
    zeros, ones = np.zeros(3, dtype), np.ones(3, dtype)
    for d in normalize_grad(np.ones((5, 3), dtype), np.zeros((5, 3), dtype), ones, zeros, zeros,
                            ones, relu=True, constant_stats=True):
        assert not d.any()


def test_no_rows(dtype):
    ones = np.ones(3, dtype)
    assert normalize(np.ones((0, 3), dtype), ones, ones, ones, ones).shape == (0, 3)
    empty = np.ones((0, 3), dtype)
    dx, dweight, dbias = normalize_grad(empty, empty, ones, ones, ones, ones, constant_stats=True)
    assert dx.shape == (0, 3)
    assert not dweight.any()
    assert not dbias.any()


@pytest.mark.parametrize("shape", [(3, 5), (1030, 7), (4 * PARTS, 31), (8, 16, 16, 2)])
def test_same_bytes_for_any_number_of_threads(rng, dtype, threads, shape):
    arrays = draw(rng, dtype, shape)
    same_bytes(threads, lambda: moments(arrays[0]))
    same_bytes(threads, lambda: forward_backward(*arrays, True))


def test_any_layout_gives_the_same_bytes_and_is_left_alone(rng, dtype):
    x, weight, bias, g = draw(rng, dtype, (6, 4, 5, 3))
    any_layout(lambda x, g: forward_backward(x, weight, bias, g, True), x, g)


@pytest.mark.parametrize("shape", [(2, 1), (3, 5), (1030, 7), (4 * PARTS, 31)])
def test_reads_and_writes_nothing_outside(rng, dtype, monkeypatch, shape):
    nothing_outside(monkeypatch, normalize, lambda *arrays: forward_backward(*arrays, True),
                    *draw(rng, dtype, shape))


@pytest.mark.parametrize("name", ["weight", "bias", "mean", "var"])
def test_a_number_of_features_that_does_not_fit(dtype, name):
    """Without this check the kernel would write past the end."""
    x = np.ones((4, 3), dtype)
    given = {key: np.ones(3, dtype) for key in ("weight", "bias", "mean", "var")}
    for wrong in ({**given, name: np.ones(5, dtype)}, dict.fromkeys(given, np.ones(5, dtype))):
        with fails(ValueError, "normalize", r"expected shape \(3,\)", r"got \(5,\)"):
            normalize(x, **wrong)
        with fails(ValueError, "normalize", r"expected shape \(3,\)", r"got \(5,\)"):
            normalize_grad(x, x, **wrong)


def test_overwrite_takes_the_place_of_g_and_nothing_else_does(rng, dtype):
    x, g = rng.standard_normal((2, 6, 5, 4, 3)).astype(dtype)
    weight, bias, mean, var = np.ones(3, dtype), np.zeros(3, dtype), *moments(x)
    before = g.copy()
    wanted = normalize_grad(g, x, weight, bias, mean, var, relu=True)
    np.testing.assert_array_equal(g, before)
    got = normalize_grad(g, x, weight, bias, mean, var, relu=True, overwrite=True)
    assert np.shares_memory(got[0], g)
    for a, b in zip(got, wanted, strict=True):
        assert a.tobytes() == b.tobytes()
