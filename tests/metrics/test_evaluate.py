"""The judges against plain loops: who votes, what is standardised, and that looking changes
nothing.
"""
import numpy as np
import pytest
from small import random_data, small_config

from tinynnclr import Tensor
from tinynnclr.datasets.dataset import Dataset
from tinynnclr.datasets.views import augmentation_pair
from tinynnclr.evaluate import judge, judge_encoder, judge_pixels, protocol
from tinynnclr.metrics.knn import knn_accuracy, leave_one_out_accuracy, nearest_others, vote
from tinynnclr.metrics.linear_probe import fit_softmax, lbfgs, linear_accuracy
from tinynnclr.models.encode import encode, pixels, to_float
from tinynnclr.train.loop import train
from tinynnclr.train.run import Run


def clusters(rng, n, classes=4, dim=6, spread=1.0):
    """Rows around one centre a class, and their labels."""
    labels = rng.integers(0, classes, n)
    centres = np.random.default_rng(9).standard_normal((classes, dim)) * 1.5
    return (centres[labels] + spread * rng.standard_normal((n, dim))).astype(np.float32), labels


# ---------------------------------------------------------------- features


@pytest.mark.parametrize("mode", [True, False])
def test_encoding_changes_nothing(mode, rng):
    data = random_data(50)
    run = Run(small_config(), data)
    # so that the running statistics are not 0 and 1
    train(run, data, augmentation_pair("simclr"), progress=False)
    encoder = run.method.encoder.train(mode)
    before = {name: array.tobytes() for name, array in encoder.state_dict().items()}
    h = encode(encoder, data.images, batch_size=16)
    assert {name: array.tobytes() for name, array in encoder.state_dict().items()} == before
    assert [m.training for m in encoder.modules()] == [mode] * len(list(encoder.modules()))
    assert h.shape == (50, encoder.features)
    encoder.eval()
    np.testing.assert_allclose(h, encoder(Tensor(to_float(data.images))).numpy(), rtol=1e-5,
                               atol=1e-6)
    # an image's row is its own affair
    np.testing.assert_array_equal(h[:10], encode(encoder, data.images[:10]))
    assert encoder(Tensor(to_float(data.images))).node is not None  # gradients are recorded again


def test_the_mode_comes_back_after_an_error():
    encoder = Run(small_config(), random_data()).method.encoder
    with pytest.raises(ValueError, match="conv2d"):
        encode(encoder, np.zeros((3, 8, 8, 4), np.uint8))
    assert encoder.training
    assert encoder.body.training


def test_pixels(rng):
    images = rng.integers(0, 256, (3, 4, 5, 3), np.uint8)
    got = pixels(images)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, images.reshape(3, 60) / 255, rtol=1e-6)


# ---------------------------------------------------------------- kNN


def knn_by_loops(train_rows, labels, test_rows, k, temperature):
    """Predicted classes; the vote of a neighbour weighs exp(cosine / temperature)."""
    mean, predicted = train_rows.mean(axis=0, dtype=np.float64), []
    for row in test_rows - mean:
        cosines = [float(row @ t / np.linalg.norm(row) / np.linalg.norm(t)) for t in train_rows
                   - mean]
        scores = np.zeros(labels.max() + 1)
        for i in sorted(range(len(cosines)), key=lambda i: -cosines[i])[:k]:
            scores[labels[i]] += np.exp(cosines[i] / temperature)
        predicted.append(scores.argmax())
    return np.array(predicted)


@pytest.mark.parametrize(("k", "temperature"), [(1, 0.1), (5, 0.1), (20, 0.07), (20, 5.0),
                                                (500, 0.2)])
def test_knn(k, temperature, rng):
    x, y = clusters(rng, 120)
    test, wanted = clusters(rng, 90)
    predicted = knn_by_loops(x, y, test, k, temperature)
    accuracy = knn_accuracy(x, y, test, wanted, k, temperature)
    assert accuracy == np.mean(predicted == wanted)
    assert 0.3 < accuracy < 1  # neither too easy nor too hard for the comparison to mean something
    # every single prediction agrees
    assert knn_accuracy(x, y, test, predicted, k, temperature) == 1
    # centred, then of length 1
    assert knn_accuracy(x * 7 + 3, y, test * 7 + 3, predicted, k, temperature) == 1


