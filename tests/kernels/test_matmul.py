"""The matrix product at the borders of its blocks and tiles: the three loops, float64."""
import numpy as np
import pytest
from guarded import any_layout, nothing_outside, same_bytes
from one_line import fails

from tinynnclr.kernels import matmul
from tinynnclr.kernels.engine.simd import KC, MR, VECTOR_BYTES
from tinynnclr.kernels.matmul import COLUMNS, ROWS, matmul_naive

DTYPES = [np.float32, np.float64]
NR = 2 * VECTOR_BYTES // 4  # columns of a panel, in float32

pytestmark = pytest.mark.parametrize("dtype", DTYPES, ids=["f4", "f8"])


def draw(rng, dtype, m, k, n):
    return rng.standard_normal((m, k)).astype(dtype), rng.standard_normal((k, n)).astype(dtype)


def check(c, a, b):
    """C against the product in float64, to 4 roundings of |A| |B|."""
    assert c.dtype == a.dtype
    a64, b64 = a.astype(np.float64), b.astype(np.float64)
    assert (np.abs(c - a64 @ b64) <= 4 * np.finfo(a.dtype).eps * (np.abs(a64) @ np.abs(b64))).all()


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 3, 4), (1, 7, 5), (9, 1, 3), (5, 6, 1),
                                   (17, 19, 33)])
def test_equals_the_three_loops(rng, dtype, shape):
    a, b = draw(rng, dtype, *shape)
    np.testing.assert_allclose(matmul(a, b), matmul_naive(a, b), rtol=0,
                               atol=50 * np.finfo(dtype).eps)
    check(matmul(a, b), a, b)


BORDERS = [*((m, 5, 3) for m in (MR - 1, MR, MR + 1, 63, 64, 65, ROWS - 1, ROWS, ROWS + 1)),
           *((9, k, 11) for k in (1, 2, KC - 1, KC, KC + 1, 2 * KC - 1, 2 * KC, 2 * KC + 1)),
           *((10, 6, n + d) for n in (NR // 4, NR // 2, NR, 2 * NR, COLUMNS, 2 * COLUMNS)
             for d in (-1, 0, 1)),
           (4 * ROWS + 1, KC + 1, COLUMNS + 1)]  # the last: blocks of ROWS rows, not of 64


@pytest.mark.parametrize("shape", BORDERS)
def test_borders_of_rows_inner_axis_and_columns(rng, dtype, shape):
    a, b = draw(rng, dtype, *shape)
    check(matmul(a, b), a, b)


def test_random_shapes(rng, dtype):
    for m, k, n in rng.integers(1, 90, (40, 3)):
        a, b = draw(rng, dtype, m, k, n)
        check(matmul(a, b), a, b)


@pytest.mark.parametrize("shape", [(1, 1, 1), (5, 6, 1), (17, 19, 33),
                                   (2 * ROWS + 1, KC + 1, NR + 1), (9, 4, COLUMNS + 3), (3, 0, 4),
                                   (0, 3, 2)])
def test_a_bias_is_added_once_to_every_row(rng, dtype, threads, shape):
    """The bytes are those of product and sum one after the other."""
    a, b = draw(rng, dtype, *shape)
    bias = rng.standard_normal(2 * shape[2]).astype(dtype)[::2]  # not contiguous
    same_bytes(threads, lambda: matmul(a, b, bias))
    np.testing.assert_array_equal(matmul(a, b, bias), matmul(a, b) + bias)
    same_bytes(threads, lambda: matmul(a, b, bias, relu=True))
    np.testing.assert_array_equal(matmul(a, b, bias, relu=True), np.maximum(matmul(a, b) + bias, 0))
    with fails(ValueError, "matmul: relu: expected a bias"):
        matmul(a, b, relu=True)
    for bad in (bias[:-1], bias[:, None]):
        with fails(ValueError, "matmul: bias: expected"):
            matmul(a, b, bad)
    with fails(ValueError, "matmul: expected arrays of one type", "bias float"):
        matmul(a, b, bias.astype({np.float32: np.float64, np.float64: np.float32}[dtype]))
    with fails(ValueError, "matmul: bias: expected"):
        matmul(a[None], b[None], bias)


@pytest.mark.parametrize("shape", [(0, 3, 4), (3, 0, 4), (3, 4, 0), (0, 0, 0)])
def test_empty_is_zero(dtype, shape):
    m, k, n = shape
    c = matmul(np.ones((m, k), dtype), np.ones((k, n), dtype))
    assert c.shape == (m, n)
    assert c.dtype == dtype
    assert not c.any()


def test_any_layout_gives_the_same_bytes_and_is_left_alone(rng, dtype):
    a, b = draw(rng, dtype, 21, 18, 37)
    any_layout(matmul, a, b)
    check(matmul(a.T, a), a.T, a)


@pytest.mark.parametrize("shape", [(3, 5, 7), (65, 20, 33), (257, KC + 1, COLUMNS + 3)])
def test_same_bytes_for_any_number_of_threads(rng, dtype, threads, shape):
    a, b = draw(rng, dtype, *shape)
    same_bytes(threads, lambda: matmul(a, b))


@pytest.mark.parametrize("shape", [(1, 1, 1), (13, 7, 5), (64, KC, NR), (70, KC + 5, NR + 3),
                                   (9, 40, COLUMNS + 1)])
def test_reads_and_writes_nothing_outside(rng, dtype, monkeypatch, shape):
    nothing_outside(monkeypatch, matmul, lambda a, b: (matmul(a, b), matmul(b.T, a.T)),
                    *draw(rng, dtype, *shape))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [(0, 0), (20, KC), (74, KC + 9)])
