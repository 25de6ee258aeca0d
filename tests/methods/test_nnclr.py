"""NNCLR against its paper: what is searched, with what, when, and what goes into the queue."""
import math

import numpy as np
import pytest
from small import random_data, small_config, trained, unit

from tinynnclr import Tensor
from tinynnclr.datasets.dataset import batches
from tinynnclr.methods import NNCLR, SupportSet
from tinynnclr.methods.method import Progress, Step
from tinynnclr.models import TinyCNN
from tinynnclr.nn import Module
from tinynnclr.train.diagnostics import means, step_diagnostics

B = 16


class Spy(SupportSet):
    """A queue that records its calls, and its contents at each search."""

    def __init__(self, size, dim, rng):
        super().__init__(size, dim, rng)
        self.events = []

    def nearest(self, z):
        self.events.append(("nearest", z.copy(), self.ids.copy(), self.rows.copy()))
        return super().nearest(z)

    def enqueue(self, z, ids):
        self.events.append(("enqueue", z.copy(), np.array(ids)))
        super().enqueue(z, ids)


class Fixed(Module):
    """A predictor with a constant output."""

    def __init__(self, p):
        self.p = Tensor(p, requires_grad=True)

    def forward(self, z):
        return self.p


def build(**changes):
    config, rng = small_config(**{"width": 3, **changes}), np.random.default_rng(1)
    method = NNCLR(TinyCNN(config.width, rng), config, rng, random_data())
    method.support_set = Spy(config.queue_size, config.dim, rng)
    return method


def views(rng, b=B):
    return rng.random((2, b, 16, 16, 3), np.float32)


def fill(method, rng, first_id=1000):
    """Real embeddings in all rows, of ids from 1000 on."""
    size, dim = method.support_set.rows.shape
    method.support_set.enqueue(rng.standard_normal((size, dim)).astype(np.float32),
                               first_id + np.arange(size))
    method.support_set.events.clear()


def embeddings(method, x):
    z = method.projector(method.encoder(x))
    return z.numpy(), method.predictor(z).numpy()


def formula(nn1, nn2, p1, p2, temperature):
    """1/2 l(nn1, p2) + 1/2 l(nn2, p1), in float64."""
    total = 0.0
    for nn, p in ((nn1, p2), (nn2, p1)):
        logits = unit(nn) @ unit(p).T / temperature
        total += np.mean([np.log(np.exp(row).sum()) - row[i] for i, row in enumerate(logits)]) / 2
    return total


def test_the_loss_is_the_formula_of_the_paper(rng):
    method = build(temperature=0.2)
    fill(method, rng)
    x1, x2 = views(rng)
    (z1, p1), (z2, p2) = embeddings(method, x1), embeddings(method, x2)
    rows = method.support_set.rows
    nn1, nn2 = (rows[(unit(z) @ rows.T).argmax(axis=1)] for z in (z1, z2))
    loss = method((x1, x2), np.arange(B)).loss.item()
    assert loss == pytest.approx(formula(nn1, nn2, p1, p2, 0.2), rel=1e-5)
    # wrong: predictions of the same view, rows and columns exchanged, no predictor
    for wrong in ((nn1, nn2, p2, p1), (p1, p2, nn1, nn2), (nn1, nn2, z1, z2)):
        assert loss != pytest.approx(formula(*wrong, 0.2), rel=1e-3)


def test_with_neighbours_off_the_embedding_itself_is_the_positive(rng):
    method = build(temperature=0.2, neighbors=False)
    fill(method, rng)
    x1, x2 = views(rng)
    (z1, p1), (z2, p2) = embeddings(method, x1), embeddings(method, x2)
    step = method((x1, x2), np.arange(B))
    assert step.loss.item() == pytest.approx(formula(z1, z2, p1, p2, 0.2), rel=1e-5)
    assert step.neighbors is None
    method.after_step(step)
    assert [e[0] for e in method.support_set.events] == ["enqueue"]  # no search