def test_votes():
    labels = np.array([0, 1, 1, 2])
    indices, similarities = np.array([[0, 1, 2]] * 3), np.array([[0.9, 0.5, 0.5], [0.9, 0.85, 0.85],
                                                                 [0.9, 0.9, 0.1]])
    # weights of the three rows at temperature 0.1: 1 against 2 e^-4; 1 against 2 e^-0.5; 1 against
    # 1 + e^-8
    # near ones outweigh far ones
    assert vote(indices, similarities, labels, 0.1).tolist() == [0, 1, 1]
    assert vote(indices, similarities, labels, 100.0).tolist() == [1, 1, 1]  # nearly a head count
    tie = similarities[2:, :2].repeat(3, 0)
    # the lowest class, not the first seen
    assert vote(indices[:, 1::-1], tie, labels, 0.1).tolist() == [0, 0, 0]
    # nothing over- or underflows
    assert vote(indices, similarities - 1000, labels, 1e-3).tolist() == [0, 0, 0]


def test_leaving_oneself_out(rng):
    x, y = clusters(rng, 80)
    # exact duplicates, and five rows in five copies
    copies = np.concatenate([x, x[:30], x[:5], x[:5], x[:5]])
    for k in (1, 2, 4, 7):
        found = nearest_others(copies, len(copies), k)
        assert found.shape == (len(copies), k)
        assert not (found == np.arange(len(copies))[:, None]).any()
        assert all(len(set(row)) == k for row in found.tolist())
        near = found[:5, :4]  # the copies of the first five come first
        assert all((copies[near[i, :min(k, 4)]] == copies[i]).all() for i in range(5))
    np.testing.assert_array_equal(nearest_others(copies, 6, 3),
                                  nearest_others(copies, len(copies), 3)[:6])
    right = 0
    for i in range(80):
        others = np.delete(np.arange(80), i)
        # centred on all, as the function does
        shifted = x[others] - x.mean(axis=0), x[i:i + 1] - x.mean(axis=0)
        cosines = (shifted[0] @ shifted[1].T)[:, 0] / np.linalg.norm(shifted[0],
                                                                     axis=1) / np.linalg.norm(
                shifted[1])
        top = np.argsort(-cosines, kind="stable")[:5]
        scores = np.bincount(y[others[top]], np.exp(cosines[top] / 0.1), minlength=4)
        right += scores.argmax() == y[i]
    assert leave_one_out_accuracy(x, y, 5, 0.1) == right / 80
    assert leave_one_out_accuracy(x, np.arange(80), 1) == 0  # its own label is nobody else's


def test_more_identical_rows_than_neighbours():
    rows = np.ones((30, 4), np.float32)
    rows[15:] = -1
    found = nearest_others(rows, 30, 3)
    assert not (found == np.arange(30)[:, None]).any()
    assert ((found < 15) == (np.arange(30) < 15)[:, None]).all()
    assert nearest_others(rows[:3], 3, 20).shape == (3, 2)  # there are no more


# ---------------------------------------------------------------- linear probe


@pytest.mark.parametrize("memory", [1, 2, 10])
def test_lbfgs_finds_the_bottom_of_a_bowl(memory, rng):
    a = rng.standard_normal((12, 12))
    curvature, bottom = a @ a.T + np.eye(12), rng.standard_normal(12)
    calls, values = [], []

    def bowl(w):
        calls.append(1)
        values.append(0.5 * (w - bottom) @ curvature @ (w - bottom))
        return values[-1], curvature @ (w - bottom)

    start = np.zeros(12)
    w = lbfgs(bowl, start, iterations=400, memory=memory, tolerance=1e-8)
    np.testing.assert_allclose(w, bottom, atol=1e-6)
    assert not start.any()  # the start is left as it was
    assert len(calls) < 400
    assert lbfgs(bowl, bottom, 10) is bottom  # already there


