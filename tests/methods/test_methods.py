"""What holds for every method: it resumes bit for bit, needs no labels, keeps its banks out of
reach of gradients.
"""
import math
import re
import signal
from pathlib import Path

import numpy as np
import pytest
from one_line import fails
from small import easy_data, random_data, small_config, state_of

import tinynnclr
from tinynnclr.datasets.dataset import Dataset
from tinynnclr.datasets.views import augmentation_pair
from tinynnclr.methods import METHODS, make_config
from tinynnclr.methods.registry import all_options, applicable, options_of, owners
from tinynnclr.models import ENCODERS
from tinynnclr.models.encode import encode
from tinynnclr.train.hooks import train_run
from tinynnclr.train.run import Run

DATA = random_data(70)  # 4 batches of 16 and a rest of 6
VARIANTS = {**{name: {"method": name} for name in METHODS}, "top-k": {"top_k": 3},
            "soft": {"soft_neighbor": True}, "ema": {"momentum_encoder": True},
            "no predictor": {"predictor": False},
            "both": {"both_directions": True}, "ring": {"method": "instance_discrimination",
                                                        "negatives": "ring", "anneal": "linear"},
            "sampled": {"method": "instance_discrimination", "bank_loss": "sampled",
                        "bank_negatives": 30}, "nce": {"method": "cmc", "bank_loss": "nce",
                                                       "bank_negatives": 30},
            "ball": {"method": "moco", "negatives": "ball", "anneal": "step", "symmetric": True,
                     "head": "v1"}, "neighbours of BYOL": {"method": "byol", "neighbors": True},
            "four views": {"method": "simclr", "views": 4},
            "outside": {"method": "snclr", "soft_weights": "outside", "soft_k": 2}}
each = pytest.mark.parametrize("name", VARIANTS)
# whose head begins anew every epoch
LEARNING = [name for name in METHODS if name not in ("random", "deepcluster")]


def config_of(name, **changes):
    # 40 rows: not a multiple of 16
    sizes = {"queue_size": 40, "clusters": 5, "pca": 6, "kmeans_steps": 3}
    variant = VARIANTS[name]
    return small_config(**{**applicable({**sizes, **changes}, variant.get("method", "nnclr")),
                           **variant})


def trained(config, data=DATA, augmentation="simclr", **options):
    run = Run(config, data)
    train_run(run, data, augmentation_pair(augmentation), progress=False, **options)
    return run


def one_step(name, data=DATA):
    """A run after one epoch, with the loss of the next step and the samples of that step."""
    run = trained(config_of(name, epochs=1), data)
    rng = np.random.default_rng(3)
    views = rng.random((run.method.n_views, 16, 16, 16, 3), np.float32)
    ids = rng.permutation(len(data))[:16]
    return run, run.method(views, ids, run.progress), ids


@each
def test_resumed_in_the_middle_of_an_epoch_and_at_its_end(name, tmp_path):
    config = config_of(name, epochs=3)
    whole = state_of(trained(config))
    for step in (6, 8):

        class Stop(Exception):
            pass

        run = Run(config, DATA)
        real = run.method.after_step

        def stop(found, run=run, real=real, step=step):
            real(found)
            if run.step + 1 == step:
                signal.raise_signal(signal.SIGINT)

        run.method.after_step = stop
        with pytest.raises(KeyboardInterrupt):
            train_run(run, DATA, augmentation_pair("simclr"), save=lambda r: r.save(tmp_path / "c.npz"),
                  progress=False)
        assert run.step == step
        resumed = Run(config, DATA)
        resumed.load(tmp_path / "c.npz")
        train_run(resumed, DATA, augmentation_pair("simclr"), progress=False)
        found = state_of(resumed)
        assert found.keys() == whole.keys()
        assert [key for key in whole if whole[key] != found[key]] == []


@each
def test_the_same_bytes_for_any_number_of_threads(name, threads):
    states = []
    for n in (1, 3):
        threads(n)
        states.append(state_of(trained(config_of(name, epochs=1))))
    assert states[0] == states[1]


@each
def test_no_label_reaches_the_training(name):
    other = Dataset(DATA.images, np.random.default_rng(0).permutation(DATA.labels),
                    DATA.class_names)
    ours, theirs = (state_of(trained(config_of(name), data)) for data in (DATA, other))
    # where agreement is told
    same = all(ours[key] == theirs[key] for key in ours if key != "metrics")
    assert same == (name not in ("supervised", "oracle_nnclr"))


@each
def test_gradients_reach_the_weights_and_nothing_else(name):
    run, step, _ = one_step(name)
    parameters, before = run.method.named_parameters(), run.method.state_dict()
    run.method.zero_grad()
    step.loss.backward()
    after = run.method.state_dict()
    # banks and slow copies, too
    assert [key for key in before if before[key].tobytes() != after[key].tobytes()] == []
    for key, p in parameters.items():
        assert p.grad is not None, key
        assert np.isfinite(p.grad).all(), key
        assert np.abs(p.grad).max() > 0 or (name, key) == ("random", "unused"), key
    assert {id(p) for p in run.optimizer.parameters} == {id(p) for p in parameters.values()}


