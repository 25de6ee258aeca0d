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


def test_the_default_is_the_paper_s_method():
    """The one difference is neighbors_after, for runs that are short."""
    config = NNCLR.Config()
    assert (config.neighbors, config.predictor, config.top_k) == (True, True, 1)
    assert not any((config.top_k_mean, config.soft_neighbor, config.both_directions,
                    config.momentum_encoder))
    assert (config.own_view, config.neighbors_after) == ("gradient", 0.5)


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


@pytest.mark.parametrize("k", [1, 2, 5, 32])
def test_the_mean_of_the_nearest(k, rng):
    """A plain loop; the index is that of the nearest one."""
    z, method = queries(rng), build(top_k=k, top_k_mean=True)
    rows = method.support_set.rows.astype(float)
    mean, found = method.search(z, np.arange(B), START)
    assert isinstance(mean, np.ndarray)
    assert mean.dtype == np.float32
    for query, got, index in zip(unit(z), mean, found, strict=True):
        order = sorted(range(len(rows)), key=lambda j: -(query @ rows[j]))
        np.testing.assert_allclose(got, sum(rows[j] for j in order[:k]) / k, atol=1e-6)
        assert index == order[0]
    if k == 1:  # the plain nearest, byte for byte
        for got, wanted in zip((mean, found), build().search(z, np.arange(B), START), strict=True):
            np.testing.assert_array_equal(got, wanted)


def test_the_mean_is_scaled_to_length_1_by_the_loss(rng):
    """Its length, which is below 1, changes nothing."""
    method, x = build(top_k=5, top_k_mean=True), rng.random((2, B, 16, 16, 3), np.float32)
    z = [method.projector(method.encoder(view)) for view in x]
    means = [method.search(v.numpy(), np.arange(B), START)[0] for v in z]
    assert np.linalg.norm(means[0], axis=1).max() < 0.99
    p1, p2 = (method.predictor(v).numpy().astype(float) for v in z)
    wanted = sum(nnclr_loss(unit(mean), Tensor(p), 0.2).item()
                 for mean, p in ((means[0], p2), (means[1], p1))) / 2
    step = method(x, np.arange(B))
    assert step.loss.item() == pytest.approx(wanted, rel=1e-5)
    np.testing.assert_array_equal(step.neighbors.indices,
                                  build().search(z[0].numpy(), np.arange(B), START)[1])


# ---------------------------------------------------------------- the own view as a constant


def first_step(own_view, neighbors_after=0.0, step=0, full=True, **changes):
    """(loss, {parameter: gradient}, neighbours) of a method without neighbours."""
    method = build(neighbors=False, own_view=own_view, neighbors_after=neighbors_after, **changes)
    if not full:
        method.support_set.counts[1] -= 1
    x = np.random.default_rng(5).random((2, B, 16, 16, 3), np.float32)
    result = method(x, np.arange(B), Progress(step, 10))
    result.loss.backward()
    return (result.loss.item(), {name: p.grad for name, p in method.named_parameters().items()},
            result.neighbors)


def loss_with_constants(constant):
    """The gradients of 1/2 l(z1, p2) + 1/2 l(z2, p1), z as a constant or not."""
    method = build(neighbors=False)
    x = np.random.default_rng(5).random((2, B, 16, 16, 3), np.float32)
    z1, z2 = (method.projector(method.encoder(view)) for view in x)
    p1, p2 = method.predictor(z1), method.predictor(z2)
    if constant:
        z1, z2 = z1.numpy().copy(), z2.numpy().copy()
    ((nnclr_loss(z1, p2, 0.2) + nnclr_loss(z2, p1, 0.2)) * 0.5).backward()
    return {name: p.grad for name, p in method.named_parameters().items()}


@pytest.mark.parametrize("own_view", ["gradient", "constant"])
def test_the_own_view_passes_gradients_or_is_a_constant(own_view):
    """The loss is the same; the gradients are those of the formula."""
    loss, gradients, neighbors = first_step(own_view)
    assert loss == first_step("gradient")[0]
    assert neighbors is None
    right, wrong = (loss_with_constants(constant=(own_view == "constant") == same)
                    for same in (True, False))
    for name, gradient in gradients.items():
        np.testing.assert_allclose(gradient, right[name], rtol=1e-4, atol=1e-6, err_msg=name)
    different = [name for name, gradient in gradients.items()
                 if not np.allclose(gradient, wrong[name], rtol=1e-2, atol=1e-5)]
    assert {name.split(".")[0] for name in different} == {"encoder", "projector"}


def test_the_positive_is_an_array_as_a_neighbour_is(rng):
    z = Tensor(queries(rng), requires_grad=True)
    for own_view, kind in (("constant", np.ndarray), ("gradient", Tensor)):
        method = build(neighbors=False, own_view=own_view)
        positive, indices = method.positives(z, np.arange(B), START)
        assert type(positive) is kind
        assert indices is None
        np.testing.assert_array_equal(np.asarray(getattr(positive, "data", positive)), z.data)


@pytest.mark.parametrize(("after", "step", "full", "constant"), [
    (0.5, 4, True, False), (0.5, 5, True, True), (0.5, 9, True, True), (0.0, 0, True, True),
    (0.0, 0, False, False), (0.5, 9, False, False), (1.0, 9, True, False)])
def test_the_own_view_is_a_constant_when_neighbours_would_be_used(after, step, full, constant, rng):
    """From neighbors_after on, and once the queue is full."""
    gradients = {own_view: first_step(own_view, after, step, full)[1]
                 for own_view in ("gradient", "constant")}
    name = "projector.layers.0.weight"
    assert np.array_equal(*(g[name] for g in gradients.values())) != constant
    searched = build(neighbors_after=after)
    if not full:
        searched.support_set.counts[1] -= 1
    _, indices = searched.positives(Tensor(queries(rng)), np.arange(B), Progress(step, 10))
    assert (indices is not None) == constant


def test_a_momentum_encoder_s_own_view_is_a_constant_anyway():
    runs = [first_step(own_view, momentum_encoder=True)
            for own_view in ("gradient", "constant")]
    assert runs[0][0] == runs[1][0]
    for name, gradient in runs[0][1].items():
        np.testing.assert_array_equal(gradient, runs[1][1][name], err_msg=name)


def test_a_constant_own_view_beside_neighbours_is_refused():
    for method in ("nnclr", "oracle_nnclr"):
        with fails(ValueError, "own_view: expected gradient, or neighbors off.*, got 'constant'"):
            small_config(method=method, own_view="constant")
        assert small_config(method=method, own_view="constant", neighbors=False)
    with fails(ValueError, "own_view: expected .*gradient.*constant.*'off'"):
        small_config(own_view="off", neighbors=False)


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
