"""Cross-entropy, rows to length 1, updates, the mean over pixels: each against its twin."""
import numpy as np
import pytest
from guarded import any_layout, nothing_outside, same_bytes
from one_line import fails

from tinynnclr import kernels
from tinynnclr.kernels import optim
from tinynnclr.kernels.engine.checks import is_whole
from tinynnclr.kernels.l2_normalize import l2_normalize_naive
from tinynnclr.kernels.pool import global_avg_pool_naive
from tinynnclr.kernels.softmax import cross_entropy_naive

both = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["f4", "f8"])


def close(a, b, dtype, scale=1.0):
    assert a.dtype == dtype
    np.testing.assert_allclose(a, b, rtol=30 * np.finfo(dtype).eps,
                               atol=30 * scale * np.finfo(dtype).eps)


@both
@pytest.mark.parametrize("shape", [(1, 1), (5, 3), (33, 70), (200, 1), (0, 4)])
def test_cross_entropy_equals_its_twin(rng, dtype, shape):
    logits = 5 * rng.standard_normal(shape).astype(dtype)
    labels = rng.integers(0, shape[1], shape[0])
    losses, log_sums = kernels.cross_entropy(logits, labels)
    close(losses, cross_entropy_naive(logits.astype(np.float64), labels), dtype, 10)
    g = rng.standard_normal(shape[0]).astype(dtype)
    p = np.exp(logits.astype(np.float64) - log_sums[:, None])
    p[np.arange(len(p)), labels] -= 1
    close(kernels.cross_entropy_grad(g, logits, labels, log_sums), g[:, None] * p, dtype, 10)


@both
def test_cross_entropy_of_huge_masked_and_broken_logits(dtype):
    logits = np.array([[1e4, 0, -1e4], [0, -np.inf, 0], [0, np.nan, 0], [np.inf, 0, 0]], dtype)
    labels = np.array([2, 0, 0, 1])
    losses, log_sums = kernels.cross_entropy(logits, labels)
    np.testing.assert_allclose(losses[:2], [2e4, np.log(2)], rtol=1e-6)
    assert np.isnan(losses[2])
    assert not np.isfinite(losses[3])
    d = kernels.cross_entropy_grad(np.ones(4, dtype), logits, labels, log_sums)
    assert d[1].tolist() == pytest.approx([-0.5, 0, 0.5])
    assert np.isnan(d[2]).any()


@both
@pytest.mark.parametrize("shape", [(1, 1), (5, 3), (130, 17), (0, 4)])
def test_l2_normalize_equals_its_twin(rng, dtype, shape):
    x = rng.standard_normal(shape).astype(dtype)
    y, lengths = kernels.l2_normalize(x)
    close(y, l2_normalize_naive(x.astype(np.float64)), dtype)
    close(lengths, np.linalg.norm(x.astype(np.float64), axis=1), dtype)


@both
def test_l2_normalize_guards_and_carries_nan(dtype):
    y, _ = kernels.l2_normalize(np.array([[0, 0], [3, 4], [np.nan, 1]], dtype))
    assert y[:2].tolist() == [[0, 0], pytest.approx([0.6, 0.8])]
    assert np.isnan(y[2]).all()


def draw(rng, dtype, size, count):
    arrays = [rng.standard_normal(size).astype(dtype) for _ in range(count)]
    arrays[-1] = np.abs(arrays[-1])  # AdamW's squares
    return arrays


UPDATES = {
    "sgd": (optim.sgd, optim.sgd_naive, 3, (0.1, 0.9, 1e-2, False)),
    "nesterov": (optim.sgd, optim.sgd_naive, 3, (0.1, 0.9, 1e-2, True)),
    "lars": (optim.lars, optim.lars_naive, 3, (0.1, 0.9, 1e-2, 0.3)),
    "adamw": (optim.adamw, optim.adamw_naive, 4, (0.1, (0.9, 0.99), 1e-8, 1e-2, 3)),
}


