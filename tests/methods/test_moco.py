"""Momentum encoders, and the methods with one and a queue: MoCo and BYOL."""
import math

import numpy as np
import pytest
from one_line import fails
from small import small_config, unit

from tinynnclr.methods import BYOL, MoCo, SupportSet
from tinynnclr.methods.momentum_encoder import MomentumEncoder, frozen_copy
from tinynnclr.methods.registry import applicable
from tinynnclr.models import TinyCNN
from tinynnclr.nn import Linear, Sequential

B = 16


class Spy(SupportSet):
    """A queue that records what is enqueued."""

    def __init__(self, size, dim, rng):
        super().__init__(size, dim, rng)
        self.events = []

    def enqueue(self, z, ids):
        self.events.append((z.copy(), np.array(ids)))
        super().enqueue(z, ids)


def build(kind=MoCo, **changes):
    changes = {"method": kind.name, "width": 3, **applicable({"temperature": 0.2}, kind.name),
               **changes}
    config, rng = small_config(**changes), np.random.default_rng(1)
    method = kind(TinyCNN(config.width, rng), config, rng)
    spy = Spy(config.queue_size, config.dim, rng)
    if kind is MoCo:
        method.queue = spy
    elif config.neighbors:
        method.support_set = spy
    return method


def views(rng, b=B):
    return rng.random((2, b, 16, 16, 3), np.float32)


def weights(modules):
    return [p.data.copy() for m in modules for p in m.named_weights().values()]


# ---------------------------------------------------------------- the momentum encoder


@pytest.mark.parametrize("momentum", [0.0, 0.3, 0.99, 1.0])
def test_each_weight_follows(momentum, rng):
    net = Sequential(Linear(3, 4, rng), Linear(4, 2, rng, bias=False))
    average = MomentumEncoder(net, momentum=momentum)
    first = weights(average.copies)
    for a, b in zip(first, weights([net]), strict=True):
        np.testing.assert_array_equal(a, b)
    for p in net.parameters():
        p.data = p.data + 1
    average.follow(net)
    for a, b, old in zip(weights(average.copies), weights([net]), first, strict=True):
        np.testing.assert_allclose(a, momentum * old + (1 - momentum) * b, atol=1e-6)
        if momentum == 0:
            np.testing.assert_array_equal(a, b)
        if momentum == 1:
            np.testing.assert_array_equal(a, old)


def test_a_momentum_encoder_is_a_constant(rng):
    net = Sequential(Linear(3, 4, rng))
    average = MomentumEncoder(net, momentum=0.5)
    out = average(rng.standard_normal((2, 3)).astype(np.float32))
    assert isinstance(out, np.ndarray)
    assert average.parameters() == []
    assert list(average.state_dict()) == ["copies.0.layers.0.weight", "copies.0.layers.0.bias"]
    net.parameters()[0].data += 1  # nothing is shared
    assert not np.array_equal(weights(average.copies)[0], weights([net])[0])
    with fails(ValueError, r"MomentumEncoder: expected a module with \['layers.0.bias', "
               r"'layers.0.weight'\], got"):
        average.follow(Linear(3, 4, rng))


def test_running_statistics_are_its_own(rng):
    net = TinyCNN(2, rng)
    average, x = MomentumEncoder(net, momentum=0.0), views(rng)[0]
    before = {k: v for k, v in net.state_dict().items() if "running" in k}
    average(x)
    assert all(np.array_equal(before[k], net.state_dict()[k]) for k in before)
    moved = {k: v for k, v in average.state_dict().items() if "running" in k}
    assert all(not np.array_equal(before[k.removeprefix("copies.0.")], v) for k, v in moved.items())
    net(x + 1)
    average.follow(net)
    assert all(np.array_equal(moved[k], average.state_dict()[k]) for k in moved)
    assert all(p.node is None for p in frozen_copy(net).named_weights().values())


# ---------------------------------------------------------------- MoCo


def by_loops(q, k, queue, temperature):
    q, k, total = unit(q), unit(k), 0.0
    for i in range(len(q)):
        right = math.exp(q[i] @ k[i] / temperature)
        wrong = sum(math.exp(q[i] @ row / temperature) for row in queue)
        total -= math.log(right / (right + wrong))
    return total / len(q)


