"""Modules and layers: the walk over attributes, states, and what layers compute."""
import math

import numpy as np
import pytest
from one_line import fails

from tinynnclr import Tensor
from tinynnclr.nn import BatchNorm, Conv2d, GlobalAvgPool, Linear, Module, ReLU, Sequential
from tinynnclr.nn.init import kaiming_normal


class Zoo(Module):
    """One attribute of every kind."""

    def __init__(self, rng):
        self.last_name = None
        self.scale = Tensor(np.ones(3, np.float32), requires_grad=True)
        self.cages = [Linear(3, 2, rng), None, (1, 2), Linear(2, 5, rng, bias=False)]
        self.norm = BatchNorm(5)
        self.numbers = {"a": 1}
        self.count = np.zeros(2, np.int64)
        self.pair = (ReLU(), Linear(1, 1, rng))

    def forward(self, x):
        return x * self.scale


NAMES = ["scale", "cages.0.weight", "cages.0.bias", "cages.3.weight", "norm.weight", "norm.bias",
         "norm.running_mean", "norm.running_var", "count", "pair.1.weight", "pair.1.bias"]
BUFFERS = ["norm.running_mean", "norm.running_var", "count"]


@pytest.fixture
def zoo(rng):
    return Zoo(rng)


def test_the_walk_finds_all_by_name_in_order(zoo):
    assert list(zoo.state_dict()) == NAMES
    assert list(zoo.named_parameters()) == [name for name in NAMES if name not in BUFFERS]
    assert zoo.parameters()[1] is zoo.cages[0].weight
    assert zoo.num_parameters() == 3 + 6 + 2 + 10 + 5 + 5 + 1 + 1
    assert [type(m).__name__ for m in zoo.modules()] == ["Zoo", "Linear", "Linear", "BatchNorm",
                                                         "ReLU", "Linear"]
    np.testing.assert_array_equal(zoo(np.ones(3, np.float32)).data, np.ones(3))


def test_a_frozen_weight_is_saved_but_not_trained(zoo):
    zoo.scale = Tensor(zoo.scale.data)
    assert list(zoo.state_dict()) == NAMES
    assert list(zoo.named_parameters()) == [name for name in NAMES if name not
                                            in ["scale", *BUFFERS]]
    zoo.load_state_dict({**zoo.state_dict(), "scale": np.full(3, 2, np.float32)})
    zoo.zero_grad()
    out = zoo(np.ones(3, np.float32))
    assert (out.node, out.numpy().tolist()) == (None, [2, 2, 2])


def test_train_and_eval_reach_every_module(zoo):
    assert all(m.training for m in zoo.modules())
    assert zoo.eval() is zoo
    assert not any(m.training for m in zoo.modules())
    assert zoo.train() is zoo
    assert all(m.training for m in zoo.modules())
    assert "training" not in zoo.state_dict()


def test_a_state_travels_whole(zoo):
    other = Zoo(np.random.default_rng(1))
    other.norm.running_mean += 3
    other.count += 7
    state = other.state_dict()
    parameters = zoo.parameters()
    zoo.load_state_dict(state)
    for name, array in zoo.state_dict().items():
        assert array.dtype == state[name].dtype
        np.testing.assert_array_equal(array, state[name])
    # an optimiser still holds them
    assert all(a is b for a, b in zip(parameters, zoo.parameters(), strict=True))


def test_states_are_copies_both_ways(zoo):
    state = zoo.state_dict()
    for array in state.values():
        array += 1
    assert all((a != b).all() for a, b in zip(zoo.state_dict().values(), state.values(),
                                              strict=True))
    zoo.load_state_dict(state)
    for array in state.values():
        array += 1
    assert all((a != b).all() for a, b in zip(zoo.state_dict().values(), state.values(),
                                              strict=True))


def test_the_statistics_go_on_after_loading(zoo, rng):
    zoo.load_state_dict(zoo.state_dict())
    zoo.norm(Tensor(rng.standard_normal((8, 5)).astype(np.float32) + 9))
    assert (zoo.state_dict()["norm.running_mean"] > 0.5).all()


def test_states_that_do_not_fit(zoo):
    state = zoo.state_dict()
    short = {name: array for name, array in state.items() if name != "cages.0.bias"}
    with fails(KeyError, "missing", "cages.0.bias", "unknown nothing"):
        zoo.load_state_dict(short)
    with fails(KeyError, "missing nothing", "unknown", "tiger"):
        zoo.load_state_dict({**state, "tiger": np.ones(1)})
    with fails(ValueError, "norm.bias", r"float32 \(5,\)", r"float32 \(4,\)"):
        zoo.load_state_dict({**state, "norm.bias": np.ones(4, np.float32)})
    with fails(ValueError, "scale", "expected float32", "got float64"):
        zoo.load_state_dict({**state, "scale": np.ones(3)})


def test_a_state_that_does_not_fit_changes_nothing(zoo):
    before = zoo.state_dict()
    wrong = {name: array + 1 for name, array in before.items()}
    wrong["pair.1.bias"] = np.ones(9, np.float32)  # the last of all
    with fails(ValueError, "pair.1.bias"):
        zoo.load_state_dict(wrong)
    for name, array in zoo.state_dict().items():
        np.testing.assert_array_equal(array, before[name], err_msg=name)


