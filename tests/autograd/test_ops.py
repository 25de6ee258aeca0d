"""Every op: its gradient by central differences, its value by plain NumPy."""
import inspect
import math

import numpy as np
import pytest
from one_line import fails
from op_cases import ALL, CASES, REFERENCES

from tinynnclr import Tensor, gradcheck, ops
from tinynnclr.tensor import OPS


def test_every_op_has_cases():
    assert set(CASES) == set(OPS)
    assert set(REFERENCES) == set(OPS)
    assert set(ops.__all__) == {name for name in OPS if hasattr(ops, name)}
    assert all(len(cases) >= 3 for cases in CASES.values())


@pytest.mark.parametrize(("name", "i"), ALL)
def test_gradient(name, i):
    arrays, static, step = CASES[name][i]
    gradcheck(lambda *tensors: OPS[name](*tensors, **static), *arrays, eps=step)


@pytest.mark.parametrize(("name", "i"), ALL)
def test_value(name, i):
    arrays, static, _ = CASES[name][i]
    before = [a.copy() for a in arrays]
    out = OPS[name](*map(Tensor, arrays), **static)
    wanted = REFERENCES[name](*arrays, **static)
    assert out.shape == np.shape(wanted)
    np.testing.assert_allclose(out.data, wanted, rtol=1e-12, atol=1e-12)
    for array, copy in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_batch_norm_cases_stay_away_from_the_kink():
    for arrays, static, step in CASES["batch_norm"]:
        if static.get("relu"):
            y = REFERENCES["batch_norm"](*arrays, **{**static, "relu": False})
            assert np.abs(y).min() > 100 * step
            assert (y < 0).any() or y.size < 5


def test_relu_at_zero_and_at_nan():
    a = Tensor(np.array([0.0, -1.0, 2.0, np.nan]), requires_grad=True)
    out = ops.relu(a)
    out.backward(np.ones(4))
    np.testing.assert_array_equal(out.data, [0, 0, 2, np.nan])
    np.testing.assert_array_equal(a.grad, [0, 0, 1, 0])


def test_cross_entropy_at_known_points():
    """Identical logits give ln(classes); a mean, not a sum; temperature only scales logits."""
    assert ops.cross_entropy(Tensor(np.zeros((6, 8))),
                             labels=np.arange(6)).item() == pytest.approx(math.log(8))
    for tau in (0.1, 1.0):
        loss = ops.cross_entropy(Tensor(np.eye(5) / tau), labels=np.arange(5)).item()
        assert loss == pytest.approx(math.log(1 + 4 * math.exp(-1 / tau)), rel=1e-9)
    logits, labels = np.random.default_rng(0).standard_normal((4, 5)), np.array([1, 0, 4, 4])
    once = ops.cross_entropy(Tensor(logits), labels=labels).item()
    twice = ops.cross_entropy(Tensor(np.tile(logits, (2, 1))), labels=np.tile(labels, 2)).item()
    assert once == pytest.approx(twice, rel=1e-12)


def test_huge_logits_do_not_overflow():
    logits = Tensor(np.array([[1e4, -1e4, 0], [-1e30, 1e30, 5]], np.float32), requires_grad=True)
    loss = ops.cross_entropy(logits, labels=[0, 1])
    loss.backward()
    assert loss.item() == 0
    np.testing.assert_array_equal(logits.grad, np.zeros((2, 3)))
    np.testing.assert_array_equal(ops.log_softmax(logits).data[0],
                                  np.array([0, -2e4, -1e4], np.float32))


def test_no_rows_have_no_cross_entropy():
    with fails(ValueError, "cross_entropy", "at least one row"):
        ops.cross_entropy(Tensor(np.zeros((0, 4))), labels=np.zeros(0, int))


def test_a_zero_row_normalizes_to_zero_with_a_finite_gradient():
    x = Tensor(np.zeros((2, 3), np.float32), requires_grad=True)
    y = ops.l2_normalize(x)
    y.backward(np.ones((2, 3)))
    assert not y.data.any()
    assert np.isfinite(x.grad).all()


def test_masked_numbers_get_no_gradient_not_even_from_nan():
    a = Tensor(np.array([1.0, np.nan, 3.0]), requires_grad=True)
    out = ops.masked_fill(a, mask=np.isnan(a.data), value=0)
    out.backward(np.array([2.0, np.nan, 4.0]))
    np.testing.assert_array_equal(out.data, [1, 0, 3])
    np.testing.assert_array_equal(a.grad, [2, 0, 4])


@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_keeps_running_statistics_only_in_training(rng, training):
    x = rng.standard_normal((6, 2, 3))
    mean, var = np.full(3, 5.0), np.full(3, 7.0)
    ops.batch_norm(Tensor(x), Tensor(np.ones(3)), Tensor(np.ones(3)), running_mean=mean,
                   running_var=var, training=training, momentum=0.25)
    step = 0.25 if training else 0
    np.testing.assert_allclose(mean, (1 - step) * 5 + step * x.mean((0, 1)), rtol=1e-12)
    np.testing.assert_allclose(var, (1 - step) * 7 + step * x.var((0, 1), ddof=1), rtol=1e-12)


def test_batch_norm_needs_two_rows_in_training_only():
    one = Tensor(np.ones((1, 3)))
    statistics = {"running_mean": np.zeros(3), "running_var": np.ones(3)}
    scale = Tensor(np.ones(3)), Tensor(np.zeros(3))
    with fails(ValueError, "batch_norm", "at least 2 rows", "got 1"):
        ops.batch_norm(one, *scale, **statistics)
    assert ops.batch_norm(one, *scale, **statistics, training=False).shape == (1, 3)
    assert ops.batch_norm(Tensor(np.ones((0, 3))), *scale, **statistics,
                          training=False).shape == (0, 3)


@pytest.mark.parametrize("name", OPS)
def test_what_has_a_gradient_is_positional_and_nothing_else(name):
    """A setting that could be positional would be taken for an array with a gradient."""
    kinds = {p.kind for p in inspect.signature(OPS[name]).parameters.values()}
    assert kinds <= {inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY,
                     inspect.Parameter.VAR_POSITIONAL}
