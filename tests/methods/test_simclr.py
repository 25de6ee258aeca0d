"""SimCLR with two views and with more: the loss of its embeddings, and its chance loss."""
import numpy as np
import pytest
from small import small_config

from tinynnclr.methods import SimCLR
from tinynnclr.methods.losses import mean_of_others_loss, nt_xent_loss
from tinynnclr.models import TinyCNN

B = 8
number_of_views = pytest.mark.parametrize("views", [2, 4, 6])


def build(views):
    config, rng = small_config(method="simclr", views=views, batch_size=B,
                               temperature=0.2), np.random.default_rng(1)
    return SimCLR(TinyCNN(config.width, rng), config, rng)


@number_of_views
def test_the_loss_of_its_embeddings(views, rng):
    method, x = build(views), rng.random((views, B, 16, 16, 3), np.float32)
    if views == 2:
        z = [method.projector(method.encoder(half)) for half in x]
        wanted = nt_xent_loss(*z, 0.2).item()
    else:  # batch norm takes all views at once
        both = method.projector(method.encoder(np.concatenate(x)))
        z = [both[i * B:(i + 1) * B] for i in range(views)]
        wanted = mean_of_others_loss(z, 0.2).item()
    step = method(x, np.arange(B))
    assert not any("support" in name or "predictor" in name for name in method.state_dict())
    assert step.loss.item() == pytest.approx(wanted, rel=1e-6)
    np.testing.assert_allclose(step.z, z[0].numpy(), rtol=1e-6)


@number_of_views
def test_equal_embeddings_cost_the_chance_loss(views, rng):
    method, x = build(views), rng.random((views, B, 16, 16, 3), np.float32)
    last = method.projector.layers[-1]  # batch norm, now with a constant output of 1
    last.weight.data[...], last.bias.data[...] = 0, 1
    guess = np.log(2 * B - 1 if views == 2 else B)
    step = method(x, np.arange(B))
    assert step.loss.item() == pytest.approx(guess, rel=1e-6)
    assert step.chance_loss == pytest.approx(guess)
