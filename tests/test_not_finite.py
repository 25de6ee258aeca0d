"""Numbers that are none stop a run with the step and the culprit named, and never reach a checkpoint."""
import numpy as np
import pytest
from one_line import fails
from small import random_data, small_config

from tinynnclr import run_dir
from tinynnclr import train as train_module
from tinynnclr.train import Run

DATA = random_data(70)  # 4 batches of 16 and a rest of 6


@pytest.fixture
def folder(tmp_path):
    """A run of one epoch, saved as the command line does."""
    run_dir.train_into(tmp_path, Run(small_config(epochs=1), DATA), DATA, progress=False)
    return tmp_path


def continued(folder, **changes):
    run = Run(small_config(epochs=3, **changes), DATA)
    run.load(folder / "checkpoint.npz")
    return run


def stops(folder, run, *words):
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    with np.errstate(all="ignore"), fails(FloatingPointError, *words):
        run_dir.train_into(folder, run, DATA, progress=False)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before  # nothing was overwritten, nothing left behind


def test_a_poisoned_weight(folder):
    run = continued(folder)
    run.method.projector.layers[0].weight.data[3, 1] = np.nan
    stops(folder, run, "step 5, epoch 2: the loss is not finite", "projector.layers.0.weight holds NaN")


@pytest.mark.parametrize("view", [0, 1])
def test_a_poisoned_pixel(folder, view, monkeypatch):
    real, calls = train_module.two_views, []

    def poisoned(*args):
        both = real(*args)
        calls.append(1)
        if len(calls) == 3:
            both[view][5, 7, 7, 1] = np.nan
        return both

    monkeypatch.setattr(train_module, "two_views", poisoned)
    stops(folder, continued(folder), "step 7, epoch 2: the loss is not finite",
          r"a view of sample \d+ holds NaN")


@pytest.mark.parametrize("optimizer", ["sgd", "adamw", "lars"])
def test_a_rate_that_is_far_too_large(folder, tmp_path, optimizer):
    if optimizer != "sgd":
        run_dir.train_into(tmp_path, Run(small_config(epochs=1, optimizer=optimizer), DATA), DATA, progress=False)
    stops(folder, continued(folder, optimizer=optimizer, lr=1e30), "step [5-8], epoch 2", "try a smaller --lr")


def test_weights_that_end_with_the_epoch(folder):
    """The last step of an epoch spoils the weights after a finite loss: they must not become the checkpoint."""
    run = continued(folder, batch_size=16)
    real, calls = run.optimizer.step, []

    def step():
        real()
        calls.append(1)
        if len(calls) == 4:
            run.method.predictor.layers[-1].weight.data[0, 0] = np.inf

    run.optimizer.step = step
    stops(folder, run, "step 8, epoch 2", "predictor.layers.2.weight holds NaN or infinity")


@pytest.mark.parametrize("detect", [True, False])
def test_a_gradient_that_is_none_before_it_reaches_the_weights(folder, detect):
    """sqrt(0 w) adds 0 to the loss and no number to the gradient: told at its own step, or else at the next."""
    run = continued(folder)
    real, weight = run.method.loss, run.method.projector.layers[0].weight
    run.method.loss = lambda *args: real(*args) + ((weight * 0.0) ** 0.5).sum()
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    words = (("step 5, epoch 2: a gradient is not finite", "power: the first gradient that is not finite", "batch of")
             if detect else ("step 6, epoch 2: the loss is not finite", "projector.layers.0.weight holds NaN"))
    with np.errstate(all="ignore"), fails(FloatingPointError, *words):
        run_dir.train_into(folder, run, DATA, progress=False, detect_anomaly=detect)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before
