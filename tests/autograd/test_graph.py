"""Graphs across processes and copies; leaves that change too early; wrong vjps."""
import copy
import itertools
import pickle

import numpy as np
import pytest
from one_line import fails

from tinynnclr import Tensor, nn, ops
from tinynnclr import tensor as graph_module
from tinynnclr.nn import SGD, AdamW, Linear
from tinynnclr.tensor import OPS, op


def leaf(*values, dtype=np.float64):
    return Tensor(np.array(values, dtype), requires_grad=True)


@pytest.fixture(autouse=True)
def registry(monkeypatch):
    """OPS forgets what a test registers."""
    monkeypatch.setattr("tinynnclr.tensor.OPS", dict(OPS))


# Copies

def travel(value):
    return pickle.loads(pickle.dumps(value))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("requires_grad", [True, False])
def test_a_tensor_travels_as_data_and_requires_grad(protocol, requires_grad):
    a = Tensor(np.arange(6, dtype=np.float32).reshape(2, 3), requires_grad)
    b = pickle.loads(pickle.dumps(a, protocol))
    assert (b.dtype, b.requires_grad, b.is_leaf, b.grad) == (a.dtype, requires_grad, True, None)
    np.testing.assert_array_equal(b.data, a.data)
    assert not np.shares_memory(a.data, b.data)


def test_a_tensor_from_a_process_that_counted_further(monkeypatch):
    """Four doublings of x: dx = 16, wherever x, or a result of it, came from."""
    elsewhere = itertools.count(10**6)
    for make in (lambda: leaf(3.0), lambda: leaf(3.0) * 1):
        with monkeypatch.context() as patch:
            patch.setattr(graph_module, "creation", elsewhere)
            sent = pickle.dumps(make())
        x = y = pickle.loads(sent)
        for _ in range(4):
            y = y + y
        y.backward()
        np.testing.assert_array_equal(x.grad, [16])


def test_an_older_output_than_its_input_is_refused():
    a = leaf(1.0)
    b = a * 2
    b.node.order = -1
    with fails(RuntimeError, "backward", "mul"):
        b.backward()
    assert a.grad is None


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_copies_of_leaves_are_leaves_and_of_results_refused(copied):
    a = leaf(1.0, 2.0)
    a.grad = np.ones(2)
    b = copied(a)
    assert b.node is not a.node
    (b * 3).backward(np.ones(2))
    np.testing.assert_array_equal(a.grad, [1, 1])
    np.testing.assert_array_equal(b.grad, [4, 4])
    assert np.shares_memory(a.data, b.data) == (copied is copy.copy)
    assert copied(Tensor([1.0])).node is None
    result = a * 2
    with fails(RuntimeError, "copy", "leaf", "mul", "numpy"):
        copied([result] if copied is copy.deepcopy else result)
    result.backward(np.ones(2))
    with fails(RuntimeError, "copy"):  # its graph was walked, and it is still no leaf
        copied(result)


def test_a_graph_is_not_copied():
    for node in (leaf(1.0).node, (leaf(1.0) * 2).node):
        for call in (copy.copy, copy.deepcopy, pickle.dumps):
            with fails(TypeError, "Node", "copy or pickle the Tensor"):
                call(node)


@pytest.mark.parametrize("moved", [copy.deepcopy, travel])
def test_a_module_and_its_optimiser_stay_together(moved, rng):
    module = nn.Sequential(Linear(2, 3, rng), Linear(3, 2, rng, bias=False))
    module.layers[1].weight = module.layers[0].weight  # tied
    other, optimizer = moved((module, AdamW(module.parameters(), 0.1)))
    assert other.layers[1].weight is other.layers[0].weight
    assert [id(p) for p in optimizer.parameters] == [id(p) for p in other.parameters()]
    assert not {id(p.node) for p in other.parameters()} & {id(p.node) for p in module.parameters()}
    before = module.state_dict()
    other.layers[0](np.ones((1, 2), np.float32)).sum().backward()
    optimizer.step()
    assert all(p.grad is None for p in module.parameters())
    for name, array in module.state_dict().items():
        assert array.tobytes() == before[name].tobytes()
        assert other.state_dict()[name].tobytes() != before[name].tobytes()


# Leaves that change between forward and backward

def _step(p):
    optimizer = SGD([p], 0.1)
    p.grad = np.ones_like(p.data)
    optimizer.step()
    p.grad = None


def _load(p):
    module = nn.Module()
    module.p = p
    module.load_state_dict(module.state_dict())


