"""Tensors keep their float type through every op, and every mistake is named."""
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from one_line import fails
from op_cases import ALL, CASES

from tinynnclr import Tensor, gradcheck, ops
from tinynnclr.tensor import OPS, op


def leaf(*values, dtype=np.float64):
    return Tensor(np.array(values, dtype), requires_grad=True)


@pytest.fixture
def register(monkeypatch):
    """`op` for one test: the registry forgets what it made."""
    monkeypatch.setattr("tinynnclr.tensor.OPS", dict(OPS))
    return op


@pytest.mark.parametrize(("name", "i"), ALL)
def test_float32_stays_float32(name, i):
    arrays, static, _ = CASES[name][i]
    leaves = [Tensor(a.astype(np.float32), requires_grad=True) for a in arrays]
    static = {k: v.astype(np.float32) if getattr(v, "dtype", None) == np.float64 else v for k,
              v in static.items()}
    out = OPS[name](*leaves, **static)
    assert out.dtype == np.float32
    out.backward(np.ones(out.shape))
    for x in leaves:
        assert x.grad.dtype == np.float32
        assert x.grad.shape == x.shape


def test_python_numbers_take_the_type_beside_them():
    for dtype in (np.float32, np.float64):
        a = leaf(1.0, 2.0, dtype=dtype)
        for out in (a + 1, 1 + a, a - 0.1, 0.1 - a, a * 3, 3.5 * a, a / 7, 7 / a, -a, a ** 2,
                    a ** 0.5, a.mean()):
            assert out.dtype == dtype
        assert (2 - a).data.tolist() == [1, 0]
        assert (2 / a).data.tolist() == [2, 1]


def test_an_array_may_stand_on_either_side():
    a, array = leaf(1.0, 2.0), np.array([3.0, 4.0])
    for left, right in ((array + a, array + a.data), (array - a, array - a.data),
                        (array * a, array * a.data), (array / a, array / a.data),
                        (a - array, a.data - array), (a / array, a.data / array)):
        assert isinstance(left, Tensor)
        np.testing.assert_array_equal(left.data, right)
    matrix = Tensor(np.eye(2), requires_grad=True)
    assert isinstance(array[None] @ matrix, Tensor)
    np.testing.assert_array_equal((matrix @ array[:, None]).data, array[:, None])


@pytest.mark.parametrize("other", [np.ones(2), np.float64(1), np.ones(2, int), np.int64(1),
                                   np.ones(2, np.float16)])
def test_mixed_types_are_refused_by_name(other):
    a = leaf(1.0, 2.0, dtype=np.float32)
    for call, name in ((lambda: a + other, "add"), (lambda: other * a, "mul"),
                       (lambda: a / other, "div")):
        with fails(TypeError, f"^{name}: ", "float32 or float64", str(other.dtype), "float32"):
            call()


def test_without_an_array_there_is_no_type():
    with fails(TypeError, "add", "got none"):
        ops.add(1, 2)


def test_other_numbers_become_float32():
    for data in (1, 2.5, [1.0, 2.0], [[1, 2]], np.arange(3), np.ones(2, np.float16), True):
        tensor = Tensor(data)
        assert tensor.dtype == np.float32
        np.testing.assert_array_equal(tensor.data, data)
    array = np.ones(3)
    assert Tensor(array).data is array


def test_a_wrong_number_of_vjps(register):
    @register
    def one_too_few(a, b):
        return a + b, (lambda g: g,)

    with fails(ValueError, "one_too_few", "2 inputs", "got 1"):
        one_too_few(leaf(1.0), leaf(2.0))


def test_an_op_that_changes_the_type(register):
    @register
    def widens(a):
        return a.astype(np.float64), (lambda g: g,)

    with fails(TypeError, "widens", "float32 went in", "float64 came out"):
        widens(leaf(1.0, dtype=np.float32))
    assert "widens" not in OPS


def test_a_cotangent_of_the_wrong_shape():
    a = leaf(1.0, 2.0)
    with fails(ValueError, "backward", "g: expected shape", r"\(2,\)", r"\(3,\)"):
        (a * 2).backward(np.ones(3))
    with fails(RuntimeError, "backward", "single number", r"\(2,\)", "no g"):
        (a * 2).backward()
    assert a.grad is None


def test_operators_are_the_ops():
    x = Tensor(np.arange(6.0).reshape(2, 3), requires_grad=True)
    assert len(x) == 2
    assert x.ndim == 2
    for got, wanted in ((x.T, x.data.T), (x.transpose(1, 0), x.data.T),
                        (x.reshape(3, 2), x.data.reshape(3, 2)), (x.reshape(-1), x.data.ravel()),
                        (x[1, :2], x.data[1, :2]), (x.sum(), x.data.sum()),
                        (x.mean(axis=0, keepdims=True), x.data.mean(0, keepdims=True)),
                        (x @ x.T, x.data @ x.data.T)):
        np.testing.assert_array_equal(got.data, wanted)
    assert x.sum().item() == 15


NO_NUMBERS = [None, "1", b"1", [1.0, 2.0], (1.0,), {}, 1j, np.complex64(1), np.array([1j, 2]),
              np.array([None, 1]), np.array(["1", "2"]), np.datetime64(1, "s"),
              np.array([1, 2], "m8[s]"), Fraction(1, 2), Decimal(1), object(),
              np.ma.masked_array(np.ones(2), [True, False]), range(2), slice(1), Ellipsis, print,
              [Tensor([1.0])]]
