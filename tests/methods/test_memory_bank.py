"""The memory bank, the loss against it, and instance discrimination."""
import math

import numpy as np
import pytest
from one_line import fails
from small import random_data, small_config, trained, unit

from tinynnclr import Tensor
from tinynnclr.methods import CMC, InstanceDiscrimination
from tinynnclr.methods.bank_loss import BankLoss
from tinynnclr.methods.memory_bank import MemoryBank
from tinynnclr.methods.method import START, Progress
from tinynnclr.models import TinyCNN

N, D, B, T = 30, 6, 8, 0.3


def loss_of(bank, **changes):
    config = small_config(**{"method": "instance_discrimination", "temperature": T,
                             "bank_negatives": 12, **changes})
    return BankLoss(config, bank)


@pytest.fixture
def bank(rng):
    return MemoryBank(N, D, 0.5, rng)


@pytest.fixture
def ids(rng):
    return rng.permutation(N)[:B]


@pytest.fixture
def z(rng):
    return rng.standard_normal((B, D)).astype(np.float32)


def by_loops(z, rows, ids, candidates, temperature):
    """-mean log of the softmax over each anchor's own row and its candidates, term by term."""
    z, rows, total = unit(z), rows.astype(np.float64), 0.0
    for i, own in enumerate(ids):
        right = math.exp(z[i] @ rows[own] / temperature)
        wrong = sum(math.exp(z[i] @ rows[j] / temperature) for j in candidates[i])
        total -= math.log(right / (right + wrong))
    return total / len(ids)


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9, 1.0])
def test_rows_move_by_their_momentum(momentum, ids, z, rng):
    bank = MemoryBank(N, D, momentum, rng)
    before = bank.rows.copy()
    np.testing.assert_allclose(np.linalg.norm(before, axis=1), 1, atol=1e-6)
    z *= 7
    bank.update(z, ids)
    np.testing.assert_allclose(bank.rows[ids], unit(momentum * before[ids] + (1 - momentum)
                                                    * unit(z)), atol=1e-6)
    rest = np.setdiff1d(np.arange(N), ids)
    np.testing.assert_array_equal(bank.rows[rest], before[rest])
    z[...] = 0  # the bank owns its rows
    np.testing.assert_allclose(np.linalg.norm(bank.rows, axis=1), 1, atol=1e-6)
    with fails(FloatingPointError, "an embedding holds NaN or infinity"):
        bank.update(np.full((1, D), np.nan, np.float32), np.array([0]))


def test_softmax_over_all_images(bank, ids, z):
    """With gradients for z, and none for the bank."""
    rows, leaf = bank.rows.copy(), Tensor(z, requires_grad=True)
    result = loss_of(bank)(leaf, bank, ids, START)
    candidates = [[j for j in range(N) if j != i] for i in ids]
    assert result.loss.item() == pytest.approx(by_loops(z, rows, ids, candidates, T), rel=1e-5)
    assert result.chance_loss == pytest.approx(math.log(N))
    result.loss.backward()
    np.testing.assert_array_equal(bank.rows, rows)
    assert np.abs(leaf.grad).max() > 1e-4
    bank.rows[:] = bank.rows[0]
    equal = loss_of(bank)(Tensor(z), bank, ids, START)
    assert equal.loss.item() == pytest.approx(math.log(N), rel=1e-6)


def test_softmax_over_some_images(bank, ids, z):
    """An anchor's own row is never a negative, and each step draws other rows."""
    loss = loss_of(bank, bank_loss="sampled", seed=5)
    values = []
    for step in range(3):
        progress = Progress(step, 9)
        drawn = np.random.default_rng((5, step)).integers(0, N, 12)
        assert set(drawn) & set(ids)
        candidates = [[j for j in drawn if j != i] for i in ids]
        values.append(loss(Tensor(z), bank, ids, progress).loss.item())
        assert values[-1] == pytest.approx(by_loops(z, bank.rows, ids, candidates, T), rel=1e-5)
    assert len(set(values)) == 3
    bank.rows[:] = bank.rows[0]
    loss = loss_of(bank, bank_loss="sampled", bank_negatives=400, seed=5)
    result = loss(Tensor(z), bank, ids, START)  # ln(K + 1), without the own rows
    assert result.loss.item() == pytest.approx(result.chance_loss, rel=1e-2)


@pytest.mark.parametrize("bank_loss", ["softmax", "sampled"])
def test_a_ring_of_all_is_the_plain_loss(bank_loss, bank, ids, z):
    plain, all_in_ring, half = (
        loss_of(bank, bank_loss=bank_loss, **changes)(Tensor(z), bank, ids, START).loss.item()
        for changes in ({}, {"negatives": "ring", "ring_outer": 1.0, "ring_inner": 0.0},
                        {"negatives": "ring", "ring_outer": 0.5, "ring_inner": 0.0}))
    assert all_in_ring == pytest.approx(plain, rel=1e-6)
    assert half < plain - 0.01


def test_noise_contrastive_estimation(bank, ids, z, rng):
    """Term by term; Z is measured in the first batch only, and the drift is relative to it."""
    loss = loss_of(bank, bank_loss="nce", seed=5)
    for step in range(2):
        progress = Progress(step, 9)
        drawn = np.random.default_rng((5, step)).integers(0, N, 12)
        scores = np.exp(unit(z) @ bank.rows.T.astype(float) / T)  # (B, N)
        if step == 0:
            constant = scores[:, drawn].mean() * N
        r, total = 12 / N, 0.0
        for i, own in enumerate(ids):
            p = scores[i] / constant
            total -= math.log(p[own] / (p[own] + r))
            total -= sum(math.log(r / (p[j] + r)) for j in drawn if j != own)
        result = loss(Tensor(z), bank, ids, progress)
        assert result.loss.item() == pytest.approx(total / B, rel=1e-5)
        assert result.drift == pytest.approx(scores[:, drawn].mean() * N / constant, rel=1e-5)
        bank.rows[:] = unit(rng.standard_normal((N, D)) + 3 * unit(z)[0]).astype(np.float32)
    assert result.drift != pytest.approx(1, abs=0.05)
    assert result.chance_loss is None
    assert "z" in loss.state_dict()
    with fails(ValueError, "negatives: a ball or a ring needs --bank-loss softmax or sampled, got "
               "nce"):
        loss_of(bank, bank_loss="nce", negatives="ring")


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
    run = trained(random_data(), method="instance_discrimination", bank_loss="nce",
                  bank_negatives=20)
    assert run.metrics[-1]["drift"] > 1  # trained rows are more similar than random ones


def test_only_cmc_ends_its_heads_with_a_batch_norm():
    assert not InstanceDiscrimination.Config().head_norm
    assert CMC.Config().head_norm