def _in_place(p):
    p.data -= 0.1


CHANGES = {"step": _step, "in place": _in_place, "load": _load,
           "forget": lambda p: SGD([p], 0.1).forget([p]), "changed": Tensor.changed}


@pytest.mark.parametrize("change", CHANGES)
def test_a_leaf_that_changed_since_the_forward_pass(change):
    a, b = leaf(1.0, 2.0), leaf(3.0, 4.0)
    early = (a * b.reshape(1, 2)).sum() + (b * 2).sum()
    CHANGES[change](a)
    with fails(RuntimeError, "backward", "mul", "optimiser's step", "run the forward pass again"):
        early.backward()
    assert a.grad is None
    assert b.grad is None  # nothing was added before the error
    (a * b).sum().backward()  # a new forward pass is fine
    np.testing.assert_array_equal(a.grad, b.data)
    np.testing.assert_array_equal(b.grad, a.data)


def test_a_new_array_leaves_the_graph_its_old_one():
    a = leaf(1.0, 2.0)
    loss = (a * a).sum()
    a.data = a.data - 5
    loss.backward()
    np.testing.assert_array_equal(a.grad, [2.0, 4.0])
    for wrong in (None, "1", [None], 1j, a):
        with fails(TypeError, "Tensor: expected real numbers"):
            a.data = wrong


def test_steps_that_change_no_leaf_of_the_graph_do_no_harm():
    a, b, constant = leaf(1.0), leaf(2.0), Tensor([1.0])
    loss = a * 3
    constant.changed()
    _step(b)
    optimizer = SGD([a], 0.1)
    optimizer.step()  # a has no gradient: it stays as it is
    loss.backward()
    optimizer.step()
    (a * b).backward()
    np.testing.assert_array_equal(a.grad, 3 + b.data)


def test_evaluation_keeps_the_statistics_of_its_forward_pass(rng):
    """A batch in training changes them in place between another's forward and backward."""
    x, scale = rng.standard_normal((6, 3)), (Tensor(np.full(3, 2.0)), Tensor(np.ones(3)))
    running = {"running_mean": np.ones(3), "running_var": np.full(3, 4.0)}
    leaves = [Tensor(x, requires_grad=True) for _ in range(2)]
    outs = [ops.batch_norm(t, *scale, **running, training=False, eps=0.0) for t in leaves]
    outs[0].backward(np.ones((6, 3)))
    ops.batch_norm(Tensor(x), *scale, **running)
    outs[1].backward(np.ones((6, 3)))
    np.testing.assert_allclose(leaves[0].grad, 1, rtol=1e-12)
    np.testing.assert_array_equal(leaves[1].grad, leaves[0].grad)


# Vjps

@pytest.mark.parametrize(("vjp", "got"), [(lambda g: g[:, :1], r"\(2, 1\) float32"),
                                          (lambda g: g.sum(), r"\(\) float32"),
                                          (lambda g: g[None], r"\(1, 2, 3\)"),
                                          (lambda g: g.astype(np.float64), r"\(2, 3\) float64"),
                                          (lambda g: None, "NoneType"), (lambda g: 0.0, "float"),
                                          (lambda g: g.tolist(), "list"),
                                          (lambda g: Tensor(g), "Tensor")])
def test_a_vjp_returns_an_array_like_its_input(vjp, got):
    def user_op(a, b):
        return a * b, (lambda g: g * b, vjp)

    a, b = (Tensor(np.ones((2, 3), np.float32), requires_grad=True) for _ in range(2))
    with fails(TypeError, "user_op", "input 1", r"shape \(2, 3\) float32", f"got {got}"):
        op(user_op)(a, b).sum().backward()
    op(user_op)(a, b.data).sum().backward()  # nobody asks for the gradient of a constant


# The registry

def test_names_of_the_package_are_taken():
    def neg(a):
        return a, (lambda g: g,)

    with fails(ValueError, "neg", "taken by tinynnclr.ops.elementwise", "rename"):
        op(neg)
    assert (-leaf(1.0)).item() == -1


def test_a_cell_may_be_run_twice():
    for factor in (2, 3):
        def scaled(a, factor=factor):
            return a * factor, (lambda g: g * factor,)

        again = op(scaled)  # one name and place for both
        assert again(leaf(1.0)).item() == factor
    own, scaled.__module__ = scaled.__module__, "another"
    with fails(ValueError, "scaled", f"taken by {own}"):
        op(scaled)
