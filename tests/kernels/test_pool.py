"""Max pooling: the naive twin, torch, ties, and the gradient of each pixel."""
import numpy as np
import pytest
from guarded import any_layout, nothing_outside, same_bytes
from one_line import fails

from tinynnclr.kernels import max_pool2d, max_pool2d_grad
from tinynnclr.kernels.pool import max_pool2d_naive

pytestmark = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["f4", "f8"])

CASES = [  # x, size, stride, padding
    ((1, 1, 1, 1), 1, 1, 0),
    ((2, 6, 6, 3), 2, None, 0),
    ((2, 7, 5, 4), 3, 2, 1),
    ((1, 9, 9, 2), 2, 4, 0),  # pixels that no window sees
    ((3, 5, 8, 1), 5, 1, 2),
    ((1, 1, 2, 5), 4, 3, 2),  # windows larger than the image
    ((2, 7, 7, 17), 3, 3, 0)]
cases = pytest.mark.parametrize(("shape", "size", "stride", "padding"), CASES)


def draw(rng, dtype, shape, size, stride, padding):
    """x, all numbers different, and a cotangent of its pooling."""
    x = rng.permutation(np.arange(np.prod(shape))).reshape(shape).astype(dtype) - 7
    out = [(side + 2 * padding - size) // (stride or size) + 1 for side in shape[1:3]]
    return x, rng.standard_normal((shape[0], *out, shape[3])).astype(dtype)


def both(x, g, size, stride, padding):
    y, where = max_pool2d(x, size, stride, padding)
    return y, max_pool2d_grad(g, where, x.shape)


@cases
def test_equals_the_naive_twin(rng, dtype, shape, size, stride, padding):
    x, _ = draw(rng, dtype, shape, size, stride, padding)
    y, where = max_pool2d(x, size, stride, padding)
    np.testing.assert_array_equal(y, max_pool2d_naive(x, size, stride, padding))
    assert (y.dtype, where.dtype) == (dtype, np.int64)
    flat = x.reshape(shape[0], -1, shape[3])
    picked = np.take_along_axis(flat, where.reshape(shape[0], -1, shape[3]), axis=1)
    np.testing.assert_array_equal(picked.reshape(y.shape), y)


def test_random_shapes(rng, dtype):
    for _ in range(60):
        size, stride = (int(v) for v in rng.integers(1, (6, 5)))
        padding = int(rng.integers(0, size // 2 + 1))
        n, h, w, c = (int(v) for v in rng.integers(1, (3, 10, 10, 6)))
        shape = n, max(h, size - 2 * padding), max(w, size - 2 * padding), c
        x, g = draw(rng, dtype, shape, size, stride, padding)
        y, dx = both(x, g, size, stride, padding)
        np.testing.assert_array_equal(y, max_pool2d_naive(x, size, stride, padding))
        np.testing.assert_allclose((x * dx).sum(dtype=float), (y * g).sum(dtype=float),
                                   atol=np.abs(g).sum() * np.abs(x).max() * 4 * np.finfo(dtype).eps)


@cases
def test_equals_torch(rng, dtype, shape, size, stride, padding):
    torch = pytest.importorskip("torch")
    x, g = draw(rng, dtype, shape, size, stride, padding)
    y, dx = both(x, g, size, stride, padding)
    x_torch = torch.from_numpy(x.transpose(0, 3, 1, 2).copy()).requires_grad_()
    y_torch = torch.nn.functional.max_pool2d(x_torch, size, stride, padding)
    y_torch.backward(torch.from_numpy(g.transpose(0, 3, 1, 2).copy()))
    np.testing.assert_array_equal(y, y_torch.detach().numpy().transpose(0, 2, 3, 1))
    np.testing.assert_allclose(dx, x_torch.grad.numpy().transpose(0, 2, 3, 1), rtol=0,
                               atol=40 * np.finfo(dtype).eps * np.abs(g).max())


def test_the_first_of_equals_wins(dtype):
    y, where = max_pool2d(np.zeros((1, 4, 4, 2), dtype), 2)
    assert not y.any()
    assert where[0, :, :, 0].tolist() == [[0, 2], [8, 10]]
    assert where[0, :, :, 1].tolist() == [[0, 2], [8, 10]]
    # even where all are as small as can be
    y, where = max_pool2d(np.full((1, 2, 2, 1), -np.inf, dtype), 2)
    assert np.isneginf(y).all()
    assert where.tolist() == [[[[0]]]]


def test_padding_never_wins(dtype):
    assert (max_pool2d(np.full((1, 2, 2, 1), -3, dtype), 2, 2, 1)[0] == -3).all()


def test_a_pixel_gets_the_gradients_of_all_its_windows_or_none(rng, dtype):
    x = np.zeros((1, 3, 3, 1), dtype)
    x[0, 1, 1] = 1
    g = np.arange(1, 5, dtype=dtype).reshape(1, 2, 2, 1)
    dx = both(x, g, 2, 1, 0)[1]
    assert dx[0, 1, 1, 0] == dx.sum() == 10
    x, g = draw(rng, dtype, (1, 9, 9, 2), 2, 4, 0)
    unseen = np.ones((9, 9), bool)
    for i, j in np.ndindex(2, 2):
        unseen[4 * i:4 * i + 2, 4 * j:4 * j + 2] = False
    assert not both(x, g, 2, 4, 0)[1][:, unseen].any()


def test_nan_wins_and_inf_passes(rng, dtype):
    x, _ = draw(rng, dtype, (1, 4, 4, 2), 2, None, 0)
    x[0, 0, 0, 0], x[0, 3, 3, 1] = np.nan, np.inf
    y = max_pool2d(x, 2)[0]
    assert np.isnan(y[0, 0, 0, 0])
    assert np.isposinf(y[0, 1, 1, 1])
    assert np.isfinite(y).sum() == 6
    x[0, :2, :2, 0] = [[1, np.nan], [9, 2]]  # wherever it stands
    assert np.isnan(max_pool2d(x, 2)[0][0, 0, 0, 0])


@pytest.mark.parametrize("shape", [(0, 4, 4, 2), (2, 4, 4, 0)])
def test_empty(dtype, shape):
    x, g = np.ones(shape, dtype), np.ones((shape[0], 2, 2, shape[3]), dtype)
    y, dx = both(x, g, 2, None, 0)
    assert (y.shape, dx.shape, y.dtype, dx.dtype) == (g.shape, x.shape, dtype, dtype)


@cases
def test_reads_and_writes_nothing_outside(rng, dtype, monkeypatch, shape, size, stride, padding):
    nothing_outside(monkeypatch, max_pool2d, lambda x, g: both(x, g, size, stride, padding),
                    *draw(rng, dtype, shape, size, stride, padding))


def test_any_layout_and_any_number_of_threads(rng, dtype, threads):
    arrays = draw(rng, dtype, (5, 7, 6, 3), 3, 2, 1)
    any_layout(lambda x, g: both(x, g, 3, 2, 1), *arrays)
    same_bytes(threads, lambda: both(*arrays, 3, 2, 1))


@pytest.mark.parametrize(("shape", "size", "stride", "padding", "words"), [
    ((4, 4, 2), 2, None, 0, ["expected 4 axes", r"\(4, 4, 2\)"]),
    ((1, 2, 9, 1), 3, 1, 0, ["windows of 3", "2 x 9"]),
    ((1, 4, 4, 1), 0, 1, 0, ["windows of 0"]),
    ((1, 4, 4, 1), 2, 0, 0, ["stride 0"]),
    ((1, 4, 4, 1), 2, -1, 0, ["stride -1"]),
    ((1, 4, 4, 1), 3, 1, 2, ["padding 2", "at most half a window"]),
    ((1, 4, 4, 1), 3, 1, -1, ["padding -1"]),
    ((1, 0, 4, 1), 2, 1, 1, ["0 x 4"]),
])
def test_windows_that_do_not_fit(dtype, shape, size, stride, padding, words):
    with fails(ValueError, "max_pool2d", *words):
        max_pool2d(np.ones(shape, dtype), size, stride, padding)


def test_gradients_that_do_not_fit(dtype):
    x, g = np.ones((2, 4, 4, 3), dtype), np.ones((2, 2, 2, 3), dtype)
    _, where = max_pool2d(x, 2)
    for bad_g, bad_shape in ((g[:1], x.shape), (g, (1, 4, 4, 3)), (g, (2, 4, 4, 2)),
                             (g, (2, 3, 3, 3))):
        with fails(ValueError, "max_pool2d_grad: ", "(does not belong to images|where: expected 0 "
                   "to 8)"):
            max_pool2d_grad(bad_g, where, bad_shape)
    with fails(ValueError, "max_pool2d: x", "int64"):
        max_pool2d(np.ones((1, 4, 4, 1), np.int64), 2)
