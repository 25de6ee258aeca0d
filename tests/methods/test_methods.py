"""Every method and variant: resuming, labels, gradients, threads, and learning."""
import math
import re
from pathlib import Path

import numpy as np
import pytest
from one_line import fails
from small import easy_data, random_data, resumed_after, small_config, state_of, train, trained

import tinynnclr
from tinynnclr.datasets.dataset import Dataset
from tinynnclr.methods import METHODS, make_config
from tinynnclr.methods.registry import all_options, applicable, options_of, owners
from tinynnclr.models import ENCODERS
from tinynnclr.models.encode import encode
from tinynnclr.train.run import Run

DATA = random_data(70)  # 4 batches of 16 and a rest of 6
VARIANTS = {
    **{name: {"method": name} for name in METHODS},
    "top-k": {"top_k": 3}, "soft": {"soft_neighbor": True}, "ema": {"momentum_encoder": True},
    "no predictor": {"predictor": False}, "both": {"both_directions": True},
    "ring": {"method": "instance_discrimination", "negatives": "ring", "anneal": "linear"},
    "sampled": {"method": "instance_discrimination", "bank_loss": "sampled", "bank_negatives": 30},
    "nce": {"method": "cmc", "bank_loss": "nce", "bank_negatives": 30},
    "ball": {"method": "moco", "negatives": "ball", "anneal": "step", "symmetric": True,
             "head": "v1"},
    "neighbours of BYOL": {"method": "byol", "neighbors": True},
    "four views": {"method": "simclr", "views": 4},
    "outside": {"method": "snclr", "soft_weights": "outside", "soft_k": 2}}
each = pytest.mark.parametrize("name", VARIANTS)
# DeepCluster's head is initialised again in every epoch
LEARNING = [name for name in METHODS if name not in ("random", "deepcluster")]


def options(name, **changes):
    """A variant's options; its queue has 40 rows, no multiple of the batch size 16."""
    sizes = {"queue_size": 40, "clusters": 5, "pca": 6, "kmeans_steps": 3}
    variant = VARIANTS[name]
    return {**applicable({**sizes, **changes}, variant.get("method", "nnclr")), **variant}


def one_step(name):
    """A run after one epoch, and the result of the next step."""
    run = trained(DATA, **options(name, epochs=1))
    rng = np.random.default_rng(3)
    views = rng.random((run.method.n_views, 16, 16, 16, 3), np.float32)
    return run, run.method(views, rng.permutation(70)[:16], run.progress)


def changed(before, after):
    return [key for key in before if before[key].tobytes() != after[key].tobytes()]


@each
def test_resumed_in_an_epoch_and_at_its_end(name, tmp_path):
    whole = state_of(trained(DATA, **options(name, epochs=3)))
    for step in (6, 8):  # an epoch has 4 steps
        _, resumed = resumed_after(step, DATA, tmp_path / "c.npz", **options(name, epochs=3))
        assert resumed.step == step
        train(resumed, DATA)
        state = state_of(resumed)
        assert state.keys() == whole.keys()
        assert [key for key in whole if whole[key] != state[key]] == []


@each
def test_the_same_bytes_for_any_number_of_threads(name, threads):
    states = []
    for n in (1, 3):
        threads(n)
        states.append(state_of(trained(DATA, **options(name, epochs=1))))
    assert states[0] == states[1]


@each
def test_no_label_reaches_the_training(name):
    permuted = Dataset(DATA.images, np.random.default_rng(0).permutation(DATA.labels),
                       DATA.class_names)
    runs = [trained(data, **options(name)) for data in (DATA, permuted)]
    states = [state_of(run) for run in runs]
    assert states[0]["metrics"] != states[1]["metrics"]  # neighbor_accuracy, monitor_knn
    for state in states:
        del state["metrics"]
    assert (states[0] == states[1]) == (name not in ("supervised", "oracle_nnclr"))


