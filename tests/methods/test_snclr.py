"""Soft neighbours: the loss by loops, its special cases, and the weights."""
import math

import numpy as np
import pytest
from one_line import fails
from small import small_config, unit

from tinynnclr import Tensor, gradcheck
from tinynnclr.methods import SNCLR
from tinynnclr.methods.losses import soft_neighbor_loss
from tinynnclr.methods.method import Progress
from tinynnclr.models import TinyCNN

B, D, T = 6, 5, 0.3


def by_loops(p, keys, weights, temperature, inside):
    """Each anchor's positives among the keys of all, one term after the other."""
    p, keys, total = unit(p), unit(keys), 0.0
    for i in range(len(p)):
        total_mass = sum(math.exp(p[i] @ key / temperature) for row in keys for key in row)
        shares = [math.exp(p[i] @ keys[i, k] / temperature) / total_mass
                  for k in range(keys.shape[1])]
        total -= (math.log(sum(w * s for w, s in zip(weights[i], shares, strict=True))) if inside
                  else sum(w * math.log(s) for w, s in zip(weights[i], shares, strict=True)))
    return total / len(p)


@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize("k", [1, 2, 4])
def test_double_loop(inside, k, rng):
    p, keys = rng.standard_normal((B, D)), rng.standard_normal((B, k, D)) * 3
    weights = rng.uniform(0.1, 1, (B, k))
    value = soft_neighbor_loss(Tensor(p), keys, weights, T, inside).item()
    assert value == pytest.approx(by_loops(p, keys, weights, T, inside), rel=1e-12)
    gradcheck(lambda p: soft_neighbor_loss(p, keys, weights, T, inside), p)


@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize("k", [0, 1, 5])
def test_equal_embeddings_cost_the_chance_loss(inside, k):
    same, weights = np.ones((B, 1 + k, D)), np.ones((B, 1 + k))
    weights[:, 1:] = 1 / max(k, 1)
    value = soft_neighbor_loss(Tensor(np.ones((B, D))), same, weights, T, inside).item()
    mass = 1 + (k > 0)
    guess = math.log((1 + k) * B)
    assert value == pytest.approx(guess - math.log(mass) if inside else mass * guess)
    method = build(queue_size=B, soft_k=k, soft_weights="inside" if inside else "outside",
                   batch_size=B)
    assert method.chance_loss(k) == pytest.approx(value)


def build(**changes):
    changes = {"method": "snclr", "width": 3, "queue_size": 24, "soft_k": 4, **changes}
    config, rng = small_config(**changes), np.random.default_rng(1)
    return SNCLR(TinyCNN(config.width, rng), config, rng)


def full(rng, **changes):
    method = build(**changes)
    size, dim = method.support_set.rows.shape
    method.support_set.enqueue(rng.standard_normal((size, dim)).astype(np.float32),
                               100 + np.arange(size))
    return method


@pytest.mark.parametrize("form", ["inside", "outside"])
def test_a_step(form, rng):
    method = full(rng, soft_weights=form, ema=1.0, temperature=0.2, soft_temperature=0.5)
    x1, x2 = rng.random((2, 16, 16, 16, 3), np.float32)
    z = [method.projector(method.encoder(x)) for x in (x1, x2)]
    p = [method.predictor(v).numpy() for v in z]
    y = [unit(method.momentum_encoder(x)) for x in (x1, x2)]
    rows, total = method.support_set.rows.astype(float), 0.0
    for anchor, other in ((0, 1), (1, 0)):
        # neighbours of the momentum encoder's embedding of the *other* view
        nearest = np.argsort(-(y[other] @ rows.T), axis=1)[:, :4]
        keys = np.concatenate([y[other][:, None], rows[nearest]], axis=1)
        scores = np.exp((unit(z[anchor].numpy())[:, None] * rows[nearest]).sum(axis=2) / 0.5)
        weights = np.concatenate([np.ones((16, 1)), scores / scores.sum(axis=1, keepdims=True)],
                                 axis=1)
        total += by_loops(p[anchor], keys, weights, 0.2, form == "inside") / 2
    before = method.support_set.rows.copy()
    step = method((x1, x2), np.arange(16))
    assert step.loss.item() == pytest.approx(total, rel=1e-4)
    np.testing.assert_array_equal(method.support_set.rows, before)
    method.after_step(step)
    assert step.neighbors.ids.min() >= 100
    assert 0 < step.metrics["entropy"] < math.log(4)
    newest = method.support_set.born == method.support_set.counts[2]
    np.testing.assert_allclose(np.sort(method.support_set.rows[newest], axis=0),
                               np.sort(y[1], axis=0), atol=1e-5)


def test_a_small_temperature_makes_weights_differ(rng):
    """With the released code's temperature of 1 all weights are nearly equal."""
    entropies = {}
    for temperature in (1.0, 0.1):
        method = full(rng, soft_temperature=temperature, soft_k=5, queue_size=400)
        step = method(rng.random((2, 16, 16, 16, 3), np.float32), np.arange(16))
        entropies[temperature] = step.metrics["entropy"]
    assert math.log(5) - entropies[1.0] < 0.02
    assert math.log(5) - entropies[0.1] > 0.05


def test_weights_are_constants(rng):
    """Gradients reach the network through the predictions only."""
    method = full(rng)
    x1, x2 = rng.random((2, 16, 16, 16, 3), np.float32)
    for p in method.predictor.layers[-1].parameters():
        p.data[...] = 0  # p = 0 has no direction: no gradient can come through it
    method((x1, x2), np.arange(16)).loss.backward()
    assert all(np.abs(p.grad).max() < 1e-3 for name, p in method.named_parameters().items()
               if "predictor" not in name)


def test_neighbours_wait(rng):
    method = build(neighbors_after=0.5, queue_size=32)
    used = []
    for step in range(6):
        x = rng.random((2, 16, 16, 16, 3), np.float32)
        found = method(x, np.arange(16) + 16 * step, Progress(step, 6))
        used.append(found.neighbors is not None)
        method.after_step(found)
    assert used == [False] * 3 + [True] * 3
    for method in (build(soft_k=0), build(soft_k=3), full(rng, soft_k=0)):
        assert method(x, np.arange(16), Progress(5, 6)).neighbors is None
    with fails(ValueError, "soft_k: expected at most queue_size, 24, got 25"):
        build(soft_k=25)