def test_lbfgs_remembers_no_more_than_it_is_told(rng):
    """With one step of memory it walks another path than with all of them, and needs longer."""
    scales, calls = np.geomspace(1, 3000, 20), {}
    for memory in (1, 20):
        calls[memory] = 0

        def bowl(w, memory=memory):
            calls[memory] += 1
            return 0.5 * float((scales * w * w).sum()), scales * w

        w = lbfgs(bowl, np.ones(20), iterations=2000, memory=memory, tolerance=1e-7)
        np.testing.assert_allclose(w, 0, atol=1e-3)
    assert calls[20] < 0.7 * calls[1]


def softmax_loss(w, x, y, strength):
    logits = x.astype(np.float64) @ w[:-1] + w[-1]
    log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    return -log_p[np.arange(len(x)), y].mean() + strength / 2 * (w[:-1] ** 2).sum()


def slope(w, x, y, strength):
    """The gradient of softmax_loss, by the book."""
    logits = np.column_stack([x, np.ones(len(x))]) @ w
    p = np.exp(logits - logits.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    g = np.column_stack([x, np.ones(len(x))]).T @ (p - np.eye(w.shape[1])[y]) / len(x)
    g[:-1] += strength * w[:-1]
    return g


def test_the_gradient_of_the_probe(monkeypatch, rng):
    """Caught on its way into lbfgs, and compared with the slope of an independent loss."""
    x, y = clusters(rng, 40)
    caught = []
    monkeypatch.setattr("tinynnclr.metrics.linear_probe.lbfgs", lambda fn, start, *_,
                        **__: caught.append(fn) or start)
    fit_softmax(x.astype(np.float64), y, 4, 0.3)
    w = rng.standard_normal((7, 4))
    value, grad = caught[0](w)
    assert value == pytest.approx(softmax_loss(w, x, y, 0.3), rel=1e-12)
    for _ in range(5):
        d = rng.standard_normal(w.shape)
        wanted = (softmax_loss(w + 1e-6 * d, x, y, 0.3)
                  - softmax_loss(w - 1e-6 * d, x, y, 0.3)) / 2e-6
        assert (grad * d).sum() == pytest.approx(wanted, rel=1e-6)


def test_the_probe_ends_where_plain_gradient_descent_ends(rng):
    x, y = clusters(rng, 150)
    w = np.zeros((7, 4))
    for _ in range(8000):
        w -= 0.3 * slope(w, x, y, 0.05)
    assert np.abs(slope(w, x, y, 0.05)).max() < 1e-7
    found = fit_softmax(x, y, 4, 0.05)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found - found.mean(1, keepdims=True), w - w.mean(1, keepdims=True),
                               atol=2e-3)
    assert softmax_loss(found, x, y, 0.05) == pytest.approx(softmax_loss(w, x, y, 0.05), rel=1e-6)


@pytest.mark.parametrize("n", [300, 40])
def test_the_probe_of_neighbouring_pixels_converges(n, rng):
    """Neighbouring pixels are nearly equal: with plain gradients the loss is still falling after
    100 steps.
    """
    x = rng.standard_normal((n, 60)).cumsum(axis=1)
    x = ((x - x.mean(0)) / x.std(0)).astype(np.float32)
    y = rng.integers(0, 3, n)
    w = fit_softmax(x, y, 3, 1e-3, iterations=100)
    assert np.linalg.norm(slope(w, x, y, 1e-3)) < 2e-4 * np.linalg.norm(slope(np.zeros_like(w), x,
                                                                              y, 1e-3))


