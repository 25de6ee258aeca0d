"""The losses against double loops in float64, and at points where their value is known."""
import math

import numpy as np
import pytest
from small import unit

from tinynnclr import Tensor, gradcheck
from tinynnclr.methods.losses import (
    cosine_loss,
    info_nce_loss,
    mean_of_others_loss,
    nce_loss,
    nnclr_loss,
    nt_xent_loss,
)

T = 0.3


def nnclr_by_loops(neighbors, p, temperature):
    """Equation 3 of the NNCLR paper, term by term."""
    nn, p = unit(neighbors), unit(p)
    total = 0.0
    for i in range(len(nn)):
        scores = [sum(nn[i, k] * p[j, k] for k in range(p.shape[1])) / temperature
                  for j in range(len(p))]
        total -= math.log(math.exp(scores[i]) / sum(math.exp(s) for s in scores))
    return total / len(nn)


def nt_xent_by_loops(z1, z2, temperature):
    """Equation 1 of the SimCLR paper, the mean over all 2b anchors."""
    z, b, total = unit(np.concatenate([z1, z2])), len(z1), 0.0
    for i in range(2 * b):
        scores = [sum(z[i, k] * z[j, k] for k in range(z.shape[1])) / temperature
                  for j in range(2 * b)]
        right = scores[(i + b) % (2 * b)]
        total -= math.log(math.exp(right)
                          / sum(math.exp(s) for j, s in enumerate(scores) if j != i))
    return total / (2 * b)


def both_by_loops(neighbors, p, temperature):
    return (nnclr_by_loops(neighbors, p, temperature)
            + nnclr_by_loops(p, neighbors, temperature)) / 2


LOSSES = {"nnclr": (lambda a, b, t=T: nnclr_loss(a, Tensor(b), t), nnclr_by_loops),
          "both": (lambda a, b, t=T: nnclr_loss(a, Tensor(b), t, True), both_by_loops),
          "nt_xent": (lambda a, b, t=T: nt_xent_loss(Tensor(a), Tensor(b), t), nt_xent_by_loops)}
each = pytest.mark.parametrize("name", LOSSES)


@each
@pytest.mark.parametrize(("b", "d", "temperature"), [(2, 3, 0.1), (5, 4, 0.5), (9, 2, 1.0),
                                                     (6, 16, 0.2), (4, 1, 0.7)])
@pytest.mark.parametrize(("dtype", "rel"), [(np.float64, 1e-12), (np.float32, 1e-5)])
def test_double_loop(name, b, d, temperature, dtype, rel, rng):
    rows = rng.standard_normal((2, b, d)) * rng.uniform(0.1, 9, (2, b, 1))
    loss = LOSSES[name][0](*rows.astype(dtype), temperature)
    assert loss.dtype == dtype
    assert loss.shape == ()
    assert loss.item() == pytest.approx(LOSSES[name][1](*rows, temperature), rel=rel)


@each
@pytest.mark.parametrize("b", [2, 7, 64])
def test_equal_embeddings_cost_the_logarithm_of_the_candidates(name, b):
    same = np.ones((b, 5), np.float32) * 3
    candidates = 2 * b - 1 if name == "nt_xent" else b
    assert LOSSES[name][0](same, same).item() == pytest.approx(math.log(candidates), rel=1e-6)


@each
def test_a_huge_similarity_overflows_nothing(name):
    eye = np.eye(3, dtype=np.float32)
    assert LOSSES[name][0](eye, eye, 1e-3).item() == 0.0
    wanted = 1000 + math.log(4 if name == "nt_xent" else 2)
    assert LOSSES[name][0](eye, -eye, 1e-3).item() == pytest.approx(wanted, rel=1e-6)


def test_gradients(rng):
    neighbors, one, two = rng.standard_normal((3, 5, 4))
    gradcheck(lambda p: nnclr_loss(neighbors, p, T), one)
    gradcheck(lambda p: nnclr_loss(neighbors, p, T, both_directions=True), one)
    gradcheck(lambda a, b: nt_xent_loss(a, b, T), one, two)


