"""The tape: gradients add up, memory is freed at once, and constants record nothing."""
import gc
import sys
import weakref

import numpy as np
import pytest
from one_line import fails
from op_cases import CASES

from tinynnclr import Tensor, no_grad, ops
from tinynnclr.tensor import OPS, unbroadcast, watch


def leaf(*values, dtype=np.float64):
    return Tensor(np.array(values, dtype), requires_grad=True)


@pytest.fixture
def no_gc():
    """Only reference counts free memory: a cycle would keep it."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def test_a_diamond_of_reused_values():
    a = leaf(3.0)
    b = a + a
    c = b + b * b
    c.backward()
    np.testing.assert_array_equal(a.grad, [2 + 8 * 3])


def test_an_old_value_used_late():
    a = leaf(2.0)
    early = a * 3
    late = early
    for _ in range(5):
        late = late + 1
    (early * late).backward()
    np.testing.assert_array_equal(a.grad, [3 * 11 + 3 * 6])


def test_two_backwards_add_up():
    a = leaf(1.0, 2.0)
    for _ in range(2):
        (a * 3).backward(np.ones(2))
    np.testing.assert_array_equal(a.grad, [6, 6])
    a.grad = None
    (a * 3).backward(np.ones(2))
    np.testing.assert_array_equal(a.grad, [3, 3])


def test_a_gradient_is_nobody_elses():
    a, b, g = leaf(1.0, 2.0), leaf(3.0, 4.0), np.ones(2)
    (a + b).backward(g)
    assert not np.shares_memory(a.grad, b.grad)
    assert not np.shares_memory(a.grad, g)
    a.grad[...] = 9
    np.testing.assert_array_equal(b.grad, [1, 1])
    np.testing.assert_array_equal(g, [1, 1])
    first = b.grad
    (b * 2).backward(g)  # adding up makes a new array: who kept the old one keeps its numbers
    np.testing.assert_array_equal(first, [1, 1])


def test_gradients_are_arrays_that_may_be_written():
    a, scalar = leaf(1.0, 2.0), Tensor(np.array(2.0), requires_grad=True)
    (a.sum() * scalar * scalar).backward()  # the vjp of sum gives a read-only array with stride 0
    for tensor in (a, scalar):
        assert isinstance(tensor.grad, np.ndarray)
        assert tensor.grad.flags.writeable
        assert tensor.grad.flags.c_contiguous
        assert tensor.grad.shape == tensor.shape
    (scalar * 1).backward()
    assert isinstance(scalar.grad, np.ndarray)
    assert scalar.grad == 13


def test_constants_get_none():
    a, array, tensor = leaf(1.0, 2.0), np.array([3.0, 4.0]), Tensor(np.array([5.0, 6.0]))
    (a * array + tensor).backward(np.ones(2))
    assert tensor.grad is None
    np.testing.assert_array_equal(a.grad, [3, 4])
    (a.numpy() * a).backward(np.ones(2))  # numpy() is a stop-gradient
    np.testing.assert_array_equal(a.grad, [4, 6])


def test_the_graph_below_may_be_shared_only_once():
    a = leaf(1.0)
    b = a * 2
    (b * 3).backward()
    assert b.grad is None  # only leaves keep a gradient
    with fails(RuntimeError, "backward", "mul", "walked already", "run the forward pass again"):
        (b * 4).backward()
    loss = a * 5
    loss.backward()
    with fails(RuntimeError, "walked already"):
        loss.backward()
    np.testing.assert_array_equal(a.grad, [11])


@pytest.mark.parametrize("depth", [20_000])
def test_a_deep_chain_does_not_recurse(depth):
    assert depth > 10 * sys.getrecursionlimit()
    a = leaf(1.0)
    for walk in (True, False):
        b = a
        for _ in range(depth):
            b = b + 1
        if walk:
            b.backward()
        del b
    np.testing.assert_array_equal(a.grad, [1])


def test_unbroadcast_adds_up_what_was_copied():
    g = np.arange(24.0).reshape(2, 3, 4)
    for shape in [(2, 3, 4), (3, 4), (1, 4), (3, 1), (4,), (1,), (), (2, 1, 4), (1, 1, 1)]:
        got = unbroadcast(g, shape)
        assert got.shape == shape
        axes = tuple(i for i, n in enumerate((1,) * (3 - len(shape)) + shape) if n == 1)
        np.testing.assert_array_equal(got, g.sum(axes).reshape(shape))


def test_backward_frees_the_activations_while_the_loss_lives(no_gc):
    a = leaf(*range(100))
    b = ops.exp(a * 0.01)
    loss = (b * b).sum()
    gone = weakref.ref(b.data)
    del b
    assert gone() is not None  # saved for backward
    loss.backward()
    assert gone() is None


@pytest.mark.parametrize(("name", "i"), [(name, 0) for name in sorted(CASES)])
def test_no_op_holds_its_inputs_after_backward(no_gc, name, i):
    arrays, static, _ = CASES[name][i]
    inputs = [Tensor(a.copy(), requires_grad=True) for a in arrays]
    # compiling a kernel leaves cycles, which hold its first arguments
    out = OPS[name](*inputs, **static)
    out.backward(np.ones(out.shape))
    middle = [a * 1.0 for a in inputs]
    gone = [weakref.ref(a.data) for a in middle]
    out = OPS[name](*middle, **static)
    del middle
    out.backward(np.ones(out.shape))
    keeps = [r() for r in gone if r() is not None]
    assert all(np.shares_memory(k, out.data) for k in keeps)  # a value that is a view of its input
    del out
    keeps.clear()
    assert all(r() is None for r in gone)


@pytest.mark.parametrize("fn", [lambda b: b + 1, lambda b: b * np.full(100, 3.0)])
def test_what_no_wanted_gradient_needs_dies_at_once(no_gc, fn):
    """A sum needs none of its inputs, and nobody asks for the gradient of a constant factor."""
    b = leaf(*range(100)) + 1
    gone = weakref.ref(b.data)
    c = fn(b)
    del b
    assert gone() is None
    c.backward(np.ones(100))


def test_no_grad_records_nothing():
    a = leaf(1.0)
    with no_grad():
        b = a * 2
        with no_grad():
            assert (a * 2).node is None
        assert (a * 2).node is None  # still, after the inner one ended
    assert b.node is None
    with fails(RuntimeError, "backward", "no leaf with requires_grad"):
        b.backward()
    assert (a * 2).node is not None
    assert (Tensor(np.ones(2)) * 2).node is None


def test_no_grad_ends_with_an_exception():
    with pytest.raises(ZeroDivisionError), no_grad():
        raise ZeroDivisionError
    assert (leaf(1.0) * 2).node is not None


def test_watch_names_the_first_op_that_broke():
    a = leaf(-1.0, 1.0)
    with np.errstate(all="ignore"):
        with fails(FloatingPointError, "log", "not finite", r"shape \(2,\)"), watch():
            ops.exp(ops.log(a * 2)) + 1
        with fails(FloatingPointError, "^div"), watch():
            a / np.zeros(2)
        assert not np.isfinite(ops.log(a).data).all()  # outside, nothing is raised
    with watch():
        np.testing.assert_array_equal((a * 2).data, [-2, 2])


def test_repr_names_the_op():
    assert repr(Tensor(np.array([1.0]))) == "Tensor(array([1.]))"
    assert repr(leaf(1.0)) == "Tensor(array([1.]), op=leaf)"
    assert repr(leaf(1.0) * 2) == "Tensor(array([2.]), op=mul)"
