"""The memory bank, the loss against it, and instance discrimination, which is little more than the
two.
"""
import math

import numpy as np
import pytest
from one_line import fails
from small import random_data, small_config

from tinynnclr import Tensor
from tinynnclr.datasets.views import augmentation_pair
from tinynnclr.methods import InstanceDiscrimination
from tinynnclr.methods.bank_loss import BankLoss
from tinynnclr.methods.memory_bank import MemoryBank
from tinynnclr.methods.method import START, Progress
from tinynnclr.models import TinyCNN
from tinynnclr.train.hooks import train_run
from tinynnclr.train.run import Run

N, D, B, T = 30, 6, 8, 0.3


def unit(rows):
    rows = np.asarray(rows, np.float64)
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def bank_of(rng, momentum=0.5, n=N):
    return MemoryBank(n, D, momentum, rng)


def loss_of(rng, bank, **changes):
    config = small_config(**{"method": "instance_discrimination", "temperature": T,
                             "bank_negatives": 12, **changes})
    return BankLoss(config, bank)


def by_loops(z, rows, ids, candidates, temperature):
    """-mean log of the own row's share among itself and the candidates of each, one term after the
    other.
    """
    z, rows, total = unit(z), rows.astype(np.float64), 0.0
    for i, own in enumerate(ids):
        right = math.exp(z[i] @ rows[own] / temperature)
        total -= math.log(right / (right
                                   + sum(math.exp(z[i] @ rows[j] / temperature) for j
                                         in candidates[i])))
    return total / len(ids)


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9, 1.0])
def test_rows_move_by_their_momentum(momentum, rng):
    bank, z, ids = bank_of(rng, momentum), rng.standard_normal((B,
                                                                D)).astype(
            np.float32) * 7, rng.permutation(N)[:B]
    before = bank.rows.copy()
    np.testing.assert_allclose(np.linalg.norm(before, axis=1), 1, atol=1e-6)
    bank.update(z, ids)
    np.testing.assert_allclose(bank.rows[ids], unit(momentum * before[ids] + (1 - momentum)
                                                    * unit(z)), atol=1e-6)
    rest = np.setdiff1d(np.arange(N), ids)
    np.testing.assert_array_equal(bank.rows[rest], before[rest])
    z[...] = 0  # the bank owns its rows
    np.testing.assert_allclose(np.linalg.norm(bank.rows, axis=1), 1, atol=1e-6)
    with fails(FloatingPointError, "an embedding holds NaN or infinity"):
        bank.update(np.full((1, D), np.nan, np.float32), np.array([0]))


def test_softmax_over_all_images(rng):
    bank, ids = bank_of(rng), rng.permutation(N)[:B]
    z = rng.standard_normal((B, D)).astype(np.float32)
    loss = loss_of(rng, bank)
    everybody = [[j for j in range(N) if j != i] for i in ids]
    assert loss(Tensor(z), bank, ids, START).loss.item() == pytest.approx(by_loops(z, bank.rows, ids, everybody,
                                                                       T), rel=1e-5)
    assert loss(Tensor(z), bank, ids, START).chance_loss == pytest.approx(math.log(N))
    bank.rows[:] = bank.rows[0]
    # all alike: a guess
    assert loss(Tensor(z), bank, ids, START).loss.item() == pytest.approx(math.log(N), rel=1e-6)


def test_softmax_over_some_images(rng):
    """The own row is never among them, and other steps draw other ones."""
    bank, ids = bank_of(rng), rng.permutation(N)[:B]
    z = rng.standard_normal((B, D)).astype(np.float32)
    loss = loss_of(rng, bank, bank_loss="sampled", seed=5)
    values = []
    for step in range(3):
        progress = Progress(step, 9)
        drawn = np.random.default_rng((5, step)).integers(0, N, 12)
        assert set(drawn) & set(ids)  # some would have met themselves
        others = [[j for j in drawn if j != i] for i in ids]
        values.append(loss(Tensor(z), bank, ids, progress).loss.item())
        assert values[-1] == pytest.approx(by_loops(z, bank.rows, ids, others, T), rel=1e-5)
    assert len(set(values)) == 3
    bank.rows[:] = bank.rows[0]
    alone = loss_of(rng, bank, bank_loss="sampled", bank_negatives=400, seed=5)
    # ln(K + 1), less one's own
    found = alone(Tensor(z), bank, ids, START)
    assert found.loss.item() == pytest.approx(found.chance_loss, rel=1e-2)