@both
@pytest.mark.parametrize("size", [(1,), (3, 5), (40, 999), (0,)])
@pytest.mark.parametrize("name", UPDATES)
def test_updates_equal_their_twins(rng, dtype, size, name):
    ours, naive, count, numbers = UPDATES[name]
    weight, grad, *memory = draw(rng, dtype, size, count)
    wanted = naive(*(a.astype(np.float64) for a in (weight, grad, *memory)), *numbers)
    ours(weight, grad, *memory, *numbers)
    for found, value in zip((weight, *memory), wanted, strict=True):
        close(found, value, dtype, 10)


@pytest.mark.parametrize("name", UPDATES)
def test_updates_are_the_same_for_any_number_of_threads(rng, threads, name):
    update, _, count, numbers = UPDATES[name]
    arrays = draw(rng, np.float32, (5, 40000), count)

    def updated():
        copies = [a.copy() for a in arrays]
        update(*copies, *numbers)
        return tuple(copies)

    same_bytes(threads, updated)


def test_rows_and_pixels_with_threads_layouts_and_borders(rng, threads, monkeypatch):
    labels, shape = rng.integers(0, 30, 200), (200, 3, 2, 30)

    def losses(logits, g):
        values, log_sums = kernels.cross_entropy(logits, labels)
        return values, log_sums, kernels.cross_entropy_grad(g[:, 0], logits, labels, log_sums)

    def lengths(x, g):
        y, length = kernels.l2_normalize(x)
        return y, length, kernels.l2_normalize_grad(g, y, length)

    def means(x, g):
        return kernels.global_avg_pool(x), kernels.global_avg_pool_grad(g[:, 0, 0], shape)

    rows = rng.standard_normal((2, 200, 30)).astype(np.float32)
    images = rng.standard_normal((2, *shape)).astype(np.float32)
    for compute, arrays, kernel in ((losses, rows, kernels.cross_entropy),
                                    (lengths, rows, kernels.l2_normalize),
                                    (means, images, kernels.global_avg_pool)):
        same_bytes(threads, lambda compute=compute, arrays=arrays: compute(*arrays))
        any_layout(compute, *arrays)
        nothing_outside(monkeypatch, kernel, compute, *arrays)


def test_an_update_never_changes_a_copy(rng):
    w = rng.standard_normal((4, 6))
    with fails(ValueError, "update", "C order"):
        optim.sgd(w.T, np.ones((6, 4)), np.zeros((6, 4)), 0.1, 0.9, 0.0, False)
    with fails(ValueError, "update: grad", "(4, 6)", "(6, 4)"):
        optim.sgd(w, np.ones((6, 4)), np.zeros((4, 6)), 0.1, 0.9, 0.0, False)
    # a gradient may lie as it likes
    optim.sgd(w, np.ones((6, 4)).T, np.zeros((4, 6)), 0.1, 0.9, 0.0, False)


@both
@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (3, 5, 2, 7), (20, 4, 4, 33), (0, 2, 2, 3)])
def test_the_mean_over_pixels_equals_its_twin(rng, dtype, shape):
    x = rng.standard_normal(shape).astype(dtype)
    close(kernels.global_avg_pool(x), global_avg_pool_naive(x.astype(np.float64)), dtype)
    g = rng.standard_normal((shape[0], shape[3])).astype(dtype)
    dx = kernels.global_avg_pool_grad(g, shape)
    assert dx.shape == shape
    close(dx.sum(axis=(1, 2)), g.astype(np.float64), dtype)


def test_the_mean_over_no_pixels():
    with fails(ValueError, "global_avg_pool", "(2, 0, 3, 1)"):
        kernels.global_avg_pool(np.ones((2, 0, 3, 1), np.float32))


def test_the_largest_number_that_counts():
    assert is_whole(2**31 - 1)
    assert not is_whole(2**31)
    assert not is_whole(-1)


def test_cross_entropy_says_which_labels_it_takes():
    assert kernels.cross_entropy(np.zeros((2, 4)),
                                 np.array([1, 2]))[0] == pytest.approx(np.log([4, 4]))
    with fails(ValueError, "cross_entropy: labels: expected 0 to 3, got 1 to 4"):
        kernels.cross_entropy(np.zeros((2, 4)), np.array([1, 4]))