def test_kaiming_variance(rng):
    for shape, fan_in in (((300, 200), 300), ((3, 3, 50, 100), 450)):
        weight = kaiming_normal(shape, rng)
        assert weight.dtype == np.float32
        assert weight.shape == shape
        # the variance of n normal numbers is known to sqrt(2 / n), the mean to 1 / sqrt(n)
        n = weight.size
        assert abs(weight.var(dtype=float) * fan_in / 2 - 1) < 4 * math.sqrt(2 / n)
        assert abs(weight.mean(dtype=float)) < 4 * math.sqrt(2 / fan_in / n)


def test_layers_are_their_formulas(rng):
    x = rng.standard_normal((4, 3)).astype(np.float32)
    linear = Linear(3, 5, rng)
    linear.bias.data += 2
    np.testing.assert_allclose(linear(Tensor(x)).data, x @ linear.weight.data + 2, atol=1e-6)
    assert Linear(3, 5, rng, bias=False).bias is None
    images = rng.standard_normal((2, 6, 6, 3)).astype(np.float32)
    conv = Conv2d(3, 4, 3, rng, stride=2, padding=1)
    assert conv.weight.shape == (3, 3, 3, 4)
    assert conv(Tensor(images)).shape == (2, 3, 3, 4)
    np.testing.assert_allclose(GlobalAvgPool()(Tensor(images)).data, images.mean((1, 2)), atol=1e-6)
    np.testing.assert_array_equal(ReLU()(Tensor(x)).data, np.maximum(x, 0))
    both = Sequential(Linear(3, 2, rng), ReLU())
    np.testing.assert_array_equal(both(Tensor(x)).data,
                                  np.maximum(both.layers[0](Tensor(x)).data, 0))


@pytest.mark.parametrize("relu", [False, True])
def test_batch_norm_equals_torch_over_many_steps(rng, relu):
    torch = pytest.importorskip("torch")
    norm = BatchNorm(4, relu=relu, momentum=0.3, eps=1e-3)
    reference = torch.nn.BatchNorm2d(4, momentum=0.3, eps=1e-3)

    def expected(x):
        y = reference(torch.from_numpy(x.transpose(0, 3, 1, 2).copy()))
        return (torch.relu(y) if relu else y).detach().numpy().transpose(0, 2, 3, 1)

    for _ in range(5):
        x = (rng.standard_normal((3, 5, 2, 4)) * 3 + 2).astype(np.float32)
        np.testing.assert_allclose(norm(Tensor(x)).data, expected(x), rtol=0, atol=2e-6)
    np.testing.assert_allclose(norm.running_mean, reference.running_mean.numpy(), rtol=1e-6,
                               atol=1e-6)
    np.testing.assert_allclose(norm.running_var, reference.running_var.numpy(), rtol=1e-6)
    assert norm.running_var.dtype == np.float32
    norm.eval()
    reference.eval()
    before = norm.state_dict()
    np.testing.assert_allclose(norm(Tensor(x)).data, expected(x), rtol=0, atol=2e-6)
    for name, array in norm.state_dict().items():  # evaluation leaves no trace
        assert array.tobytes() == before[name].tobytes()


@pytest.mark.parametrize("training", [True, False])
def test_a_sequential_makes_one_op_of_norm_and_convolution(rng, training):
    """The same numbers, gradients and running statistics as layer by layer."""
    def make():
        layers = np.random.default_rng(3)
        return Sequential(Conv2d(3, 4, 3, layers), BatchNorm(4, relu=True),
                          Conv2d(4, 5, 3, layers, stride=2, padding=1), BatchNorm(5),
                          Conv2d(5, 2, 1, layers), BatchNorm(2, relu=True)).train(training)

    x, one, other = rng.standard_normal((2, 8, 8, 3)).astype(np.float32), make(), make()
    y, wanted = one(x), x
    for layer in other.layers:
        wanted = layer(wanted)
    np.testing.assert_allclose(y.data, wanted.data, rtol=0, atol=1e-5)
    names = []
    node = y.node
    while node.parents:
        names.append(node.name)
        node = node.parents[0] or node.parents[1]
    assert names == ["batch_norm", "conv2d", "batch_norm", "batch_norm_conv2d", "conv2d"]
    g = rng.standard_normal(y.shape).astype(np.float32)
    y.backward(g)
    wanted.backward(g)
    for (name, a), b in zip(one.named_parameters().items(), other.parameters(), strict=True):
        np.testing.assert_allclose(a.grad, b.grad, rtol=0, atol=1e-5 * max(1, np.abs(b.grad).max()),
                                   err_msg=name)
    for (name, a), b in zip(one.state_dict().items(), other.state_dict().values(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6, err_msg=name)


def test_linear_with_relu(rng):
    """The same bytes as with a ReLU layer, forward and backward, also for tokens."""
    x = rng.standard_normal((2, 7, 5)).astype(np.float32)
    both, plain = (Linear(5, 9, np.random.default_rng(1), relu=relu) for relu in (True, False))
    both.bias.data[:] = plain.bias.data[:] = rng.standard_normal(9)
    inputs = [Tensor(x, requires_grad=True) for _ in range(2)]
    outs = both(inputs[0]), ReLU()(plain(inputs[1]))
    assert (outs[0].data == 0).any()
    assert (outs[0].data > 0).any()
    np.testing.assert_array_equal(outs[0].data, outs[1].data)
    for out in outs:
        (out * out).sum().backward()
    for a, b in ((*inputs,), (both.weight, plain.weight), (both.bias, plain.bias)):
        np.testing.assert_array_equal(a.grad, b.grad)
    with fails(ValueError, "Linear: expected a bias"):
        Linear(5, 9, rng, bias=False, relu=True)
