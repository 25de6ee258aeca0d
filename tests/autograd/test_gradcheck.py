"""The checker is checked: ops with every usual mistake in them, none of which may pass."""
import numpy as np
import pytest
from one_line import fails

from tinynnclr import Tensor, gradcheck
from tinynnclr.ops.loss import _log_softmax
from tinynnclr.tensor import OPS, op


@pytest.fixture(autouse=True)
def registry(monkeypatch):
    """Mutants are registered in a copy, which goes with the test."""
    copy = dict(OPS)
    monkeypatch.setattr("tinynnclr.tensor.OPS", copy)
    yield
    assert not any(name.startswith("mutant") for name in OPS)


def mutant(value, *vjps):
    """An op with this value(*arrays), where vjp(g, *arrays) may be wrong."""
    def mutant(*arrays):
        return value(*arrays), tuple(lambda g, vjp=vjp: vjp(g, *arrays) for vjp in vjps)

    return op(mutant)


def softmax(x):
    return np.exp(_log_softmax(x))


def detrend(x):
    return (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-5)


def detrend_vjp(g, x):
    std, y = np.sqrt(x.var(0) + 1e-5), detrend(x)
    return (g - g.mean(0) - y * (g * y).mean(0)) / std


def softmax_vjp(g, x):
    y = softmax(x)
    return y * (g - (g * y).sum(-1, keepdims=True))


def wrong_in_one_element(g, x):
    d = g * np.cos(x)
    d[1, 2] *= -1
    return d


MATRIX = ((3, 4),)
RIGHT = {
    "tanh": (np.tanh, [lambda g, x: g * (1 - np.tanh(x) ** 2)], MATRIX),
    "softmax": (softmax, [softmax_vjp], MATRIX),
    "detrend": (detrend, [detrend_vjp], MATRIX),
    "product": (np.multiply, [lambda g, a, b: g * b, lambda g, a, b: g * a], ((3, 4), (3, 4))),
    "matmul": (np.matmul, [lambda g, a, b: g @ b.T, lambda g, a, b: a.T @ g], ((3, 3), (3, 3))),
    "bias": (np.add, [lambda g, a, b: g, lambda g, a, b: g.sum(0)], ((3, 4), (4,))),
}
WRONG = {
    "0.1 % too large": (np.tanh, [lambda g, x: 1.001 * g * (1 - np.tanh(x) ** 2)], MATRIX),
    "0.1 % too small in the second input": (
        np.multiply, [lambda g, a, b: g * b, lambda g, a, b: 0.999 * g * a], ((3, 4), (3, 4))),
    "softmax gives zeros": (softmax, [lambda g, x: np.zeros_like(x)], MATRIX),
    "batch norm gives zeros": (detrend, [lambda g, x: np.zeros_like(x)], MATRIX),
    "batch norm forgets the variance": (
        detrend, [lambda g, x: (g - g.mean(0)) / np.sqrt(x.var(0) + 1e-5)], MATRIX),
    "batch norm forgets the mean": (
        detrend, [lambda g, x: detrend_vjp(g, x) + g.mean(0) / np.sqrt(x.var(0) + 1e-5)], MATRIX),
    "softmax forgets a term": (softmax, [lambda g, x: softmax(x) * g], MATRIX),
    "wrong sign": (np.tanh, [lambda g, x: -g * (1 - np.tanh(x) ** 2)], MATRIX),
    "wrong sign in one element": (np.sin, [wrong_in_one_element], MATRIX),
    "inputs swapped": (
        np.multiply, [lambda g, a, b: g * a, lambda g, a, b: g * b], ((3, 4), (3, 4))),
    "transposed": (
        np.matmul, [lambda g, a, b: (g @ b.T).T, lambda g, a, b: a.T @ g], ((3, 3), (3, 3))),
    "cotangent forgotten": (np.tanh, [lambda g, x: 1 - np.tanh(x) ** 2], MATRIX),
    "NaN": (np.tanh, [lambda g, x: g * np.nan], MATRIX)}


def draw(shapes):
    rng = np.random.default_rng(5)
    return [rng.standard_normal(shape) for shape in shapes]


@pytest.mark.parametrize("name", RIGHT)
def test_right_gradients_pass(name):
    value, vjps, shapes = RIGHT[name]
    gradcheck(mutant(value, *vjps), *draw(shapes))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", WRONG)
def test_wrong_gradients_are_caught(name, seed):
    value, vjps, shapes = WRONG[name]
    with fails(AssertionError, "input [01]: slope", "gradient", "worst at"):
        gradcheck(mutant(value, *vjps), *draw(shapes), rng=np.random.default_rng(seed))


def test_the_worst_element_is_named():
    with fails(AssertionError, "input 0", r"worst at \(1, 2\)"):
        gradcheck(mutant(np.sin, wrong_in_one_element), *draw(MATRIX))


def test_the_wrong_input_is_named():
    with fails(AssertionError, "^input 1"):
        gradcheck(mutant(np.multiply, lambda g, a, b: g * b, lambda g, a, b: 1.001 * g * a),
                  *draw(((3, 4), (3, 4))))


def test_broadcasting_that_was_not_undone():
    forgot = mutant(np.add, lambda g, a, b: g, lambda g, a, b: g)
    with fails(AssertionError, "input 1", r"shape \(4,\)", r"got \(3, 4\)"):
        gradcheck(forgot, *draw(((3, 4), (4,))))


def test_an_input_that_gets_no_gradient():
    with fails(AssertionError, "input 1", r"shape \(3, 4\)", "got None"):
        gradcheck(lambda a, b: a * b.numpy(), *draw(((3, 4), (3, 4))))


@pytest.mark.parametrize("value", [softmax, detrend])
def test_under_a_plain_sum_zeros_would_pass(value):
    """Why the cotangent is random: these rows or columns have a constant sum, with slope zero."""
    broken = mutant(value, lambda g, x: np.zeros_like(x))
    gradcheck(lambda x: broken(x).sum(), *draw(MATRIX))
    with pytest.raises(AssertionError):
        gradcheck(broken, *draw(MATRIX))


def test_the_arrays_are_left_alone_and_checked_in_float64():
    array, types = np.ones((2, 3), np.float32), set()

    def cube(x):
        types.add(x.dtype)
        return x ** 3

    gradcheck(cube, array)
    assert types == {np.dtype(np.float64)}
    assert array.dtype == np.float32
    assert (array == 1).all()


def test_a_chain_of_ops_is_checked_as_a_whole():
    gradcheck(lambda a, b: ((a @ b).T / (1 + a.sum() ** 2)).mean(axis=0), *draw(((3, 4), (4, 2))))
    with fails(AssertionError, "input 0"):
        gradcheck(lambda a: a * Tensor(a.data), *draw(MATRIX))  # a stop-gradient shows