def test_what_is_not_finite_stays_in_its_row_and_column(rng, dtype, bad, place):
    a, b = draw(rng, dtype, 75, KC + 10, 41)
    a[place] = bad
    finite = np.isfinite(matmul(a, b))
    assert not finite[place[0]].any()
    assert np.delete(finite, place[0], axis=0).all()
    a[place] = 1
    b[place[1], 40] = bad
    finite = np.isfinite(matmul(a, b))
    assert not finite[:, 40].any()
    assert finite[:, :40].all()


@pytest.mark.parametrize(("a", "b", "words"), [
    ((2, 3), (4, 5), [r"\(2, 3\)", r"\(4, 5\)", r"\(k, n\)"]),
    ((3,), (3, 2), [r"\(3,\)"]),
    ((1, 2, 3), (3, 2), [r"\(1, 2, 3\)"]),
])
def test_shapes_that_do_not_fit(dtype, a, b, words):
    with fails(ValueError, "matmul", *words):
        matmul(np.ones(a, dtype), np.ones(b, dtype))


@pytest.mark.parametrize("other", [np.float16, np.int64, np.complex64,
                                   np.dtype(np.float32).newbyteorder()])
def test_types_that_do_not_fit(dtype, other):
    for a in (np.ones((2, 2), dtype), np.zeros((2, 2), other)):
        with fails(ValueError, "matmul: [ab]: expected float32 or float64", np.dtype(other).name):
            matmul(a, np.zeros((2, 2), other))


@pytest.mark.parametrize("items", [0, 1, 2, 7])
def test_a_batch_is_product_by_product(rng, dtype, items):
    a = rng.standard_normal((items, 9, 33)).astype(dtype)
    b = rng.standard_normal((items, 33, 40)).astype(dtype)
    wanted = b"".join(matmul(x, y).tobytes() for x, y in zip(a, b, strict=True))
    for left in (a, a.transpose(0, 2, 1).copy().transpose(0, 2, 1), a[:, ::-1][:, ::-1]):
        assert matmul(left, b).tobytes() == wanted
    for left, right in (((2, 3, 4), (3, 4, 5)), ((3, 4), (2, 4, 5))):
        with fails(ValueError, "matmul", str(left), str(right)):
            matmul(np.ones(left), np.ones(right))
