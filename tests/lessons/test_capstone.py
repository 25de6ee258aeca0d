"""Lesson 19's evaluation of rules: the same images and views, a contract, correct numbers."""
import numpy as np
import pytest
from one_line import fails
from support import capstone
from support.capstone import RULES, expect_positives, label_match, paired, score, train_by
from support.stored import store

from tinynnclr import kernels
from tinynnclr.datasets import load
from tinynnclr.datasets.views import PRESETS, two_views
from tinynnclr.kernels.l2_normalize import unit_rows
from tinynnclr.methods import make_config
from tinynnclr.methods.nnclr import NNCLR
from tinynnclr.tensor import Tensor, no_grad

SMALL = {"width": 4, "dim": 8, "projector_hidden": 16, "predictor_hidden": 16, "queue_size": 200}


def small_method():
    config = make_config(SMALL)
    rng = np.random.default_rng(3)
    return NNCLR(NNCLR.make_encoder(config, rng), config, rng)


@pytest.fixture(scope="module")
def data():
    return load("toybox", "data", train_size=300)[0]


def rows(n, d, seed):
    return unit_rows(np.random.default_rng(seed).standard_normal((n, d), np.float32))


def weights(method):
    return np.concatenate([p.numpy().ravel() for p in method.parameters()])


# ---------------------------------------------------------------- rules


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize(("b", "q"), [(1, 5), (7, 33), (40, 6)])
def test_every_rule_keeps_the_contract_and_does_not_depend_on_order(name, b, q):
    z, queue = rows(b, 5, 1), rows(q, 5, 2)
    given = z.copy(), queue.copy()
    positives = expect_positives(RULES[name](z, queue, np.random.default_rng(0)), z)
    assert np.array_equal(z, given[0])
    assert np.array_equal(queue, given[1])
    order = np.random.default_rng(5).permutation(q)
    if name != "random row":
        again = RULES[name](z, queue[order], np.random.default_rng(0))
        np.testing.assert_allclose(again, positives, atol=1e-6)
    if not name.startswith("random"):
        turned = RULES[name](z[::-1].copy(), queue, np.random.default_rng(0))
        np.testing.assert_allclose(turned[::-1], positives, atol=1e-6)


def test_rules_against_loops():
    z, queue = rows(30, 3, 1), rows(50, 3, 2)
    cosines = z.astype(float) @ queue.T.astype(float)
    among = queue.astype(float) @ queue.T.astype(float)
    nearest, mutual = (rule(z, queue, None) for rule
                       in (capstone.nearest_row, capstone.mutual_neighbor))
    count = 0
    for i in range(30):
        at = cosines[i].argmax()
        assert np.array_equal(nearest[i], queue[at])
        rivals = max(np.delete(cosines[:, at], i).max(), np.delete(among[at], at).max())
        is_mutual = cosines[i, at] > rivals
        assert np.array_equal(mutual[i], queue[at] if is_mutual else z[i])
        count += is_mutual
    assert 0 < count < 30
    w = np.exp(cosines / 0.15)
    mean = (w[:, :, None] * queue).sum(axis=1) / w.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(capstone.soft_mean(z, queue, None),
                               mean / np.linalg.norm(mean, axis=1, keepdims=True), atol=1e-5)
    drawn = [capstone.random_of_five(z[:1], queue, np.random.default_rng(s))[0] for s in range(60)]
    five = queue[np.argsort(-cosines[0])[:5]]
    assert {row.tobytes() for row in drawn} == {row.tobytes() for row in five}


def test_mutual_with_a_queue_of_one_row_and_equal_queries():
    z = np.array([[1, 0], [1, 0], [0, 1]], np.float32)
    queue = np.array([[0.8, 0.6]], np.float32)
    np.testing.assert_array_equal(capstone.mutual_neighbor(z, queue, None), [queue[0], z[1], z[2]])


# ---------------------------------------------------------------- training by a rule


def scaled(z, factor):
    z = z.copy()
    z[2] *= factor
    return z


@pytest.mark.parametrize(("change", "message"), [
    (Tensor, "expected an array, a constant, got Tensor"),
    (lambda z: z[:3], r"expected float32 \(4, 3\), got float32 \(3, 3\)"),
    (lambda z: z.astype(float), "got float64"),
    (lambda z: scaled(z, 1.01), "row 2 has length"),
    (lambda z: scaled(z, np.nan), "row 2 has length")])
def test_what_breaks_the_contract_is_refused_in_one_line(change, message):
    z = rows(4, 3, 0)
    assert expect_positives(z, z) is z
    with fails(ValueError, message):
        expect_positives(change(z), z)


def test_label_match_uses_the_class_of_the_nearest_row():
    z, queue = rows(20, 4, 1), rows(30, 4, 2)
    labels, queue_labels = np.arange(20) % 3, np.arange(30) % 3
    assert label_match(z, z, labels, queue, queue_labels) == 1
    for k in (0, 7):
        chosen = np.argsort(-(z @ queue.T), axis=1)[:, k]
        assert label_match(queue[chosen], z, labels, queue,
                           queue_labels) == (queue_labels[chosen] == labels).mean()
    blend = unit_rows(0.9 * z + 0.1 * queue[:20])  # nearly the query
    own = (blend * z).sum(axis=1) >= (blend @ queue.T).max(axis=1)
    same_class = queue_labels[(blend @ queue.T).argmax(axis=1)] == labels
    assert label_match(blend, z, labels, queue, queue_labels) == np.mean(own | same_class)