def test_two_searches_in_one_snapshot_then_one_enqueue_of_view_1(rng):
    method = build()
    for step in range(5):
        x1, x2 = views(rng)
        ids = np.arange(B) + B * step
        z1, z2 = embeddings(method, x1)[0], embeddings(method, x2)[0]
        method.support_set.events.clear()
        found = method((x1, x2), ids)
        events = list(method.support_set.events)
        # 32 rows are full after two batches
        assert [e[0] for e in events] == ["nearest"] * (2 if step >= 2 else 0)
        for (_, query, held, rows), z in zip(events, (z1, z2), strict=False):
            np.testing.assert_array_equal(query, z)
            assert not set(held) & set(ids)  # the queue has no image of this batch
            assert held.min() >= 0
            np.testing.assert_array_equal(rows, events[0][3])
        method.after_step(found)
        (kind, row, enqueued_ids), = method.support_set.events[len(events):]
        assert kind == "enqueue"
        np.testing.assert_array_equal(row, z1)
        np.testing.assert_array_equal(enqueued_ids, ids)
        if step >= 2:
            np.testing.assert_array_equal(found.ids, ids)
            np.testing.assert_array_equal(found.neighbors.ids,
                                          events[0][2][found.neighbors.indices])
            assert set(found.neighbors.ages) <= {1, 2}
    assert method.support_set.counts[2] == 5


@pytest.mark.parametrize(("after", "first"), [(0, 2), (1, 2), (2, 2), (4, 4)])
def test_neighbours_wait_for_a_full_queue_and_for_their_step(after, first, rng):
    method = build(neighbors_after=after / 100)
    searched = []
    for step in range(6):
        found = method(views(rng), np.arange(B), Progress(step, 100))
        if any(e[0] == "nearest" for e in method.support_set.events):
            searched.append(step)
        assert (found.neighbors is not None) == (step in searched)
        method.after_step(found)
        method.support_set.events.clear()
    assert searched == list(range(first, 6))


def test_the_predictor_makes_the_logits(rng):
    """Three different widths; with an output of 0 all candidates are equally likely: ln b."""
    method = build()
    fill(method, rng)
    linear = method.predictor.layers
    assert method.encoder.features == 24
    assert (linear[0].weight.shape, linear[-1].weight.shape) == ((8, 12), (12, 8))
    for p in linear[-1].named_parameters().values():
        p.data[...] = 0
    assert method(views(rng), np.arange(B)).loss.item() == pytest.approx(math.log(B), rel=1e-6)


def test_gradients_flow_through_the_predictions_alone(rng):
    """The neighbour is a constant, and no gradient reaches the queue."""
    method = build()
    fill(method, rng)
    x1, x2 = views(rng)
    before = method.support_set.state_dict()
    method((x1, x2), np.arange(B)).loss.backward()
    assert all(np.array_equal(before[k], v) for k, v in method.support_set.state_dict().items())
    for name, p in method.named_parameters().items():
        assert p.grad is not None, name
        assert np.abs(p.grad).max() > 0, name
    # with constant predictions, no other gradient remains
    method.zero_grad()
    method.predictor = Fixed(rng.standard_normal((B, 8)).astype(np.float32))
    method((x1, x2), np.arange(B)).loss.backward()
    assert np.abs(method.predictor.p.grad).max() > 1e-3
    assert [name for name, p in method.named_parameters().items()
            if p.grad is not None] == ["predictor.p"]


@pytest.mark.parametrize("queue", [80, 200, 400, 600])
def test_the_self_match_rate_is_the_formula(queue):
    """Images that never change, in a new order every epoch: how often is an image in the queue?

    With n batches an epoch and q in the queue, i and j uniform in 0..n-1, it is if (n - i) + j <=
    q: a rate of q (q + 1) / (2 n^2) for q <= n, and 1 - (2n - q)(2n - q - 1) / (2 n^2) above.
    """
    images, b, epochs, rng = 400, 8, 50, np.random.default_rng(5)
    fixed = rng.standard_normal((images, 16)).astype(np.float32)
    support_set, steps = SupportSet(queue, 16, rng), []
    for _ in range(epochs):
        for ids in batches(rng.permutation(images), b):
            if support_set.filled == queue:
                nearest = support_set.nearest(fixed[ids])[1]
                steps.append(Step(Tensor(0.0), ids, neighbors=support_set.neighbors(nearest)))
            support_set.enqueue(fixed[ids], ids)
    n, q = images // b, queue // b
    rate = q * (q + 1) / (2 * n * n) if q <= n else 1 - (2 * n - q) * (2 * n - q - 1) / (2 * n * n)
    labels = np.zeros(images, np.int64)
    measured = means([[0.0, *step_diagnostics(step, labels)] for step in steps])
    assert measured["self_match_rate"] == pytest.approx(rate, abs=0.006)


def test_neighbours_are_many_different_ones_from_the_start():
    run = trained(random_data(160), batch_size=32, queue_size=64, epochs=3)
    assert all(row["unique_neighbors"] > 32 / 4 for row in run.metrics)