@pytest.mark.parametrize("copies", [1, 30])
def test_a_probe_of_fewer_images_than_numbers(copies, rng):
    """Also of rows that are all one of two, of which everything but one direction cancels."""
    x = np.repeat(np.where(rng.random((2, 500)) < 0.5, -1, 1), copies, axis=0).astype(np.float32)
    assert linear_accuracy(x, np.repeat([0, 1], copies), x, np.repeat([0, 1], copies), 1e-4) == 1


def test_a_probe_that_did_not_converge_says_so(rng):
    x, y = clusters(rng, 40)
    with pytest.warns(RuntimeWarning, match="stopped after 2 steps, before it converged"):
        fit_softmax(x, y, 4, 1e-3, iterations=2)


def test_separable_classes_are_separated(rng):
    x, y = clusters(rng, 200, spread=0.05)
    test, wanted = clusters(rng, 100, spread=0.05)
    assert linear_accuracy(x, y, test, wanted) == 1
    assert linear_accuracy(x * 1e4 + 1e3, y, test * 1e4 + 1e3, wanted) == 1  # standardised first
    x[:, 3], test[:, 3] = 5, 5  # a feature that never changes
    assert linear_accuracy(x, y, test, wanted) == 1


def test_the_test_set_shapes_nothing(rng, monkeypatch):
    """Mean and spread are those of training: wild test rows change neither the weights nor the
    other predictions.
    """
    x, y = clusters(rng, 100)
    test, wanted = clusters(rng, 60)
    weights, real = [], fit_softmax
    monkeypatch.setattr("tinynnclr.metrics.linear_probe.fit_softmax",
                        lambda *a: weights.append(real(*a)) or weights[-1])
    before = linear_accuracy(x, y, test, wanted)
    wild = np.concatenate([test, np.full((60, 6), 1e5, np.float32)])
    # all are told alike
    after = linear_accuracy(x, y, wild, np.concatenate([wanted, np.arange(60) % 4]))
    np.testing.assert_array_equal(weights[0], weights[1])
    assert after == pytest.approx((before + 1 / 4) / 2)


def test_labels_by_lot_are_guessed(rng):
    x, test = rng.standard_normal((2, 1000, 20)).astype(np.float32)
    y, wanted = rng.integers(0, 4, (2, 1000))
    assert abs(linear_accuracy(x, y, test, wanted) - 0.25) < 4 * np.sqrt(0.25 * 0.75 / 1000)
    assert abs(knn_accuracy(x, y, test, wanted) - 0.25) < 4 * np.sqrt(0.25 * 0.75 / 1000)
    # on what it was fitted to it knows more than it should
    assert linear_accuracy(x, y, x, y) > 0.3


# ---------------------------------------------------------------- together


def test_judges(rng):
    config = small_config(knn_k=5, knn_temperature=0.2, probe_strength=0.01)
    (x, y), (test, wanted) = clusters(rng, 100), clusters(rng, 60)
    images = rng.integers(0, 256, (160, 16, 16, 3), np.uint8)
    one, two = Dataset(images[:100], y, tuple("abcd")), Dataset(images[100:], wanted, tuple("abcd"))
    got = judge(config, (x, test), one, two)
    assert got == {"knn": round(knn_accuracy(x, y, test, wanted, 5, 0.2), 4),
                   "linear": round(linear_accuracy(x, y, test, wanted, 0.01), 4)}
    encoder = Run(config, one).method.encoder
    assert judge_encoder(config, encoder, one, two) == judge(config,
                                                             (encode(encoder, one.images),
                                                              encode(encoder, two.images)), one,
                                                             two)
    assert judge_pixels(config, one, two) == judge(config, (pixels(one.images), pixels(two.images)),
                                                   one, two)
    said = protocol(config, one, two)
    assert list(said) == ["features", "fitted_on", "measured_on", "selection", "knn", "linear",
                          "chance"]
    assert (said["fitted_on"], said["measured_on"], said["chance"]) == ("train, 100 images",
                                                                        "test, 60 images", 0.25)
    assert "k=5" in said["knn"]
    assert "0.2" in said["knn"]
    assert "0.01" in said["linear"]
    assert "last epoch" in said["selection"]
