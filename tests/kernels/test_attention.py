"""Attention, and the layer made of it: loops in float64, torch, NaN, borders, threads."""
import math

import numpy as np
import pytest
from guarded import any_layout, nothing_outside, same_bytes
from one_line import fails

from tinynnclr import Tensor, nn
from tinynnclr.kernels import attention, attention_grad
from tinynnclr.kernels.attention import attention_grad_naive, attention_naive

# n, t, heads, d
SHAPES = [(1, 1, 1, 1), (2, 3, 1, 4), (3, 5, 2, 7), (2, 36, 4, 32), (1, 65, 3, 33), (5, 8, 2, 16)]

both = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["f4", "f8"])


def draw(rng, dtype, n, t, heads, d):
    """q, k, v and a cotangent."""
    return [rng.standard_normal((n, t, heads * d)).astype(dtype) for _ in range(4)]


def forward_backward(q, k, v, g, heads):
    y, p = attention(q, k, v, heads)
    return y, p, *attention_grad(g, q, k, v, p, heads)


def by_definition(q, k, v, heads):
    """Token by token, number by number."""
    n, t, width = q.shape
    d, y = width // heads, np.zeros(q.shape)
    for image, head, i in np.ndindex(n, heads, t):
        part = slice(head * d, (head + 1) * d)
        weights = [math.exp(q[image, i, part] @ k[image, j, part] / math.sqrt(d)) for j in range(t)]
        y[image, i, part] = sum(w * v[image, j, part] for j, w in enumerate(weights)) / sum(weights)
    return y


@both
@pytest.mark.parametrize("shape", SHAPES)
def test_equals_the_naive_twins_in_float64(rng, dtype, shape):
    q, k, v, g = draw(rng, dtype, *shape)
    heads, wide = shape[2], [a.astype(np.float64) for a in (q, k, v, g)]
    y, p = attention_naive(*wide[:3], heads)
    wanted = (y, p, *attention_grad_naive(wide[3], *wide[:3], p, heads))
    for got, other in zip(forward_backward(q, k, v, g, heads), wanted, strict=True):
        assert got.dtype == dtype
        assert got.shape == other.shape
        np.testing.assert_allclose(got, other, rtol=0, atol=30 * np.finfo(dtype).eps)


@pytest.mark.parametrize("shape", SHAPES[:4])
def test_the_twin_is_the_definition(rng, shape):
    q, k, v, _ = draw(rng, np.float64, *shape)
    np.testing.assert_allclose(attention_naive(q, k, v, shape[2])[0],
                               by_definition(q, k, v, shape[2]), atol=1e-14)


@both
@pytest.mark.parametrize("shape", SHAPES)
def test_equals_torch(rng, dtype, shape):
    torch = pytest.importorskip("torch")
    (n, t, heads, d), (q, k, v, g) = shape, draw(rng, dtype, *shape)
    leaves = [torch.from_numpy(a.copy()).requires_grad_() for a in (q, k, v)]
    split = [a.reshape(n, t, heads, d).transpose(1, 2) for a in leaves]
    out = torch.nn.functional.scaled_dot_product_attention(*split)
    out = out.transpose(1, 2).reshape(n, t, heads * d)
    out.backward(torch.from_numpy(g))
    y, _, *grads = forward_backward(q, k, v, g, heads)
    for got, wanted in zip((y, *grads), (out.detach(), *(a.grad for a in leaves)), strict=True):
        np.testing.assert_allclose(got, wanted.numpy(), rtol=0, atol=50 * np.finfo(dtype).eps)


@both
def test_huge_scores_do_not_overflow(dtype):
    q = np.array([[[1e4], [-1e4], [0]]], dtype)
    v = np.array([[[1], [2], [3]]], dtype)
    y, p, *grads = forward_backward(q, q, v, v, 1)
    np.testing.assert_allclose(y[0, :, 0], [1, 2, 2], rtol=1e-6)
    assert all(np.isfinite(a).all() for a in (p, *grads))