@each
def test_a_step(name):
    """Its arrays have the batch's rows; gradients reach all weights and change no bank."""
    run, step = one_step(name)
    assert (step.z is None) == (name == "random")
    if step.z is not None:
        assert step.z.shape == (16, step.z.size // 16)
    if step.neighbors is not None:
        assert all(array.shape == (16,) for array in step.neighbors)
        assert step.neighbors.ids.min() >= 0
    assert step.chance_loss is None or 0 < step.chance_loss < 20
    parameters, before = run.method.named_parameters(), run.method.state_dict()
    run.method.zero_grad()
    step.loss.backward()
    assert changed(before, run.method.state_dict()) == []
    for key, p in parameters.items():
        assert p.grad is not None, key
        assert np.isfinite(p.grad).all(), key
        assert np.abs(p.grad).max() > 0 or (name, key) == ("random", "unused"), key
    assert {id(p) for p in run.optimizer.parameters} == {id(p) for p in parameters.values()}


@pytest.mark.parametrize("name", ["moco", "snclr", "byol", "ball", "neighbours of BYOL", "outside",
                                  "ema"])
def test_momentum_encoders_are_saved_and_never_trained(name):
    method = Run(small_config(**options(name)), DATA).method
    copies = [key for key in method.state_dict()
              if re.match(r"(momentum_encoder|target)\.copies.*weight", key)]
    assert len(copies) > 5
    assert not any(re.match("momentum_encoder|target", key) for key in method.named_parameters())


@pytest.mark.parametrize("name", LEARNING)
def test_every_method_learns(name):
    """Images that are easy to distinguish: the loss falls from the chance loss."""
    changes = {"epochs": 12, "width": 4, "lr": 0.2, "detrend": False, "temperature": 0.2,
               "ema": 0.9}
    losses = [row["loss"] for row in trained(easy_data(64), "crop-only",
                                             **options(name, **changes)).metrics]
    assert sum(losses[-2:]) / 2 < sum(losses[:2]) / 2 - 0.05, losses
    assert all(math.isfinite(loss) for loss in losses)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("encoder", [name for name in ENCODERS
                                     if name not in ("tiny_cnn", "resnet20")])
def test_every_method_on_every_encoder(method, encoder):
    """Two steps change the weights; features for the evaluation change nothing."""
    run = Run(small_config(**options(method, encoder=encoder, epochs=1, width=4)), DATA.take(32))
    before = {name: p.data.copy() for name, p in run.method.named_parameters().items()}
    train(run, DATA.take(32))
    assert math.isfinite(run.metrics[-1]["loss"])
    weights = {name: p.data for name, p in run.method.named_parameters().items()}
    assert changed(before, weights) or method == "random"
    state = run.method.state_dict()
    h = encode(run.encoder, DATA.images[:5])
    assert h.shape == (5, run.encoder.features)
    assert np.isfinite(h).all()
    assert changed(state, run.method.state_dict()) == []


def test_random_weights_stay_as_they_are():
    run = Run(small_config(method="random"), DATA)
    before = run.method.state_dict()
    train(run, DATA)
    names = {key.rpartition(".")[2] for key in changed(before, run.method.state_dict())}
    assert names == {"running_mean", "running_var"}
    assert run.metrics[-1]["loss"] == 0


def test_the_supervised_loss():
    run, step = one_step("supervised")
    views = np.random.default_rng(3).random((2, 16, 16, 16, 3), np.float32)
    logits = run.method.head(run.method.encoder(np.concatenate(views))).numpy().astype(float)
    labels = np.tile(DATA.labels[step.ids], 2)
    expected = np.mean([np.log(np.exp(row).sum()) - row[k]
                        for row, k in zip(logits, labels, strict=True)])
    assert step.loss.item() == pytest.approx(expected, rel=1e-5)


def test_a_method_s_own_defaults():
    assert make_config({"method": "moco"}).temperature == 0.1
    assert make_config({"method": "moco", "temperature": 0.3}).temperature == 0.3
    assert make_config({}) == METHODS["nnclr"].Config()
    assert make_config({"method": "byol"}).neighbors is False
    with fails(ValueError, "method: expected one of nnclr", "got 'mocco', did you mean moco?"):
        make_config({"method": "mocco"})
    for name, method in METHODS.items():
        assert make_config({"method": name}) == method.Config()
        assert method.Config().to_dict()["method"] == name
        assert method.Config().kind is method


def test_an_option_of_another_method_is_refused_by_name():
    for method in METHODS:
        for name in all_options().keys() - options_of(method).keys():
            with fails(ValueError, f"{name}: it is an option of {owners(name)[0]}",
                       f"not of {method}"):
                make_config({"method": method, name: 1})


@pytest.mark.parametrize("name", METHODS)
def test_a_method_is_a_page(name):
    """Formula and source first, and short enough to be read at once."""
    path = Path(tinynnclr.__file__).parent / "methods" / METHODS[name].__module__.rpartition(".")[2]
    text = path.with_suffix(".py").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 160
    opening = text.split('"""')[1]
    exempt = METHODS[name].experiment or name in ("random", "supervised")
    assert exempt or "Source: " in opening
    assert name == "random" or "loss = " in opening