@each
def test_judging_moves_nothing(name):
    run, _, _ = one_step(name)
    before = run.method.state_dict()
    h = encode(run.method.encoder, DATA.images)
    assert h.shape == (len(DATA), run.method.encoder.features)
    after = run.method.state_dict()
    assert [key for key in before if before[key].tobytes() != after[key].tobytes()] == []


@pytest.mark.parametrize("name", [name for name in VARIANTS
                                  if any(word in VARIANTS[name].get("method", "") for word
                                         in ("moco", "snclr", "byol")) or name == "ema"])
def test_slow_copies_are_saved_and_never_trained(name):
    run = Run(config_of(name), DATA)
    slow = [key for key in run.method.state_dict()
            if re.match(r"(momentum_encoder|target)\.copies.*weight", key)]
    assert len(slow) > 5
    assert not any(re.match("(momentum_encoder|target)", key) for key
                   in run.method.named_parameters())


@each
def test_diagnostics(name):
    _, step, ids = one_step(name)
    np.testing.assert_array_equal(step.ids, ids)
    assert (step.z is not None) == (name != "random")
    if step.z is not None:
        assert step.z.ndim == 2
        assert len(step.z) == 16
    if step.neighbors is not None:
        assert all(array.shape == (16,) for array in step.neighbors)
        assert step.neighbors.ids.min() >= 0
    assert step.chance_loss is None or 0 < step.chance_loss < 20


@pytest.mark.parametrize("name", LEARNING)
def test_every_method_learns(name):
    """Pictures that are easy to tell apart: the loss falls from that of a guess."""
    data = easy_data(64)
    changes = {"epochs": 12, "width": 4, "lr": 0.2, "detrend": False, "temperature": 0.2,
               "ema": 0.9}
    run = trained(config_of(name, **changes), data, "crop-only")
    losses = [row["loss"] for row in run.metrics]
    assert sum(losses[-2:]) / 2 < sum(losses[:2]) / 2 - 0.05, losses
    assert all(math.isfinite(loss) for loss in losses)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("encoder", [name for name in ENCODERS
                                     if name not in ("tiny_cnn", "resnet20")])
def test_every_method_on_every_encoder(method, encoder):
    """One epoch of two steps, which moves the weights, and features for the evaluation."""
    run = Run(config_of(method, encoder=encoder, epochs=1, width=4), DATA.take(32))
    before = {k: p.data.copy() for k, p in run.method.named_parameters().items()}
    train_run(run, DATA.take(32), augmentation_pair("simclr"), progress=False)
    assert math.isfinite(run.metrics[-1]["loss"])
    moved = [k for k, p in run.method.named_parameters().items() if not np.array_equal(before[k],
                                                                                       p.data)]
    assert moved or method == "random"
    h = encode(run.method.encoder, DATA.images[:5])
    assert h.shape == (5, run.method.encoder.features)
    assert np.isfinite(h).all()


def test_random_weights_stay_as_they_are():
    run = Run(config_of("random"), DATA)
    before = run.method.state_dict()
    train_run(run, DATA, augmentation_pair("simclr"), progress=False)
    after = run.method.state_dict()
    changed = {key.rpartition(".")[2] for key in before
               if before[key].tobytes() != after[key].tobytes()}
    assert changed == {"running_mean", "running_var"}
    assert run.metrics[-1]["loss"] == 0


def test_supervised_is_told_the_labels():
    run, step, ids = one_step("supervised")
    x1, x2 = np.random.default_rng(3).random((2, 16, 16, 16, 3), np.float32)
    logits = run.method.head(run.method.encoder(np.concatenate([x1, x2]))).numpy().astype(float)
    labels = np.tile(DATA.labels[ids], 2)
    wanted = np.mean([np.log(np.exp(row).sum()) - row[k] for row,
                      k in zip(logits, labels, strict=True)])
    assert step.loss.item() == pytest.approx(wanted, rel=1e-5)


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
        for name in all_options():
            if name not in options_of(method):
                with fails(ValueError, f"{name}: it is an option of", f"not of {method}") as caught:
                    make_config({"method": method, name: 1})
                assert owners(name)[0] in str(caught.value)


@pytest.mark.parametrize("name", METHODS)
def test_a_method_is_a_page(name):
    """Formula and source first, and short enough to be read at once."""
    path = Path(tinynnclr.__file__).parent / "methods" / METHODS[name].__module__.rpartition(".")[2]
    text = path.with_suffix(".py").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 160
    opening = text.split('"""')[1]
    assert name in ("random", "supervised", "oracle_nnclr") or "Source: " in opening
    assert name == "random" or "loss = " in opening
