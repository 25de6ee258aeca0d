"""The losses against double loops, at points where their value is known, and what they must not
depend on.
"""
import math

import numpy as np
import pytest

from tinynnclr import Tensor, gradcheck, ops
from tinynnclr.methods.losses import cosine_loss, info_nce_loss, mean_of_others_loss, nce_loss, nnclr_loss, nt_xent_loss

T = 0.3


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def nnclr_by_loops(neighbors, p, temperature):
    """Equation 3 of the NNCLR paper, term by term."""
    nn, p = unit(neighbors), unit(p)
    total = 0.0
    for i in range(len(nn)):
        scores = [sum(nn[i, k] * p[j, k] for k in range(p.shape[1])) / temperature for j
                  in range(len(p))]
        total -= math.log(math.exp(scores[i]) / sum(math.exp(s) for s in scores))
    return total / len(nn)


def nt_xent_by_loops(z1, z2, temperature):
    """Equation 1 of the SimCLR paper, the mean over all 2b anchors."""
    z, b, total = unit(np.concatenate([z1, z2])), len(z1), 0.0
    for i in range(2 * b):
        scores = [sum(z[i, k] * z[j, k] for k in range(z.shape[1])) / temperature for j
                  in range(2 * b)]
        right = scores[(i + b) % (2 * b)]
        total -= math.log(math.exp(right) / sum(math.exp(s) for j,
                                                s in enumerate(scores) if j != i))
    return total / (2 * b)


LOSSES = {"nnclr": (lambda a, b, t=T: nnclr_loss(a, Tensor(b), t), nnclr_by_loops),
          "nt_xent": (lambda a, b, t=T: nt_xent_loss(Tensor(a), Tensor(b), t), nt_xent_by_loops)}
both = pytest.mark.parametrize("name", LOSSES)


def value(name, a, b, t=T):
    return LOSSES[name][0](a, b, t).item()


@both
@pytest.mark.parametrize(("b", "d", "temperature"), [(2, 3, 0.1), (5, 4, 0.5), (9, 2, 1.0),
                                                     (6, 16, 0.2), (4, 1, 0.7)])
def test_double_loop(name, b, d, temperature, rng):
    one, two = rng.standard_normal((2, b, d)) * rng.uniform(0.1, 9, (2, b, 1))
    assert value(name, one, two, temperature) == pytest.approx(LOSSES[name][1](one, two,
                                                                               temperature),
                                                               rel=1e-12)


@both
@pytest.mark.parametrize("b", [2, 7, 64])
def test_equal_embeddings_cost_the_logarithm_of_the_candidates(name, b):
    same = np.ones((b, 5), np.float32) * 3
    candidates = {"nnclr": b, "nt_xent": 2 * b - 1}[name]
    assert value(name, same, same) == pytest.approx(math.log(candidates), rel=1e-6)


@both
@pytest.mark.parametrize("temperature", [0.1, 0.5, 2.0])
def test_a_perfect_match_of_orthonormal_rows(name, temperature):
    b, eye = 6, np.eye(6)
    others = {"nnclr": b - 1, "nt_xent": 2 * b - 2}[name]
    wanted = math.log(1 + others * math.exp(-1 / temperature))
    assert value(name, eye, eye, temperature) == pytest.approx(wanted, rel=1e-12)


@both
def test_the_temperature_divides_the_similarities_once(name, rng):
    """loss(t) is the cross-entropy of S / t, computed here from the matrix S itself."""
    one, two = rng.standard_normal((2, 5, 4))
    if name == "nnclr":
        similarities, labels = unit(one) @ unit(two).T, np.arange(5)
    else:
        z = unit(np.concatenate([one, two]))
        similarities, labels = z @ z.T + np.diag(np.full(10, -1e6)), (np.arange(10) + 5) % 10
    for t in (0.05, 0.2, 1.0, 3.0):
        wanted = ops.cross_entropy(Tensor(similarities / t), labels=labels).item()
        assert value(name, one, two, t) == pytest.approx(wanted, rel=1e-12)


def test_nobody_is_their_own_candidate(rng, monkeypatch):
    """Whatever stands on the diagonal of the similarities, NT-Xent stays as it is, and so does its
    gradient.
    """
    z1, z2 = rng.standard_normal((2, 4, 3))
    results, real = [], ops.matmul
    for extra in (0.0, 1e3, -1e3):
        with monkeypatch.context() as patch:
            patch.setattr(ops, "matmul", lambda a, b, extra=extra: real(a, b) + np.eye(8) * extra)
            leaf = Tensor(z1, requires_grad=True)
            loss = nt_xent_loss(leaf, Tensor(z2), T)
            loss.backward()
        results.append((loss.item(), leaf.grad.tobytes()))
    assert results[0] == results[1] == results[2]


@both
def test_the_batch_is_averaged_not_summed(name, rng):
    """Copies of a batch add candidates that tie with the right one, and not one more term for each
    anchor.
    """
    one, two = rng.standard_normal((2, 6, 4))
    order = rng.permutation(6)
    assert value(name, one[order], two[order]) == pytest.approx(value(name, one, two), rel=1e-12)
    # so sharp that only the ties count: of one's own view there is one fewer, oneself
    for copies in (1, 2, 5):
        rows = np.concatenate([np.eye(8)] * copies)
        ties = {"nnclr": copies, "nt_xent": 2 * copies - 1}[name]
        assert value(name, rows, rows, 0.01) == pytest.approx(math.log(ties), rel=1e-9, abs=1e-12)