@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("head", ["v1", "v2"])
def test_the_loss_is_algorithm_1(symmetric, head, rng):
    method = build(symmetric=symmetric, head=head, ema=0.5)
    for p in method.parameters():
        # so that the momentum encoder differs
        p.data = p.data + 0.1 * rng.standard_normal(p.shape).astype(np.float32)
    x1, x2 = views(rng)
    average = MomentumEncoder(*method.momentum_encoder.copies, momentum=1.0)
    old, new = weights(method.momentum_encoder.copies), weights([method.encoder, method.head])
    k1, k2 = average(x1), average(x2)
    q1, q2 = (method.head(method.encoder(x)).numpy() for x in (x1, x2))
    queue = method.queue.rows.copy()
    wanted = by_loops(q1, k2, queue, 0.2)
    if symmetric:
        wanted = (wanted + by_loops(q2, k1, queue, 0.2)) / 2  # both halves meet the same queue
    step = method((x1, x2), np.arange(B))
    assert step.loss.item() == pytest.approx(wanted, rel=1e-4)
    np.testing.assert_array_equal(method.queue.rows, queue)
    method.after_step(step)
    for a, b, slow_weight in zip(old, new, weights(method.momentum_encoder.copies), strict=True):
        np.testing.assert_allclose(slow_weight, 0.5 * a + 0.5 * b, atol=1e-6)
    (rows, ids), = method.queue.events  # and one enqueue follows, of the keys
    keys = np.concatenate([k2, k1]) if symmetric else k2
    np.testing.assert_allclose(rows, unit(keys), atol=1e-5)
    assert ids.tolist() == list(range(B)) * (1 + symmetric)
    assert len(method.head.state_dict()) == {"v1": 2, "v2": 4}[head]


def test_no_key_of_a_batch_is_its_negative(rng):
    method = build(symmetric=True)
    for step in range(6):
        ids = np.arange(B) + step * B
        result = method(views(rng), ids)
        assert not set(method.queue.ids) & set(ids)
        method.after_step(result)
        assert set(ids) <= set(method.queue.ids)


def test_equal_embeddings_cost_the_chance_loss(rng):
    for changes in ({}, {"negatives": "ball", "ring_outer": 0.5}):
        method = build(head="v1", ema=0.0, **changes)
        method.head.layers[0].weight.data[...] = 0
        method.head.layers[0].bias.data[...] = 1
        method.momentum_encoder.follow(method.encoder, method.head)
        method.queue.rows[:] = 1 / math.sqrt(8)
        step = method(views(rng), np.arange(B))
        assert step.loss.item() == pytest.approx(math.log(1 + (16 if changes else 32)), rel=1e-5)
        assert step.loss.item() == pytest.approx(step.chance_loss, rel=1e-5)


def test_a_ring_of_all_is_the_plain_loss(rng):
    x, values = views(rng), []
    for changes in ({}, {"negatives": "ring", "ring_outer": 1.0, "ring_inner": 0.0},
                    {"negatives": "ring"}):
        values.append(build(**changes)(x, np.arange(B)).loss.item())
    assert values[1] == pytest.approx(values[0], rel=1e-6)
    assert values[2] < values[0] - 0.1


def test_gradients_flow_through_the_query_alone(rng):
    method = build()
    first = weights(method.momentum_encoder.copies)
    method(views(rng), np.arange(B)).loss.backward()
    assert all(np.abs(p.grad).max() > 0 for p in method.parameters())
    assert all(p.node is None for m in method.momentum_encoder.copies
               for p in m.named_weights().values())
    for a, b in zip(first, weights(method.momentum_encoder.copies), strict=True):
        np.testing.assert_array_equal(a, b)


# ---------------------------------------------------------------- BYOL


@pytest.mark.parametrize("neighbors", [False, True])
def test_byol_predicts_the_momentum_encoder_s_embedding_of_the_other_view(neighbors, rng):
    method = build(BYOL, neighbors=neighbors, queue_size=B)
    assert (method.support_set is not None) == neighbors
    if neighbors:
        method.support_set.enqueue(rng.standard_normal((B, 8)).astype(np.float32),
                                   np.arange(B) + 100)
        rows = method.support_set.rows
    x1, x2 = views(rng)
    p1, p2 = (unit(method.predictor(method.projector(method.encoder(x))).numpy()) for x in (x1, x2))
    t1, t2 = (unit(MomentumEncoder(*method.target.copies, momentum=1.0)(x)) for x in (x1, x2))
    wanted = [rows[(t @ rows.T).argmax(axis=1)] if neighbors else t for t in (t1, t2)]
    cosines = (p1 * wanted[1]).sum(axis=1).mean() + (p2 * wanted[0]).sum(axis=1).mean()
    step = method((x1, x2), np.arange(B))
    assert step.loss.item() == pytest.approx(2 - cosines, rel=1e-4)
    for p in method.parameters():
        p.data = p.data + 1
    before = weights(method.target.copies)
    if neighbors:
        method.support_set.events.clear()
    method.after_step(step)
    for a, b, c in zip(before, weights(method.target.copies),
                       weights([method.encoder, method.projector]), strict=True):
        np.testing.assert_allclose(b, 0.99 * a + 0.01 * c, atol=1e-6)  # after the step
    if neighbors:
        (row, ids), = method.support_set.events
        np.testing.assert_allclose(unit(row), t1, atol=1e-5)
        assert ids.tolist() == list(range(B))
    assert step.chance_loss is None
