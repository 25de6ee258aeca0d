"""NumPy's small integers in the place of every size, stride, count and index: the same bytes as with Python's."""
import numpy as np
import pytest
from kernel_cases import ALL, CASES
from op_cases import ALL as OP_ALL
from op_cases import CASES as OP_CASES
from small_integers import INT8, KINDS, holds_integers, small
from test_bad_arrays import call

from tinynnclr import Tensor, kernels
from tinynnclr.tensor import OPS


def same(a, b):
    a, b = np.asarray(a), np.asarray(b)
    assert (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())


def arguments(name, i):
    return CASES[name][i].arguments(np.random.default_rng(0), np.float32)


@pytest.mark.parametrize(("name", "i"), [c for c in ALL if holds_integers(arguments(*c))], ids=str)
def test_kernels(name, i):
    wanted, error = call(name, arguments(name, i))
    assert error is None
    for kind in KINDS:
        got, error = call(name, small(arguments(name, i), kind))
        assert error is None
        for a, b in zip(got, wanted, strict=True):
            same(a, b)


@pytest.mark.parametrize(("name", "i"), [(n, i) for n, i in OP_ALL if holds_integers(OP_CASES[n][i].static)], ids=str)
def test_ops(name, i):
    def values_and_gradients(static):
        leaves = [Tensor(a, requires_grad=True) for a in OP_CASES[name][i].arrays]
        out = OPS[name](*leaves, **static)
        out.backward(np.ones_like(out.data))
        return [out.data, *(leaf.grad for leaf in leaves)]

    static = OP_CASES[name][i].static
    wanted = values_and_gradients(static)
    for kind in KINDS:
        for a, b in zip(values_and_gradients(small(static, kind)), wanted, strict=True):
            same(a, b)


def test_a_padding_that_overflows_an_int8():
    """With an int8, 9 - 8 + 2 * 3 and all offsets behind it wrapped around, and memory was overwritten."""
    x, weight = np.ones((4, 4, 9, 8), np.float32), np.ones((2, 1, 8, 8), np.float32)
    same(kernels.conv2d(x, weight, 1, np.int8(3)), kernels.conv2d(x, weight, 1, 3))
    same(kernels.conv2d(x, weight, np.uint8(2)), kernels.conv2d(x, weight, 2))


def test_the_tripwire_trips():
    with pytest.raises(AssertionError, match="reckoned with int8"):
        2 * INT8(3)
