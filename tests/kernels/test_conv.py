"""Convolution and its gradients: the naive loops, float64, torch."""
import numpy as np
import pytest
from guarded import any_layout, nothing_outside, same_bytes
from one_line import fails

from tinynnclr import kernels
from tinynnclr.kernels import conv2d, conv2d_grad_input, conv2d_grad_weight
from tinynnclr.kernels.conv import conv2d_grad_input_naive, conv2d_grad_weight_naive, conv2d_naive

pytestmark = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["f4", "f8"])

SHAPES = [  # x, weight, stride, padding
    ((1, 1, 1, 1), (1, 1, 1, 1), 1, 0),
    ((2, 5, 5, 3), (3, 3, 3, 4), 1, 1),
    ((2, 7, 6, 3), (3, 3, 3, 16), 2, 1),
    ((1, 9, 8, 2), (5, 3, 2, 17), 1, 2),  # a weight that is not square, f one more than a vector
    ((3, 4, 9, 1), (1, 4, 1, 5), 3, 0),
    ((1, 2, 2, 3), (5, 5, 3, 2), 1, 2),  # a kernel larger than the image
    ((2, 1, 3, 2), (2, 5, 2, 3), 2, 3),
    ((2, 9, 9, 2), (2, 2, 2, 3), 4, 0),  # pixels that no output sees
    ((1, 6, 6, 1), (1, 1, 1, 1), 4, 3),
    ((9, 4, 4, 5), (3, 3, 5, 33), 1, 1),  # more images than partial sums
    ((2, 5, 4, 20), (2, 3, 20, 8), 2, 1)]
cases = pytest.mark.parametrize(("x_shape", "w_shape", "stride", "padding"), SHAPES)


