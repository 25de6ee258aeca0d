"""What a module consists of: tied weights, shared children, containers and cycles."""
import collections
import copy

import numpy as np
import pytest
from one_line import fails

from tinynnclr import Tensor
from tinynnclr.methods.momentum_encoder import MomentumEncoder
from tinynnclr.nn import LARS, SGD, AdamW, BatchNorm, Linear, Module, Sequential


def leaf(*values):
    return Tensor(np.array(values, np.float32), requires_grad=True)


class Tied(Module):
    """One Tensor, one child and one buffer under two names each."""

    def __init__(self, rng):
        self.first = self.second = leaf(1.0)
        self.encoder, self.decoder = Linear(2, 2, rng), Linear(2, 2, rng, bias=False)
        self.decoder.weight = self.encoder.weight
        self.norm = self.same_norm = BatchNorm(2)
        self.count = self.same_count = np.zeros(1, np.int64)

    def forward(self, x):
        return x * self.first * self.second


PARAMETERS = ["first", "encoder.weight", "encoder.bias", "norm.weight", "norm.bias"]


@pytest.fixture
def tied(rng):
    return Tied(rng)


def test_parameters_are_unique(tied):
    assert list(tied.named_parameters()) == PARAMETERS
    assert tied.num_parameters() == 1 + 4 + 2 + 2 + 2
    assert [type(m).__name__ for m in tied.modules()] == ["Tied", "Linear", "Linear", "BatchNorm"]
    assert set(tied.state_dict()) == {*PARAMETERS, "second", "decoder.weight", "norm.running_mean",
                                      "norm.running_var", "count", "same_count",
                                      *(f"same_norm.{name}" for name
                                        in ("weight", "bias", "running_mean", "running_var"))}


@pytest.mark.parametrize("kind", [SGD, LARS, AdamW])
def test_a_tied_weight_is_updated_once(tied, kind):
    """d(w w)/dw = 2 at w = 1: with rate 0.2, SGD gives 0.6, not 0.2."""
    single = leaf(1.0)
    single.grad = np.full(1, 2, np.float32)
    kind([single], 0.2).step()
    for parameters in (tied.parameters(), [tied.first, tied.second],
                       (p for p in [tied.first, tied.first])):
        tied.zero_grad()
        tied.first.data[...] = 1
        tied(np.ones(1, np.float32)).backward()
        kind(parameters, 0.2).step()
        assert tied.first.data == single.data
    if kind is SGD:
        assert tied.second.item() == pytest.approx(0.6)


def test_ties_stay_after_loading_and_copying(tied):
    state = {name: array + 1 for name, array in tied.state_dict().items()}
    for module in (tied, copy.deepcopy(tied)):
        module.load_state_dict(state)
        assert module.first is module.second
        assert module.encoder.weight is module.decoder.weight
        assert module.count is module.same_count
        assert module.norm.running_mean is module.same_norm.running_mean
        assert list(module.named_parameters()) == PARAMETERS


@pytest.mark.parametrize("name", ["second", "decoder.weight", "same_count",
                                  "same_norm.running_var"])
def test_a_tie_cannot_get_two_values(tied, name):
    before = tied.state_dict()
    with fails(ValueError, "state_dict", name, "one tied array", "different"):
        tied.load_state_dict({key: array + (key == name) + 1 for key, array in before.items()}
                             | {name: before[name] + before[name].dtype.type(5)})
    for key, array in tied.state_dict().items():
        np.testing.assert_array_equal(array, before[key], err_msg=key)


def test_a_momentum_encoder_follows_tied_and_frozen_weights(tied):
    tied.frozen = Tensor(np.ones(2, np.float32))
    follower = MomentumEncoder(tied, momentum=0.5)
    copied = follower.copies[0]
    assert copied.first is copied.second
    tied.first.data[...] = 3
    follower.follow(tied)
    assert copied.first.item() == 2  # halfway, once
    assert follower.parameters() == []


class Bag(Module):
    """Whatever it is given, as attributes."""

    def __init__(self, **attributes):
        vars(self).update(attributes)


