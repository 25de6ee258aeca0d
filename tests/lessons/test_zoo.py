"""The steps of lesson 14: the healthy one is NNCLR's, all train, and a patient has no name."""
import dataclasses

import numpy as np
import pytest
from support.zoo import ZOO, Step, patient

from tinynnclr.methods.nnclr import NNCLR
from tinynnclr.models import TinyCNN


def made(kind, **options):
    rng = np.random.default_rng(3)
    config = NNCLR.Config(width=2, dim=8, projector_hidden=12, predictor_hidden=10, view_size=16,
                          queue_size=24)
    images, labels = rng.integers(0, 256, (40, 16, 16, 3), np.uint8), np.arange(40) % 4
    return kind(NNCLR(TinyCNN(2, rng), config, rng), images, labels, queue_size=24, batch_size=5,
                **options)


def test_the_healthy_step_is_nnclr():
    step, other = made(Step).fill(), made(Step).method
    assert (step.ids >= 0).all()
    ids = step.batch()
    x1, x2 = views = step.views(ids)
    step.views = lambda ids: views
    other.support_set.rows[...] = step.rows
    other.support_set.ids[...] = step.ids
    other.support_set.counts[1] = 24
    assert other.config == dataclasses.replace(other.config, neighbors=True)
    expected = other((x1, x2), ids)
    loss, whose = step(ids)
    np.testing.assert_allclose(loss.item(), expected.loss.item(), rtol=1e-5)
    np.testing.assert_array_equal(whose, expected.neighbors.ids)
    other.after_step(expected)
    np.testing.assert_allclose(step.rows[-5:], other.support_set.rows[:5], atol=1e-6)
    np.testing.assert_array_equal(step.ids[-5:], ids)


@pytest.mark.parametrize("name", ZOO)
def test_every_step_trains_without_an_error(name):
    step = made(ZOO[name]).fill()
    losses, agreement = step.train(6)
    assert losses.shape == agreement.shape == (6,)
    assert np.isfinite(losses).all()
    assert ((agreement >= 0) & (agreement <= 1)).all()
    assert step.encode(step.images).shape == (40, 16)


def test_a_patient_does_not_tell_what_it_has():
    method = made(Step).method
    kinds = set()
    for seed in range(60):
        one = patient(seed, method, np.zeros((8, 8, 8, 3), np.uint8), np.zeros(8, int),
                      queue_size=8, batch_size=4)
        assert type(one).__name__ == "Step"
        assert type(one).__doc__ == Step.__doc__
        kinds.add(type(one).__bases__[0])
    assert kinds == set(ZOO.values())
