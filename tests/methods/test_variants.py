"""NNCLR's variants: the effect of each flag."""
import math

import numpy as np
import pytest
from one_line import fails
from small import small_config, unit

from tinynnclr import Tensor
from tinynnclr.methods import NNCLR
from tinynnclr.methods.losses import nnclr_loss
from tinynnclr.methods.method import START, Progress
from tinynnclr.models import TinyCNN

B = 16


def build(**changes):
    config, rng = small_config(**{"width": 3, "temperature": 0.2,
                                  **changes}), np.random.default_rng(1)
    method = NNCLR(TinyCNN(config.width, rng), config, rng)
    size, dim = method.support_set.rows.shape
    rows = np.random.default_rng(2).standard_normal((size, dim)).astype(np.float32)
    method.support_set.enqueue(rows, 1000 + np.arange(size))
    return method


def queries(rng, n=B):
    return rng.standard_normal((n, 8)).astype(np.float32)


def test_a_random_one_of_the_nearest(rng):
    z, method = queries(rng, 200), build(top_k=4)
    order = np.argsort(-(unit(z) @ method.support_set.rows.T.astype(float)), axis=1)
    seen = []
    for step in range(50):
        rows, found = method.search(z, np.arange(B), Progress(step, 50))
        np.testing.assert_array_equal(rows, method.support_set.rows[found])
        seen.append((order == found[:, None]).argmax(axis=1))
    assert set(np.ravel(seen)) == {0, 1, 2, 3}
    counts = np.bincount(np.ravel(seen))
    assert np.abs(counts - 2500).max() < 4 * math.sqrt(2500 * 0.75)  # each as often as the others
    # the same step draws the same
    again = method.search(z, np.arange(B), Progress(49, 50))[1]
    np.testing.assert_array_equal(again, found)
    np.testing.assert_array_equal(build(top_k=1).search(z, np.arange(B), START)[1], order[:, 0])
    with fails(ValueError, "top_k: expected at most queue_size, 32, got 33"):
        small_config(top_k=33)


def test_the_mean_of_all_weighed_by_a_softmax(rng):
    z, method = queries(rng), build(soft_neighbor=True)
    rows = method.support_set.rows.astype(float)
    weights = np.exp(unit(z) @ rows.T / 0.2)
    mean, found = method.search(z, np.arange(B), START)
    np.testing.assert_allclose(mean, weights / weights.sum(axis=1, keepdims=True) @ rows, atol=1e-5)
    np.testing.assert_array_equal(found, weights.argmax(axis=1))
    assert isinstance(mean, np.ndarray)
    hard, _ = method.support_set.soft_nearest(z, 1e-5)  # so sharp that it is the nearest one
    np.testing.assert_allclose(hard, method.support_set.nearest(z)[0], atol=1e-4)
    flat, _ = method.support_set.soft_nearest(z, 1e4)  # and so flat that it is the same for all
    np.testing.assert_allclose(flat, np.tile(rows.mean(axis=0), (B, 1)), atol=1e-3)


@pytest.mark.parametrize("momentum_encoder", [False, True])
def test_the_momentum_encoder_s_embeddings_are_searched_and_enqueued(momentum_encoder, rng):
    method = build(momentum_encoder=momentum_encoder, ema=1.0)
    for p in method.projector.parameters():
        # the momentum encoder keeps the first weights
        p.data = p.data + 0.3 * rng.standard_normal(p.shape).astype(np.float32)
    x1, x2 = rng.random((2, B, 16, 16, 3), np.float32)
    z = [method.projector(method.encoder(x)) for x in (x1, x2)]
    p1, p2 = (method.predictor(v).numpy() for v in z)
    search = ([method.momentum_encoder(x) for x in (x1, x2)] if momentum_encoder
              else [v.numpy() for v in z])
    rows = method.support_set.rows.astype(float)
    nn1, nn2 = (rows[(unit(s) @ rows.T).argmax(axis=1)] for s in search)
    wanted = sum(nnclr_loss(nn, Tensor(p.astype(float)), 0.2).item()
                 for nn, p in ((nn1, p2), (nn2, p1))) / 2
    step = method((x1, x2), np.arange(B))
    assert step.loss.item() == pytest.approx(wanted, rel=1e-4)
    method.after_step(step)
    newest = method.support_set.rows[method.support_set.born == method.support_set.counts[2]]
    np.testing.assert_allclose(np.sort(newest, axis=0), np.sort(unit(search[0]), axis=0), atol=1e-5)
    assert (method.momentum_encoder is not None) == momentum_encoder


@pytest.mark.parametrize("predictor", [False, True])
def test_with_and_without_a_predictor(predictor, rng):
    method, z = build(predictor=predictor), Tensor(queries(rng))
    assert (method.predictor(z) is z) == (not predictor)
    assert any("predictor" in name for name in method.named_parameters()) == predictor


def test_both_directions(rng):
    x = rng.random((2, B, 16, 16, 3), np.float32)
    values = [build(both_directions=both)(x, np.arange(B)).loss.item() for both in (False, True)]
    assert values[0] != values[1]