@both
def test_lengths_do_not_matter(name, rng):
    one, two = rng.standard_normal((2, 5, 4))
    before = value(name, one, two)
    for row in range(5):  # one row at a time: a normalisation over the wrong axis would show
        for which in range(2):
            pair = [one.copy(), two.copy()]
            pair[which][row] *= 10
            assert value(name, *pair) == pytest.approx(before, rel=1e-12)
    assert value(name, one * 1e-4, two * rng.uniform(0.1, 30, (5, 1))) == pytest.approx(before,
                                                                                        rel=1e-12)
    pair = [one.copy(), two.copy()]
    pair[0][:, 0] *= 10  # but the columns do
    assert value(name, *pair) != pytest.approx(before, rel=1e-3)


@both
def test_a_huge_similarity_overflows_nothing(name):
    eye = np.eye(3, dtype=np.float32)
    assert value(name, eye, eye, 1e-3) == 0.0
    assert value(name, eye, -eye,
                 1e-3) == pytest.approx(1000 + math.log({"nnclr": 2, "nt_xent": 4}[name]), rel=1e-6)


def test_nt_xent_treats_the_views_alike(rng):
    one, two = rng.standard_normal((2, 5, 4))
    assert value("nt_xent", one, two) == pytest.approx(value("nt_xent", two, one), rel=1e-13)
    # rows anchor, columns compete
    assert value("nnclr", one, two) != pytest.approx(value("nnclr", two, one), rel=1e-3)


def test_gradients(rng):
    neighbors, one, two = rng.standard_normal((3, 5, 4))
    gradcheck(lambda p: nnclr_loss(neighbors, p, T), one)
    gradcheck(lambda a, b: nt_xent_loss(a, b, T), one, two)


def test_no_gradient_enters_the_neighbours(rng):
    neighbors = rng.standard_normal((5, 4)).astype(np.float32)
    before, p = neighbors.copy(), Tensor(rng.standard_normal((5, 4)).astype(np.float32),
                                         requires_grad=True)
    loss = nnclr_loss(neighbors, p, T)
    leaves, stack = [], [loss.node]
    while stack:
        node = stack.pop()
        leaves += [node] if not node.parents else []
        stack += [parent for parent in node.parents if parent is not None]
    assert set(leaves) == {p.node}  # an array has no node: p is all that backward can reach
    loss.backward()
    np.testing.assert_array_equal(neighbors, before)
    assert np.abs(p.grad).max() > 1e-3
    # it turns p, it does not lengthen it
    np.testing.assert_allclose((p.grad * p.data).sum(axis=1), 0, atol=1e-6)


@both
def test_float32_stays_float32(name, rng):
    one, two = rng.standard_normal((2, 5, 4)).astype(np.float32)
    loss = LOSSES[name][0](one, two)
    assert loss.dtype == np.float32
    assert loss.shape == ()
    assert loss.item() == pytest.approx(LOSSES[name][1](one.astype(float), two.astype(float), T),
                                        rel=1e-5)


# ---------------------------------------------------------------- from similarities: one positive,
# many negatives


def info_nce_by_loops(positive, negatives, temperature, allowed):
    total = 0.0
    for i in range(len(positive)):
        right = math.exp(positive[i, 0] / temperature)
        wrong = sum(math.exp(s / temperature) for s, ok in zip(negatives[i], allowed[i],
                                                               strict=True) if ok)
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


@pytest.mark.parametrize("k", [1, 6, 300])
def test_known_points_of_info_nce(k):
    same = info_nce_loss(Tensor(np.full((4, 1), 0.7)), Tensor(np.full((4, k), 0.7)), T).item()
    assert same == pytest.approx(math.log(k + 1), rel=1e-12)
    perfect = info_nce_loss(Tensor(np.ones((4, 1))), Tensor(np.zeros((4, k))), T).item()
    assert perfect == pytest.approx(math.log(1 + k * math.exp(-1 / T)), rel=1e-12)
    assert info_nce_loss(Tensor(np.ones((4, 1))), Tensor(np.zeros((4, k))), T,
                         np.zeros((4, k), bool)).item() == 0


def test_the_cosine_loss(rng):
    p, target = rng.standard_normal((2, 6, 4))
    wanted = np.mean(np.sum((unit(p) - unit(target)) ** 2, axis=1))
    assert cosine_loss(Tensor(p), target).item() == pytest.approx(wanted, rel=1e-12)
    assert cosine_loss(Tensor(p), p * 3).item() == pytest.approx(0, abs=1e-12)
    assert cosine_loss(Tensor(p), -p).item() == pytest.approx(4)
    gradcheck(lambda p: cosine_loss(p, target), p)


@pytest.mark.parametrize(("v", "b", "d", "temperature"),
                         [(3, 2, 3, 0.1), (4, 5, 4, 0.5), (6, 3, 2, 1.0)])
def test_many_views_by_loops(v, b, d, temperature, rng):
    """Each view against the mean of the others of its image, among those of all images."""
    views = rng.standard_normal((v, b, d)) * rng.uniform(0.1, 9, (v, b, 1))
    z, total = np.stack([unit(rows) for rows in views]), 0.0
    for i in range(v):
        means = unit(np.stack([sum(z[u, j] for u in range(v) if u != i) / (v - 1) for j
                               in range(b)]))
        for n in range(b):
            scores = [sum(z[i, n, k] * means[j, k] for k in range(d)) / temperature for j
                      in range(b)]
            total -= math.log(math.exp(scores[n]) / sum(map(math.exp, scores)))
    loss = mean_of_others_loss([Tensor(rows) for rows in views], temperature)
    assert loss.item() == pytest.approx(total / (v * b), rel=1e-11)
    gradcheck(lambda *zs: mean_of_others_loss(zs, temperature), *views)


def test_equal_views_cost_the_logarithm_of_the_batch():
    same = [Tensor(np.ones((7, 5), np.float32))] * 4
    assert mean_of_others_loss(same, T).item() == pytest.approx(math.log(7), rel=1e-6)