def test_containers_of_weights_and_children(rng):
    bag = Bag(ws=[leaf(1.0), leaf(2.0, 3.0)], parts={"a": Linear(1, 1, rng, bias=False),
                                                     "b": {"c": leaf(4.0)}},
              nested=[[Linear(1, 2, rng)], (Linear(2, 1, rng, bias=False),)],
              frozen=(Tensor([1.0]),), by_number={7: leaf(5.0)}, text="ab", numbers={"a": 1},
              arrays=(np.ones(3),), ordered=collections.OrderedDict(x=leaf(6.0)))
    names = ["ws.0", "ws.1", "parts.a.weight", "parts.b.c", "nested.0.0.weight", "nested.0.0.bias",
             "nested.1.0.weight", "by_number.7", "ordered.x"]
    assert list(bag.named_parameters()) == names
    assert bag.state_dict().keys() == {*names, "frozen.0"}
    bag.eval()
    assert not any(m.training for m in (bag, bag.parts["a"], bag.nested[0][0]))
    for p in bag.parameters():
        p.grad = np.ones_like(p.data)
    SGD(bag.parameters(), 1.0).step()
    bag.zero_grad()
    assert bag.ws[1].data.tolist() == [1, 2]
    assert bag.parts["b"]["c"].grad is None
    other = copy.deepcopy(bag)
    bag.load_state_dict({name: array + 1 for name, array in bag.state_dict().items()})
    assert (bag.frozen[0].item(), other.frozen[0].item(), bag.by_number[7].item()) == (2, 1, 5)


@pytest.mark.parametrize("container", [set, frozenset, collections.deque])
def test_containers_without_places_are_refused(container, rng):
    for part in (leaf(1.0), Linear(1, 1, rng)):
        with fails(TypeError, "parts", "list, tuple or dict", container.__name__):
            Bag(inner=Bag(parts=container([part]))).parameters()
    assert Bag(parts=container([1, 2])).parameters() == []


def test_two_weights_of_one_name_are_refused():
    for bag in (Bag(d={0: leaf(1.0), "0": leaf(2.0)}),
                Bag(d={"a.b": leaf(1.0), "a": {"b": leaf(2.0)}})):
        with fails(ValueError, "two weights", "rename"):
            bag.state_dict()


def test_what_an_op_made_is_no_weight(rng):
    layer = Linear(2, 2, rng)
    layer.seen = layer(np.ones((1, 2), np.float32))
    assert list(layer.state_dict()) == ["weight", "bias"]
    layer.seen.sum().backward()
    assert list(layer.named_parameters()) == ["weight", "bias"]


def test_cycles_end(rng):
    child = Linear(2, 2, rng)
    parent = Sequential(child)
    child.parent, child.itself, child.family = parent, child, [parent, {"me": child}]
    child.family.append(child.family)
    assert list(parent.modules()) == [parent, child]
    assert list(parent.state_dict()) == ["layers.0.weight", "layers.0.bias"]
    assert parent.parameters() == [child.weight, child.bias]
    parent.load_state_dict(parent.state_dict())
    parent.eval()
    assert not child.training
    assert copy.deepcopy(parent).layers[0].weight is not child.weight


def test_weights_of_a_class_are_refused(rng):
    for value in (leaf(1.0), Linear(1, 1, rng)):
        with fails(TypeError, "Shared.weight", "__init__"):
            type("Shared", (Module,), {"weight": value})
    with fails(TypeError, "Slots.__slots__", "__init__"):
        type("Slots", (Module,), {"__slots__": ("weight",)})


def test_what_an_optimiser_cannot_move():
    for wrong, kind in ((np.ones(2), "ndarray"), ("weight", "str"), (None, "NoneType")):
        with fails(TypeError, "optimiser", "expected Tensors", kind):
            SGD([wrong], 0.1)
    with fails(ValueError, "optimiser", "leaf Tensors"):
        AdamW([leaf(1.0) * 2], 0.1)
    frozen = Tensor([1.0])
    SGD([frozen], 0.1).step()
    assert frozen.item() == 1


def test_loaded_weights_can_be_stepped():
    """Also those that lie in memory column by column."""
    bag = Bag(w=Tensor(np.ones((2, 3), np.float32), requires_grad=True))
    bag.load_state_dict({"w": np.full((3, 2), 2, np.float32).T})
    bag.w.grad = np.ones((2, 3), np.float32)
    SGD([bag.w], 1.0).step()
    np.testing.assert_array_equal(bag.w.data, np.ones((2, 3)))
