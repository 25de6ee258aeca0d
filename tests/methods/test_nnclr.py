"""NNCLR against its paper: what is searched, with what, when, and what goes into the queue."""
import math

import numpy as np
import pytest
from small import easy_data, random_data, small_config

from tinynnclr import Tensor
from tinynnclr.datasets.dataset import batches
from tinynnclr.datasets.views import augmentation_pair
from tinynnclr.methods import METHODS, NNCLR, SimCLR, SupportSet
from tinynnclr.methods.method import Progress, Step
from tinynnclr.models import TinyCNN
from tinynnclr.nn import Module
from tinynnclr.train.diagnostics import means, step_diagnostics
from tinynnclr.train.hooks import train_run
from tinynnclr.train.run import Run

B = 16


class Spy(SupportSet):
    """A queue that remembers what it was asked, and what it held then."""

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
    """A predictor that says the same whatever it is given."""

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


def unit(rows):
    rows = rows.astype(np.float64)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


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
    # predictions of the same view: a mistake
    assert loss != pytest.approx(formula(nn1, nn2, p2, p1, 0.2), rel=1e-3)
    # the other way round: another
    assert loss != pytest.approx(formula(p1, p2, nn1, nn2, 0.2), rel=1e-3)
    # without the predictor: a third
    assert loss != pytest.approx(formula(nn1, nn2, z1, z2, 0.2), rel=1e-3)


def test_with_neighbours_off_the_embedding_itself_is_the_positive(rng):
    method = build(temperature=0.2, neighbors=False)
    fill(method, rng)
    x1, x2 = views(rng)
    (z1, p1), (z2, p2) = embeddings(method, x1), embeddings(method, x2)
    step = method((x1, x2), np.arange(B))
    assert step.loss.item() == pytest.approx(formula(z1, z2, p1, p2, 0.2), rel=1e-5)
    assert step.neighbors is None
    method.after_step(step)
    assert [e[0] for e in method.support_set.events] == ["enqueue"]  # and nothing was searched


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
            np.testing.assert_array_equal(query, z)  # the search is made with z
            assert not set(held) & set(ids)  # and meets nobody of this batch
            assert held.min() >= 0
            np.testing.assert_array_equal(rows, events[0][3])
        method.after_step(found)
        (kind, row, who), = method.support_set.events[len(events):]
        assert kind == "enqueue"
        np.testing.assert_array_equal(row, z1)
        np.testing.assert_array_equal(who, ids)
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
    """Three different widths, and with a predictor that says 0 every candidate is as likely as any
    other: ln b.
    """
    method = build()
    fill(method, rng)
    linear = method.predictor.layers
    assert (method.encoder.features, linear[0].weight.shape, linear[-1].weight.shape) == (24,
                                                                                          (8, 12),
                                                                                          (12, 8))
    for p in linear[-1].named_parameters().values():
        p.data[...] = 0
    assert method(views(rng), np.arange(B)).loss.item() == pytest.approx(math.log(B), rel=1e-6)


def test_gradients_flow_through_the_predictions_alone(rng):
    """The neighbour is a constant: what is found with z teaches z nothing, and no gradient reaches
    the queue.
    """
    method = build()
    fill(method, rng)
    x1, x2 = views(rng)
    before = method.support_set.state_dict()
    method((x1, x2), np.arange(B)).loss.backward()
    assert all(np.array_equal(before[k], v) for k, v in method.support_set.state_dict().items())
    for name, p in method.named_parameters().items():
        assert p.grad is not None, name
        assert np.abs(p.grad).max() > 0, name
    # predictions that do not depend on z cut the only way back: nothing else may learn
    method.zero_grad()
    method.predictor = Fixed(rng.standard_normal((B, 8)).astype(np.float32))
    method((x1, x2), np.arange(B)).loss.backward()
    assert np.abs(method.predictor.p.grad).max() > 1e-3
    assert [name for name,
            p in method.named_parameters().items() if p.grad is not None] == ["predictor.p"]


def test_simclr_has_no_queue_and_takes_both_views(rng):
    config = small_config(method="simclr")
    method = SimCLR(TinyCNN(2, rng), config, rng, random_data())
    assert not any(isinstance(m, SupportSet) for m in method.modules())
    assert not any("support" in name or "predictor" in name for name in method.state_dict())
    x1, x2 = views(rng)
    z = unit(np.concatenate([method.projector(method.encoder(x)).numpy() for x in (x1, x2)]))
    logits = z @ z.T / config.temperature
    np.fill_diagonal(logits, -np.inf)
    wanted = np.mean(np.log(np.exp(logits).sum(axis=1))
                     - logits[np.arange(2 * B), (np.arange(2 * B) + B) % (2 * B)])
    assert method((x1, x2), np.arange(B)).loss.item() == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("queue", [80, 200, 400, 600])
def test_self_matches_are_as_many_as_reckoned(queue):
    """Images that never change, seen in a new order every epoch: how often is one's own old copy in
    the queue?

    With n batches an epoch and q in the queue, i and j uniform in 0..n-1, it is when (n - i) + j <=
    q: the share is q (q + 1) / (2 n^2) for q <= n, close to Q^2 / (2 N^2), and 1 - (2n - q)(2n - q
    - 1) / (2 n^2) above.
    """
    images, b, epochs, rng = 400, 8, 50, np.random.default_rng(5)
    fixed = rng.standard_normal((images, 16)).astype(np.float32)
    support_set, found_by_step = SupportSet(queue, 16, rng), []
    for _ in range(epochs):
        for ids in batches(rng.permutation(images), b):
            if support_set.filled == queue:
                found = support_set.nearest(fixed[ids])[1]
                found_by_step.append(Step(Tensor(0.0), ids, neighbors=support_set.neighbors(found)))
            support_set.enqueue(fixed[ids], ids)
    n, q = images // b, queue // b
    share = q * (q + 1) / (2 * n * n) if q <= n else 1 - (2 * n - q) * (2 * n - q - 1) / (2 * n * n)
    limit = (queue / images) ** 2 / 2 if q <= n else 1 - (2 - queue / images) ** 2 / 2
    labels = np.zeros(images, np.int64)
    measured = means([[0.0, *step_diagnostics(step, labels)] for step in found_by_step])["self_match_rate"]
    assert measured == pytest.approx(share, abs=0.006)
    assert measured == pytest.approx(limit, abs=0.02)


def test_neighbours_are_many_different_ones_from_the_start():
    run, data = Run(small_config(batch_size=32, queue_size=64, epochs=3),
                    random_data(160)), random_data(160)
    train_run(run, data, augmentation_pair("simclr"), progress=False)
    # measured from the moment the queue was full
    assert run.metrics[0]["unique_neighbors"] > 32 / 4
    assert run.metrics[-1]["unique_neighbors"] > 32 / 4


@pytest.mark.parametrize(("name", "guess"), [("nnclr", math.log(B)),
                                             ("simclr", math.log(2 * B - 1))])
def test_training_leaves_the_guess_behind(name, guess):
    data = easy_data(64)
    run = Run(small_config(method=name, epochs=15, width=4, lr=0.2, detrend=False), data)
    assert name in METHODS
    train_run(run, data, augmentation_pair("crop-only"), progress=False)
    assert run.metrics[-1]["loss"] < 0.9 * guess
    assert run.metrics[-1]["loss"] < run.metrics[0]["loss"]