@both
@pytest.mark.parametrize(("which", "token"), [(0, 0), (0, 3), (1, 0), (1, 3), (2, 0), (2, 3)])
def test_nan_gets_through_in_its_own_image_and_head(rng, dtype, which, token):
    arrays = draw(rng, dtype, 3, 5, 2, 4)
    arrays[which][1, token, 6] = np.nan  # head 1 of image 1
    y, _, dq, dk, dv = forward_backward(*arrays, 2)
    asked = [token] if which == 0 else list(range(5))
    assert np.isnan(y[1, asked, 6]).all()
    for array in (y, dq, dk, dv):
        assert np.isfinite(array[[0, 2]]).all()
        assert np.isfinite(array[1, :, :4]).all()
    assert np.isnan(dk[1, :, 4:]).any()


@both
def test_no_images(dtype):
    empty = np.zeros((0, 4, 6), dtype)
    for got in forward_backward(empty, empty, empty, empty, 2):
        assert got.shape == ((0, 2, 4, 4) if got.ndim == 4 else (0, 4, 6))


@both
@pytest.mark.parametrize("shape", SHAPES)
def test_same_bytes_for_any_number_of_threads(rng, dtype, threads, shape):
    arrays = draw(rng, dtype, *shape)
    same_bytes(threads, lambda: forward_backward(*arrays, shape[2]))


@both
def test_any_layout_gives_the_same_bytes_and_is_left_alone(rng, dtype):
    any_layout(lambda *arrays: forward_backward(*arrays, 2), *draw(rng, dtype, 3, 5, 2, 4))


@both
@pytest.mark.parametrize("shape", SHAPES)
def test_reads_and_writes_nothing_outside(rng, dtype, monkeypatch, shape):
    nothing_outside(monkeypatch, attention, lambda *arrays: forward_backward(*arrays, shape[2]),
                    *draw(rng, dtype, *shape))


def test_shapes_and_types_that_do_not_fit():
    x = np.ones((2, 3, 4), np.float32)
    for given in ((x, x[:, :2], x, 1), (x, x, x[:1], 1), (x, x, x, 3), (x, x, x, 0),
                  (x[0], x[0], x[0], 1), (x[:, :0], x[:, :0], x[:, :0], 1)):
        with fails(ValueError, "attention", r"expected q, k, v of one shape \(n, t, heads \* d\)",
                   "heads"):
            attention(*given)
    with fails(ValueError, "attention", "one type", "q float32, k float64, v float32"):
        attention(x, x.astype(np.float64), x)
    _, p = attention(x, x, x, 2)
    for g, saved in ((x[:1], p), (x, p[:, :1]), (x.astype(np.float64), p)):
        with fails(ValueError, "attention_grad", "do not belong"):
            attention_grad(g, x, x, x, saved, 2)


@pytest.mark.parametrize("heads", [1, 2, 4])
def test_the_layer_equals_torchs(rng, heads):
    torch = pytest.importorskip("torch")
    ours = nn.MultiHeadAttention(8, heads, rng)
    theirs = torch.nn.MultiheadAttention(8, heads, batch_first=True).double()
    for p in ours.parameters():
        p.data = rng.standard_normal(p.shape)
    inner = [ours.query, ours.key, ours.value]
    weights, biases = [layer.weight.data.T for layer in inner], [layer.bias.data for layer in inner]
    theirs.in_proj_weight.data = torch.from_numpy(np.concatenate(weights))
    theirs.in_proj_bias.data = torch.from_numpy(np.concatenate(biases))
    theirs.out_proj.weight.data = torch.from_numpy(ours.out.weight.data.T.copy())
    theirs.out_proj.bias.data = torch.from_numpy(ours.out.bias.data.copy())
    x, g = rng.standard_normal((2, 3, 5, 8))
    a, b = Tensor(x, requires_grad=True), torch.from_numpy(x).requires_grad_()
    y, wanted = ours(a), theirs(b, b, b, need_weights=False)[0]
    y.backward(g)
    wanted.backward(torch.from_numpy(g))
    grads = np.concatenate([layer.weight.grad.T for layer in inner])
    for got, other in ((y.data, wanted.detach()), (a.grad, b.grad),
                       (grads, theirs.in_proj_weight.grad),
                       (ours.out.bias.grad, theirs.out_proj.bias.grad)):
        np.testing.assert_allclose(got, other.numpy(), rtol=0, atol=1e-10)
