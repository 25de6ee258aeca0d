"""Winograd's convolutions: float64, odd sizes, threads, borders, and which shapes use them."""
import numpy as np
import pytest
from guarded import nothing_outside, same_bytes
from test_conv import all_three, draw, reference

from tinynnclr.kernels import conv2d
from tinynnclr.kernels.engine import winograd, winograd_tiles
from tinynnclr.kernels.engine.small_matrix import linear

SHAPES = [  # images, weight, stride
    ((3, 8, 8, 16), (3, 3, 16, 32), 2),
    ((2, 7, 9, 17), (3, 3, 17, 18), 2),  # tiles half outside, numbers that fill no vector
    ((5, 4, 4, 32), (3, 3, 32, 16), 2),
    ((2, 3, 2, 64), (3, 3, 64, 1), 2),
    ((2, 8, 6, 16), (3, 3, 16, 32), 1),
    ((1, 7, 9, 17), (3, 3, 17, 18), 1),
    ((3, 1, 5, 3), (3, 3, 3, 5), 1),
    ((1, 20, 18, 64), (3, 3, 64, 64), 2),  # more tiles than a block holds
    ((1, 20, 18, 64), (3, 3, 64, 64), 1)]
shapes = pytest.mark.parametrize(("x_shape", "w_shape", "stride"), SHAPES)
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["f4", "f8"])


@pytest.fixture
def always(monkeypatch):
    """conv2d and its gradients go this way whatever it saves."""
    monkeypatch.setattr(winograd, "worth", lambda *shape: True)


@shapes
@dtypes
def test_equals_float64(always, rng, dtype, x_shape, w_shape, stride):
    """To a few roundings of the largest sum of magnitudes, for a tile subtracts large numbers."""
    arrays = draw(rng, dtype, x_shape, w_shape, stride, 1)
    wanted = reference(*(a.astype(np.float64) for a in arrays), stride, 1)
    sizes = reference(*(np.abs(a).astype(np.float64) for a in arrays), stride, 1)
    for got, value, size in zip(all_three(*arrays, stride, 1), wanted, sizes, strict=True):
        assert got.shape == value.shape
        assert got.dtype == dtype
        assert np.abs(got - value).max() <= 4 * np.finfo(dtype).eps * size.max()


@pytest.mark.parametrize("stride", [1, 2])
def test_the_matrices_are_a_convolution(stride):
    """In one dimension: A (T d * G w) is the two outputs, for each pixel and weight alone."""
    t, g, a, patch = ((winograd_tiles.T1, winograd_tiles.G1, winograd_tiles.A1, 4),
                      (winograd_tiles.T2, winograd_tiles.G2, winograd_tiles.A2, 5))[stride - 1]
    owner = np.repeat(np.arange(len(winograd.PIECES[stride])), winograd.PIECES[stride])
    for i, r in np.ndindex(patch, 3):
        terms = np.array(t)[:, i] * np.array(g)[:, r]
        products = np.array([terms[owner == p].sum() for p in range(owner[-1] + 1)])
        assert (np.array(a) @ products).tolist() == [float(i - s * stride == r) for s in range(2)]


@dtypes
@pytest.mark.parametrize("case", [SHAPES[1], SHAPES[5], SHAPES[7]])
def test_same_bytes_for_any_number_of_threads(always, rng, dtype, threads, case):
    arrays = draw(rng, dtype, *case, 1)
    same_bytes(threads, lambda: all_three(*arrays, case[2], 1))


@shapes
@dtypes
def test_reads_and_writes_nothing_outside(always, rng, dtype, monkeypatch, x_shape, w_shape,
                                          stride):
    nothing_outside(monkeypatch, winograd.conv2d, lambda *arrays: all_three(*arrays, stride, 1),
                    *draw(rng, dtype, x_shape, w_shape, stride, 1))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("stride", [1, 2])
def test_what_is_not_finite_reaches_all_that_it_meets(always, rng, bad, stride):
    """It also spoils the rest of its tiles, where plain products would not."""
    x, weight, g = draw(rng, np.float32, (2, 9, 9, 16), (3, 3, 16, 16), stride, 1)
    x[0, 3, 4, 5] = bad
    with np.errstate(invalid="ignore"):
        met, _, met_weights = (~np.isfinite(a) for a in reference(x, weight, g, stride, 1))
        y, dx, dw = all_three(x, weight, g, stride, 1)
    assert not np.isfinite(y[met]).any()
    assert np.isfinite(y[1]).all()
    assert np.isfinite(dx).all()
    assert not np.isfinite(dw[met_weights]).any()


@pytest.mark.parametrize(("w_shape", "stride", "padding", "outputs", "wanted"), [
    ((3, 3, 64, 128), 2, 1, (8, 8), True), ((3, 3, 32, 32), 1, 1, (32, 32), True),
    ((3, 3, 3, 64), 1, 1, (32, 32), False), ((3, 3, 64, 16), 1, 1, (32, 32), False),
    ((3, 3, 32, 64), 2, 1, (16, 16), False),
    ((3, 3, 64, 128), 2, 1, (3, 3), False),  # most of the second tiles lies outside
    ((3, 3, 64, 128), 2, 0, (8, 8), False), ((3, 3, 64, 128), 3, 1, (8, 8), False),
    ((5, 5, 64, 128), 1, 1, (8, 8), False)])
def test_which_shapes_are_worth_it(w_shape, stride, padding, outputs, wanted):
    assert winograd.worth(w_shape, stride, padding, outputs) == wanted


def test_conv2d_goes_this_way_where_it_is_worth_it(rng, monkeypatch):
    x, weight, _ = draw(rng, np.float32, (1, 8, 8, 32), (3, 3, 32, 32), 1, 1)
    monkeypatch.setattr(winograd, "conv2d", lambda x, weight, stride, affine: "this way")
    assert conv2d(x, weight, 1, 1) == "this way"
    assert conv2d(x[..., :31], weight[:, :, :31], 1, 1).shape == (1, 8, 8, 32)


_mix = linear(((1, -1, 0), (-2, 0, 0.5), (0, 0, 1)), add=(2,))


@dtypes
@pytest.mark.parametrize("count", [0, 1, 7, 8, 16, 37])
def test_linear(rng, dtype, count):
    from numba import njit

    @njit
    def run(out, outs, x, ins, count, times, out_steps, in_steps):
        _mix(out, outs, x, ins, count, times, out_steps, in_steps)

    x, out = rng.standard_normal(400).astype(dtype), np.zeros(400, dtype)
    outs, ins, out_steps, in_steps = np.array([[0, 100, 200], [5, 90, 210], [40, 41, 42],
                                               [37, 3, 50]])
    wanted = out.copy()
    for m in range(2):
        a, b, c = (x[i + m * s:][:count] for i, s in zip(ins, in_steps, strict=True))
        for i, value in enumerate((a - b, c / 2 - 2 * a, c)):
            at = slice(outs[i] + m * out_steps[i], outs[i] + m * out_steps[i] + count)
            wanted[at] = value + (wanted[at] if i == 2 else 0)
    run(out, outs, x, ins, count, 2, out_steps, in_steps)
    np.testing.assert_allclose(out, wanted, rtol=0, atol=4 * np.finfo(dtype).eps)
