"""The linear probe against gradient descent and an independent loss; L-BFGS on quadratics."""
import numpy as np
import pytest
from labelled_rows import clusters

from tinynnclr.metrics.knn import knn_accuracy
from tinynnclr.metrics.linear_probe import fit_softmax, lbfgs, linear_accuracy


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


def test_lbfgs_uses_its_memory(rng):
    """With one step of memory it needs more steps than with all of them."""
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
    monkeypatch.setattr("tinynnclr.metrics.linear_probe.lbfgs",
                        lambda fn, start, *_, **__: caught.append(fn) or start)
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
    """Neighbouring pixels are nearly equal: plain gradients would need far more than 100 steps."""
    x = rng.standard_normal((n, 60)).cumsum(axis=1)
    x = ((x - x.mean(0)) / x.std(0)).astype(np.float32)
    y = rng.integers(0, 3, n)
    w = fit_softmax(x, y, 3, 1e-3, iterations=100)
    first = slope(np.zeros_like(w), x, y, 1e-3)
    assert np.linalg.norm(slope(w, x, y, 1e-3)) < 2e-4 * np.linalg.norm(first)


@pytest.mark.parametrize("copies", [1, 30])
def test_a_probe_of_fewer_images_than_numbers(copies, rng):
    """Also of copies of two rows, which vary in one direction only."""
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
    """Extreme test rows change neither the weights nor the predictions of the others."""
    x, y = clusters(rng, 100)
    test, wanted = clusters(rng, 60)
    weights, real = [], fit_softmax
    monkeypatch.setattr("tinynnclr.metrics.linear_probe.fit_softmax",
                        lambda *a: weights.append(real(*a)) or weights[-1])
    before = linear_accuracy(x, y, test, wanted)
    wild = np.concatenate([test, np.full((60, 6), 1e5, np.float32)])
    # all extreme rows get the same prediction
    after = linear_accuracy(x, y, wild, np.concatenate([wanted, np.arange(60) % 4]))
    np.testing.assert_array_equal(weights[0], weights[1])
    assert after == pytest.approx((before + 1 / 4) / 2)


def test_random_labels_are_predicted_by_chance(rng):
    x, test = rng.standard_normal((2, 1000, 20)).astype(np.float32)
    y, wanted = rng.integers(0, 4, (2, 1000))
    assert abs(linear_accuracy(x, y, test, wanted) - 0.25) < 4 * np.sqrt(0.25 * 0.75 / 1000)
    assert abs(knn_accuracy(x, y, test, wanted) - 0.25) < 4 * np.sqrt(0.25 * 0.75 / 1000)
    # on the rows that it was fitted to, it overfits
    assert linear_accuracy(x, y, x, y) > 0.3