def test_every_rule_gets_the_same_queries_and_a_full_queue(data):
    def arguments(choose):
        calls = []

        def spy(z, queue, rng):
            given = z.copy(), queue.copy()
            calls.append(given)
            z *= 0  # a rule may change its arguments
            queue *= 0
            return choose(*given, rng)

        train_by(spy, small_method(), data, 4, 2)
        return calls

    own, random = arguments(capstone.own_view), arguments(capstone.random_row)
    assert len(own) == len(random) == 4  # two steps, two views
    for given, other in zip(own[:2], random[:2], strict=True):  # before the first step
        assert [a.shape for a in given] == [(128, 8), (200, 8)]
        for a, b in zip(given, other, strict=True):
            assert np.array_equal(a, b)
            np.testing.assert_allclose(np.linalg.norm(a, axis=1), 1, atol=1e-5)
    assert not np.array_equal(own[2][0], random[2][0])  # the positives have an effect
    assert np.array_equal(own[0][1], own[1][1])  # the batch enters the queue after the step
    assert {row.tobytes() for row in own[0][0]} <= {row.tobytes() for row in own[2][1]}


def test_what_a_rule_draws_changes_no_other_draw(data):
    def drawing(z, queue, rng):
        rng.random(1000)
        return z

    def trained(choose, seed):
        method = small_method()
        train_by(choose, method, data, seed, 2)
        return weights(method)

    first = trained(capstone.own_view, 1)
    assert np.array_equal(first, trained(drawing, 1))
    assert not np.array_equal(first, trained(capstone.own_view, 2))


def test_a_step_is_that_of_nnclr(data, monkeypatch):
    """The first loss with the nearest row is NNCLR's, with its queue filled the same way."""
    losses, method = [], small_method()
    real = capstone.nnclr_loss

    def kept(*args):
        losses.append(real(*args))
        return losses[-1]

    monkeypatch.setattr(capstone, "nnclr_loss", kept)
    train_by(capstone.nearest_row, method, data, 9, 1)

    theirs = small_method()
    order, draws, _ = (np.random.default_rng(s) for s in np.random.SeedSequence(9).spawn(3))
    theirs.support_set = type(theirs.support_set)(200, 8, order)
    ids = np.concatenate([order.permutation(300) for _ in range(2)])
    for k in range(3):
        batch = ids[128 * k:128 * k + 128]
        x1, x2 = two_views(data.images, batch, PRESETS["toybox"], draws, 24)
        if k < 2:
            with no_grad():
                theirs.support_set.enqueue(theirs.projector(theirs.encoder(x1)).numpy(), batch)
    assert sum(loss.item() for loss in losses) / 2 == pytest.approx(theirs(
        (x1, x2), batch).loss.item(), rel=1e-5)


def test_a_score_is_a_row_a_seed_and_is_reproducible(data, tmp_path, monkeypatch):
    store(tmp_path / "small.npz", small_method())
    monkeypatch.setattr(capstone, "pictures", lambda: (data, data.take(100)))
    first, again = (score(capstone.mutual_neighbor, (0, 5), 2, str(tmp_path / "small.npz"))
                    for _ in range(2))
    assert [row["seed"] for row in first] == [0, 5]
    for row, other in zip(first, again, strict=True):
        assert set(row) == {"seed", "steps", "knn", "match", "distance", "choosing", "seconds"}
        assert row["steps"] == 2
        assert 0 <= row["knn"] <= 1
        assert 0 <= row["match"] <= 1
        assert 0 < row["distance"] < 1
        assert 0 <= row["choosing"] < row["seconds"]
        assert all(row[key] == other[key] for key in ("knn", "match", "distance"))
    with fails(ValueError, "row 0 has length"):
        score(lambda z, queue, rng: 0 * z, (0,), 1, str(tmp_path / "small.npz"))


def test_distance_and_match_of_the_positives(data):
    own = train_by(capstone.own_view, small_method(), data, 0, 1)
    assert own["match"] == 1
    assert own["distance"] == pytest.approx(0, abs=1e-6)
    away = train_by(lambda z, queue, rng: -z, small_method(), data, 0, 1)
    assert away["distance"] == pytest.approx(2, abs=1e-6)


def test_paired():
    def made(knn, steps=5, seeds=(0, 1, 2)):
        return [{"seed": s, "steps": steps, "knn": k} for s, k in zip(seeds, knn, strict=False)]

    mean, low, high = paired(made((0.5, 0.6, 0.7)), made((0.49, 0.58, 0.67))[::-1])
    # differences 1, 2, 3: deviation 1, t = 4.303 for two degrees of freedom
    assert mean == pytest.approx(2)
    assert (low, high) == pytest.approx((2 - 4.303 / 3 ** 0.5, 2 + 4.303 / 3 ** 0.5))
    assert paired(made((0.5,)), made((0.4,)))[1:] == (-np.inf, np.inf)
    for first, second, message in (
            (made((0.5, 0.6)), made((0.5, 0.6), seeds=(0, 3)), "expected the same seeds"),
            ([], [], "expected the same seeds"),
            (made((0.5,)), made((0.5,), steps=6), "expected equal steps")):
        with fails(ValueError, message):
            paired(first, second)


def test_kernels_find_the_nearest_other_row():
    """What `mutual_neighbor` relies on: a bank of one row, that row excluded, has no nearest."""
    row = rows(1, 3, 0)
    assert np.isnan(kernels.nearest(row, row, exclude=np.zeros(1, np.int64))[1]).all()