def draw(rng, dtype, x_shape, w_shape, stride, padding):
    """x, weight and a cotangent of their convolution."""
    size = ((x_shape[i] + 2 * padding - w_shape[i - 1]) // stride + 1 for i in (1, 2))
    shapes = x_shape, w_shape, (x_shape[0], *size, w_shape[3])
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


def all_three(x, weight, g, stride, padding):
    return (conv2d(x, weight, stride, padding),
            conv2d_grad_input(g, weight, x.shape, stride, padding),
            conv2d_grad_weight(g, x, weight.shape, stride, padding))


def reference(x, weight, g, stride, padding):
    """The same three by NumPy, window by window."""
    kh, kw = weight.shape[:2]
    padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    y, dpadded, dw = np.zeros_like(g), np.zeros_like(padded), np.zeros_like(weight)
    for i, j in np.ndindex(g.shape[1:3]):
        at = np.s_[:, i * stride:i * stride + kh, j * stride:j * stride + kw]
        y[:, i, j] = np.tensordot(padded[at], weight, 3)
        dpadded[at] += np.einsum("nf,rscf->nrsc", g[:, i, j], weight)
        dw += np.einsum("nf,nrsc->rscf", g[:, i, j], padded[at])
    return y, dpadded[:, padding:padding + x.shape[1], padding:padding + x.shape[2]], dw


def check(x, weight, g, stride, padding):
    """To 4 roundings of the sum of magnitudes, the largest that the result could be."""
    wanted = reference(*(a.astype(np.float64) for a in (x, weight, g)), stride, padding)
    sizes = reference(*(np.abs(a).astype(np.float64) for a in (x, weight, g)), stride, padding)
    for got, value, size in zip(all_three(x, weight, g, stride, padding), wanted, sizes,
                                strict=True):
        assert got.shape == value.shape
        assert got.dtype == x.dtype
        assert (np.abs(got - value) <= 4 * np.finfo(x.dtype).eps * size).all()


@cases
def test_equals_float64(rng, dtype, x_shape, w_shape, stride, padding):
    check(*draw(rng, dtype, x_shape, w_shape, stride, padding), stride, padding)


@pytest.mark.parametrize("case", SHAPES[:9])
def test_equals_the_naive_twins(rng, dtype, case):
    *_, stride, padding = case
    x, weight, g = draw(rng, dtype, *case)
    got = all_three(x, weight, g, stride, padding)
    naive = (conv2d_naive(x, weight, stride, padding),
             conv2d_grad_input_naive(g, weight, x.shape, stride, padding),
             conv2d_grad_weight_naive(g, x, weight.shape, stride, padding))
    for one, other in zip(got, naive, strict=True):
        np.testing.assert_allclose(one, other, rtol=20 * np.finfo(dtype).eps,
                                   atol=100 * np.finfo(dtype).eps)


@pytest.mark.parametrize("stride", [1, 2, 3, 4])
@pytest.mark.parametrize("padding", [0, 1, 2, 3])
def test_random_shapes(rng, dtype, stride, padding):
    for _ in range(12):
        n, h, w, c, kh, kw, f = (int(v) for v in rng.integers(1, (4, 10, 10, 7, 6, 6, 36)))
        h, w = max(h, kh - 2 * padding), max(w, kw - 2 * padding)
        check(*draw(rng, dtype, (n, h, w, c), (kh, kw, c, f), stride, padding), stride, padding)


@cases
def test_equals_torch(rng, dtype, x_shape, w_shape, stride, padding):
    torch = pytest.importorskip("torch")
    x, weight, g = draw(rng, dtype, x_shape, w_shape, stride, padding)
    x_torch = torch.from_numpy(x.transpose(0, 3, 1, 2).copy()).requires_grad_()
    w_torch = torch.from_numpy(weight.transpose(3, 2, 0, 1).copy()).requires_grad_()
    y_torch = torch.nn.functional.conv2d(x_torch, w_torch, stride=stride, padding=padding)
    y_torch.backward(torch.from_numpy(g.transpose(0, 3, 1, 2).copy()))
    wanted = (y_torch.detach().numpy().transpose(0, 2, 3, 1),
              x_torch.grad.numpy().transpose(0, 2, 3, 1),
              w_torch.grad.numpy().transpose(2, 3, 1, 0))
    sizes = reference(*(np.abs(a) for a in (x, weight, g)), stride, padding)
    for got, value, size in zip(all_three(x, weight, g, stride, padding), wanted, sizes,
                                strict=True):
        assert (np.abs(got - value) <= 8 * np.finfo(dtype).eps * size).all()


@pytest.mark.parametrize("case", [SHAPES[1], SHAPES[2], SHAPES[6], SHAPES[10],
                                  ((2, 8, 8, 64), (3, 3, 64, 64), 2, 1)])
def test_affine_is_worked_out_on_the_way(rng, dtype, case):
    """As normalising and ReLU, then convolving; a fused multiply-add may round once less."""
    x, weight, g = draw(rng, dtype, *case)
    scale, shift = rng.standard_normal((2, x.shape[3])).astype(dtype)
    between = np.maximum(x * scale + shift, 0)
    (*_, stride, padding), eps = case, 16 * np.finfo(dtype).eps
    y = conv2d(x, weight, stride, padding, (scale, shift))
    dw = conv2d_grad_weight(g, x, weight.shape, stride, padding, (scale, shift))
    wanted, _, wanted_dw = all_three(between, weight, g, stride, padding)
    np.testing.assert_allclose(y, wanted, rtol=0, atol=eps * np.abs(wanted).max())
    np.testing.assert_allclose(dw, wanted_dw, rtol=0, atol=eps * np.abs(wanted_dw).max())


def test_affine_of_another_size(dtype):
    x, weight, g = draw(np.random.default_rng(0), dtype, X, W, 1, 1)
    for call in (lambda a: conv2d(x, weight, 1, 1, a),
                 lambda a: conv2d_grad_weight(g, x, W, 1, 1, a)):
        with fails(ValueError, "conv2d.*: shift", r"\(3,\)", r"\(4,\)"):
            call((np.ones(3, dtype), np.ones(4, dtype)))


@pytest.mark.parametrize(("x_shape", "w_shape"), [
    ((0, 4, 5, 3), (3, 3, 3, 2)), ((2, 4, 5, 0), (3, 3, 0, 2)), ((2, 4, 5, 3), (3, 3, 3, 0)),
    ((1, 0, 5, 3), (2, 3, 3, 2))])
def test_empty(dtype, x_shape, w_shape):
    x, weight, g = draw(np.random.default_rng(0), dtype, x_shape, w_shape, 2, 1)
    for got, like in zip(all_three(x, weight, g, 2, 1), (g, x, weight), strict=True):
        assert got.shape == like.shape
        assert got.dtype == dtype
        assert not got.any()


@pytest.mark.parametrize("case", [SHAPES[2], SHAPES[6], SHAPES[9]])
def test_same_bytes_for_any_number_of_threads(rng, dtype, threads, case):
    arrays = draw(rng, dtype, *case)
    same_bytes(threads, lambda: all_three(*arrays, *case[2:]))


def test_any_layout_gives_the_same_bytes_and_is_left_alone(rng, dtype):
    any_layout(lambda *arrays: all_three(*arrays, 2, 1), *draw(rng, dtype, *SHAPES[2]))


@cases
def test_reads_and_writes_nothing_outside(rng, dtype, monkeypatch, x_shape, w_shape, stride,
                                          padding):
    nothing_outside(monkeypatch, conv2d, lambda *arrays: all_three(*arrays, stride, padding),
                    *draw(rng, dtype, x_shape, w_shape, stride, padding))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_reaches_all_that_it_meets(rng, dtype, bad):
    x, weight, g = draw(rng, dtype, (2, 6, 6, 3), (3, 3, 3, 5), 1, 1)
    x[0, 2, 3, 1] = bad
    y, dx, dw = all_three(x, weight, g, 1, 1)
    broken = ~np.isfinite(y)
    assert broken[0, 1:4, 2:5].all()
    assert broken.sum() == 9 * 5
    assert np.isfinite(dx).all()
    assert (~np.isfinite(dw)).any(axis=(0, 1, 3)).tolist() == [False, True, False]
    x[0, 2, 3, 1], g[1, 0, 0, 4] = 0, bad
    _, dx, dw = all_three(x, weight, g, 1, 1)
    broken = ~np.isfinite(dx)
    assert broken[1, :2, :2].all()
    assert broken.sum() == 4 * 3
    assert (~np.isfinite(dw)).any(axis=(0, 1, 2)).tolist() == [False] * 4 + [True]


X, W, G = (2, 5, 6, 3), (3, 3, 3, 4), (2, 5, 6, 4)


@pytest.mark.parametrize(("changes", "words"), [
    ({"x": (5, 6, 3)}, ["x: expected 4 axes", r"\(5, 6, 3\)"]),
    ({"w": (3, 3, 4)}, ["weight: expected 4 axes", r"\(3, 3, 4\)"]),
    ({"w": (3, 3, 2, 4)}, ["2 channels", "has 3"]),
    ({"w": (8, 3, 3, 4)}, ["8 x 3 kernel", "5 x 6 image", "padding 1"]),
    ({"w": (0, 3, 3, 4)}, ["0 x 3 kernel"]),
    ({"stride": 0}, ["stride >= 1", "got 0"]),
    ({"stride": 1.5}, ["stride", "got 1.5"]),
    ({"padding": -1}, ["padding >= 0", "and -1"]),
    ({"g": (2, 5, 5, 4)}, ["g: expected shape", r"\(2, 5, 6, 4\)", r"\(2, 5, 5, 4\)"]),
    ({"g": (1, 5, 6, 4)}, ["g: expected shape", r"\(1, 5, 6, 4\)"]),
])
def test_shapes_that_do_not_fit(dtype, changes, words):
    given = {"x": X, "w": W, "g": G, "stride": 1, "padding": 1, **changes}
    x, w, g = (np.ones(given[name], dtype) for name in "xwg")
    numbers = given["stride"], given["padding"]
    calls = {"conv2d": (x, w), "conv2d_grad_input": (g, w, X), "conv2d_grad_weight": (g, x, W)}
    seen_by = {"x": ["conv2d", "conv2d_grad_weight"], "w": ["conv2d", "conv2d_grad_input"],
               "g": ["conv2d_grad_input", "conv2d_grad_weight"]}
    for name in seen_by.get(next(iter(changes)), calls):
        with fails(ValueError, name, *words):
            getattr(kernels, name)(*calls[name], *numbers)


@pytest.mark.parametrize("other", [np.float16, np.int32])
def test_types_that_do_not_fit(dtype, other):
    name = np.dtype(other).name
    x, w, g = (np.ones(shape, dtype) for shape in (X, W, G))
    with fails(ValueError, "conv2d: x", "float32 or float64", name):
        conv2d(x.astype(other), w)
    with fails(ValueError, "conv2d: expected arrays of one type", "x float", "weight float"):
        conv2d(x, w.astype({np.float32: np.float64, np.float64: np.float32}[dtype]))
    with fails(ValueError, "conv2d_grad_input: g", name):
        conv2d_grad_input(g.astype(other), w, X, 1, 1)
    with fails(ValueError, "conv2d_grad_weight: x", name):
        conv2d_grad_weight(g, x.astype(other), W, 1, 1)