def test_no_gradient_enters_the_neighbours(rng):
    neighbors, rows = rng.standard_normal((2, 5, 4)).astype(np.float32)
    before, p = neighbors.copy(), Tensor(rows, requires_grad=True)
    loss = nnclr_loss(neighbors, p, T)
    leaves, stack = [], [loss.node]
    while stack:
        node = stack.pop()
        leaves += [node] if not node.parents else []
        stack += [parent for parent in node.parents if parent is not None]
    assert set(leaves) == {p.node}  # an array has no node: backward reaches only p
    loss.backward()
    np.testing.assert_array_equal(neighbors, before)
    assert np.abs(p.grad).max() > 1e-3


# ---------------------------------------------------------------- one positive, many negatives


def info_nce_by_loops(positive, negatives, temperature, allowed):
    total = 0.0
    for i in range(len(positive)):
        right = math.exp(positive[i, 0] / temperature)
        wrong = sum(math.exp(s / temperature)
                    for s, ok in zip(negatives[i], allowed[i], strict=True) if ok)
        total -= math.log(right / (right + wrong))
    return total / len(positive)


def nce_by_loops(positive, negatives, temperature, z, share, allowed):
    total = 0.0
    for i in range(len(positive)):
        p = math.exp(positive[i, 0] / temperature) / z
        total -= math.log(p / (p + share))
        for s, ok in zip(negatives[i], allowed[i], strict=True):
            total -= math.log(share / (math.exp(s / temperature) / z + share)) if ok else 0
    return total / len(positive)


@pytest.mark.parametrize("some", [False, True])
@pytest.mark.parametrize(("b", "n", "temperature"), [(1, 1, 0.1), (5, 7, 0.3), (3, 20, 1.0)])
def test_one_positive_and_many_negatives(b, n, temperature, some, rng):
    positive, negatives = rng.uniform(-1, 1, (b, 1)), rng.uniform(-1, 1, (b, n))
    allowed = rng.random((b, n)) < 0.5 if some else np.ones((b, n), bool)
    given = allowed if some else None
    value = info_nce_loss(Tensor(positive), Tensor(negatives), temperature, given).item()
    assert value == pytest.approx(info_nce_by_loops(positive, negatives, temperature, allowed),
                                  rel=1e-12)
    value = nce_loss(Tensor(positive), Tensor(negatives), temperature, 40 * 0.2, given).item()
    assert value == pytest.approx(nce_by_loops(positive, negatives, temperature, 40, 0.2, allowed),
                                  rel=1e-12)
    gradcheck(lambda p, n: info_nce_loss(p, n, temperature, given), positive, negatives)
    gradcheck(lambda p, n: nce_loss(p, n, temperature, 8.0, given), positive, negatives)


def test_info_nce_without_negatives_is_zero():
    loss = info_nce_loss(Tensor(np.ones((4, 1))), Tensor(np.zeros((4, 6))), T,
                         np.zeros((4, 6), bool))
    assert loss.item() == 0


def test_the_cosine_loss(rng):
    p, target = rng.standard_normal((2, 6, 4))
    wanted = np.mean(np.sum((unit(p) - unit(target)) ** 2, axis=1))
    assert cosine_loss(Tensor(p), target).item() == pytest.approx(wanted, rel=1e-12)
    gradcheck(lambda p: cosine_loss(p, target), p)


@pytest.mark.parametrize(("v", "b", "d", "temperature"),
                         [(3, 2, 3, 0.1), (4, 5, 4, 0.5), (6, 3, 2, 1.0)])
def test_many_views_by_loops(v, b, d, temperature, rng):
    """Each view against the mean of the others of its image, among those of all images."""
    views = rng.standard_normal((v, b, d)) * rng.uniform(0.1, 9, (v, b, 1))
    z, total = unit(views), 0.0
    for i in range(v):
        means = unit(np.stack([sum(z[u, j] for u in range(v) if u != i) / (v - 1)
                               for j in range(b)]))
        for n in range(b):
            scores = [sum(z[i, n, k] * means[j, k] for k in range(d)) / temperature
                      for j in range(b)]
            total -= math.log(math.exp(scores[n]) / sum(map(math.exp, scores)))
    loss = mean_of_others_loss([Tensor(rows) for rows in views], temperature)
    assert loss.item() == pytest.approx(total / (v * b), rel=1e-11)
    gradcheck(lambda *zs: mean_of_others_loss(zs, temperature), *views)