each_other = pytest.mark.parametrize("other", NO_NUMBERS, ids=lambda other: type(other).__name__)


@each_other
def test_operators_refuse_what_is_no_number(other):
    a = leaf(1.0, 2.0)
    for call in (lambda: a + other, lambda: other + a, lambda: a - other, lambda: other - a,
                 lambda: a * other, lambda: other * a, lambda: a / other, lambda: other / a,
                 lambda: a @ other, lambda: ops.add(other, a)):
        with fails(TypeError):
            call()


@each_other
def test_exponents_and_fillings_are_one_number(other):
    a = leaf(1.0, 2.0)
    with fails(TypeError, "power: exponent", "one real number", type(other).__name__):
        a ** other
    with fails(TypeError, "masked_fill: value", "one real number", type(other).__name__):
        ops.masked_fill(a, mask=np.array([True, False]), value=other)


@pytest.mark.parametrize("mask", [None, 1, [0, 1], np.array([0.0, np.nan]), "yes", leaf(1.0, 0.0)])
def test_a_mask_is_boolean(mask):
    with fails(TypeError, "masked_fill: mask", "boolean"):
        ops.masked_fill(leaf(1.0, 2.0), mask=mask, value=0)


@pytest.mark.parametrize("data", [None, "1", b"1", [None], ["1"], [[1.0, None]], 1j, [1j],
                                  np.array([1 + 1j]), np.datetime64(1, "s"), np.array([1], "m8[s]"),
                                  np.array([1.0, "x"], object), np.array(["2"]), Fraction(1, 2), {},
                                  object(), Tensor([1.0]), [Tensor([1.0])],
                                  np.ma.masked_array(np.ones(2), [True, False])],
                         ids=lambda data: type(data).__name__)
def test_tensors_and_gradients_hold_numbers_only(data):
    for call in (lambda: Tensor(data), lambda: Tensor(data, requires_grad=True)):
        with fails(TypeError, "Tensor: expected real numbers", type(data).__name__):
            call()
    loss = leaf(1.0) * 2
    if data is not None:
        with fails(TypeError, "backward: g", type(data).__name__):
            loss.backward(data)
        with fails(TypeError, "grad", type(data).__name__):
            leaf(1.0).grad = data
    with fails(TypeError, "gradcheck"):
        gradcheck(lambda x: x * 2, data)


def test_numbers_of_python_and_numpy_pass():
    a = leaf(1.0, 2.0, dtype=np.float32)
    for exponent in (2, 2.0, np.int64(2), np.float64(2), np.float32(2), np.uint8(2)):
        out = a ** exponent
        assert out.dtype == np.float32
        assert out.data.tolist() == [1, 4]
    assert (a * True).data.tolist() == [1, 2]
    assert ops.masked_fill(a, mask=[True, False], value=-np.inf).data.tolist() == [-np.inf, 2]
    with pytest.raises(OverflowError):
        a * 10**400


@pytest.mark.parametrize("exponent", [0, 1, 2, 0.5, -1, 1.5])
def test_powers_at_special_points_equal_torch(exponent):
    torch = pytest.importorskip("torch")
    values = np.array([0.0, 1.0, -1.0, np.inf, np.nan, 1e30], np.float32)
    ours, theirs = Tensor(values, requires_grad=True), torch.tensor(values, requires_grad=True)
    with np.errstate(all="ignore"):
        out = ours ** exponent
        out.backward(np.ones(6))
    wanted = theirs ** exponent
    wanted.backward(torch.ones(6))
    np.testing.assert_allclose(out.data, wanted.detach().numpy(), rtol=1e-6)
    np.testing.assert_allclose(ours.grad, theirs.grad.numpy(), rtol=1e-6)


def test_a_gradient_fits_its_leaf():
    a = Tensor(np.ones((2, 3), np.float32), requires_grad=True)
    for wrong in (np.ones(3, np.float32), np.ones((2, 3)), np.ones((2, 3), int), np.float32(1)):
        with fails(ValueError, "grad", r"float32 \(2, 3\)"):
            a.grad = wrong
    a.grad = grad = np.ones((2, 3), np.float32)
    assert a.grad is grad
    a.grad = None
    for tensor in (Tensor([1.0]), a * 2):
        with fails(RuntimeError, "grad", "leaf", "requires_grad"):
            tensor.grad = np.ones(tensor.shape, np.float32)
        tensor.grad = None
    scalar = Tensor(1.0, requires_grad=True)
    scalar.grad = scalar.data * 2  # NumPy makes a scalar of it
    assert isinstance(scalar.grad, np.ndarray)


def test_an_op_needs_a_name():
    with fails(ValueError, "op: expected a function with a name, got a lambda"):
        op(lambda a: (a, (lambda g: g,)))


def test_a_masked_index_is_refused():
    with fails(TypeError, "getitem: index", "MaskedArray"):
        leaf(1.0, 2.0)[np.ma.masked_array([True, False], [True, False])]


@pytest.mark.parametrize(("static", "said"),
                         [({"running_mean": np.zeros((2, 2)), "running_var": np.ones(2)},
                           "running_mean: expected an array of shape"),
                          ({"running_mean": np.zeros(2)}, "running_mean and running_var together"),
                          ({"momentum": None}, "momentum: expected a number")])
def test_running_statistics_fit(static, said):
    with pytest.raises((TypeError, ValueError), match=said):
        ops.batch_norm(Tensor(np.ones((4, 2))), np.ones(2), np.zeros(2), **static)