@pytest.mark.parametrize("bank_loss", ["softmax", "sampled"])
def test_a_ring_of_all_is_the_plain_loss(bank_loss, rng):
    bank, ids = bank_of(rng), rng.permutation(N)[:B]
    z = Tensor(rng.standard_normal((B, D)).astype(np.float32))
    plain = loss_of(rng, bank, bank_loss=bank_loss)(z, bank, ids, START).loss.item()
    whole, part = (loss_of(rng, bank, bank_loss=bank_loss, negatives="ring", ring_outer=outer,
                           ring_inner=0.0) for outer in (1.0, 0.5))
    assert whole(z, bank, ids, START).loss.item() == pytest.approx(plain, rel=1e-6)
    assert part(z, bank, ids, START).loss.item() < plain - 0.01


def test_noise_contrastive_estimation(rng):
    """Term by term; Z is measured in the first batch and kept, and the drift says what it should
    be.
    """
    bank, ids = bank_of(rng), rng.permutation(N)[:B]
    z = rng.standard_normal((B, D)).astype(np.float32)
    loss = loss_of(rng, bank, bank_loss="nce", seed=5)
    for step in range(2):
        progress = Progress(step, 9)
        drawn = np.random.default_rng((5, step)).integers(0, N, 12)
        scores = np.exp(unit(z) @ bank.rows.T.astype(float) / T)  # (B, N)
        if step == 0:
            constant = scores[:, drawn].mean() * N
        r, total = 12 / N, 0.0
        for i, own in enumerate(ids):
            p = scores[i] / constant
            total -= math.log(p[own] / (p[own] + r)) + sum(math.log(r / (p[j] + r)) for j in drawn
                                                           if j != own)
        found = loss(Tensor(z), bank, ids, progress)
        assert found.loss.item() == pytest.approx(total / B, rel=1e-5)
        assert found.drift == pytest.approx(scores[:, drawn].mean() * N / constant, rel=1e-5)
        bank.rows[:] = unit(rng.standard_normal((N, D)) + 3 * unit(z)[0]).astype(np.float32)
    assert found.drift != pytest.approx(1, abs=0.05)
    assert found.chance_loss is None
    assert "z" in loss.state_dict()
    with fails(ValueError, "negatives: a ball or a ring needs --bank-loss softmax or sampled, got "
               "nce"):
        loss_of(rng, bank, bank_loss="nce", negatives="ring")


def test_for_many_samples_the_gradient_is_that_of_the_softmax(rng):
    """With a true Z and K large, what NCE teaches is what the softmax teaches, up to its variance.
    """
    n, bank = 40, bank_of(rng, n=40)
    z, ids = rng.standard_normal((1, D)), np.array([3])
    rows = bank.rows.astype(np.float64)
    bank.rows = rows
    directions = []
    for kind in ("softmax", "nce"):
        leaf = Tensor(z, requires_grad=True)
        loss = loss_of(rng, bank, bank_loss=kind, bank_negatives=200_000, temperature=1.0)
        loss(leaf, bank, ids, START).loss.backward()
        directions.append(leaf.grad[0])
    assert loss.z[0] == pytest.approx(np.exp(unit(z) @ rows.T).mean() * n, rel=0.02)
    cosine = unit(directions[0]) @ unit(directions[1])
    assert cosine > 0.99
    assert np.linalg.norm(directions[1]) == pytest.approx(np.linalg.norm(directions[0]), rel=0.1)


def test_no_gradient_enters_the_bank(rng):
    bank, ids = bank_of(rng), rng.permutation(N)[:B]
    before, leaf = bank.rows.copy(), Tensor(rng.standard_normal((B, D)).astype(np.float32),
                                            requires_grad=True)
    loss_of(rng, bank)(leaf, bank, ids, START).loss.backward()
    np.testing.assert_array_equal(bank.rows, before)
    assert np.abs(leaf.grad).max() > 1e-4
    np.testing.assert_allclose((leaf.grad * leaf.data).sum(axis=1), 0, atol=1e-6)


def test_the_bank_moves_once_a_step_and_only_after_it(rng):
    config, data = small_config(method="instance_discrimination"), random_data()
    method = InstanceDiscrimination(TinyCNN(3, rng), config, rng, data)
    views = rng.random((1, B, 16, 16, 3), np.float32)
    ids, before = np.arange(B) + 10, method.bank.rows.copy()
    step = method(views, ids)
    np.testing.assert_array_equal(method.bank.rows, before)
    z = unit(method.head(method.encoder(views[0])).numpy())
    method.after_step(step)
    np.testing.assert_allclose(method.bank.rows[ids], unit(0.5 * before[ids] + 0.5 * z), atol=1e-6)
    assert (method.bank.rows[18:] == before[18:]).all()
    assert method(views, ids).loss.item() < step.loss.item()  # nearer to itself than before


def test_the_drift_of_z_is_in_the_metrics():
    run = Run(small_config(method="instance_discrimination", bank_loss="nce", bank_negatives=20),
              random_data())
    train_run(run, random_data(), augmentation_pair("simclr"), progress=False)
    assert run.metrics[-1]["drift"] > 1  # rows of a few images lie closer than noise does
