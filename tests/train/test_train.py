"""The loop: the same seed gives the same bytes, a resumed run is the uninterrupted one, and NaN
stops it by name.
"""
import math
import signal

import numpy as np
import pytest
from one_line import fails
from small import easy_data, random_data, small_config, state_of

from tinynnclr.config import Config
from tinynnclr.datasets.dataset import Dataset, batches
from tinynnclr.datasets.views import augmentation_pair
from tinynnclr.methods.registry import applicable
from tinynnclr.train import run as train_module
from tinynnclr.train.diagnostics import collapse_warnings, end_epoch
from tinynnclr.train.hooks import train_run
from tinynnclr.train.run import Run
from tinynnclr.train.sigint import deferred_interrupt

DATA = random_data(70)  # 4 batches of 16 and a rest of 6
COLUMNS = ["epoch", "step", "seconds", "views_per_second", "lr", "loss", "embedding_variance",
           "self_match_rate", "neighbor_age", "unique_neighbors", "neighbor_accuracy", "entropy",
           "nmi", "drift", "monitor_knn"]


def trained(data=DATA, augmentation="simclr", **changes):
    run = Run(small_config(**changes), data)
    train_run(run, data, augmentation_pair(augmentation), progress=False)
    return run


class Stop(Exception):
    """An interruption that a test makes."""


def stop_after(epochs, run, data, path):
    """Train until so many epochs are done, with a checkpoint after each, and then be interrupted.
    """

    def save(run):
        run.save(path)
        if run.epoch == epochs:
            raise Stop

    with pytest.raises(Stop):
        train_run(run, data, augmentation_pair("simclr"), save=save, progress=False)


METHODS = [{"method": "nnclr", "optimizer": "sgd", "nesterov": True},
           {"method": "nnclr", "optimizer": "adamw"}, {"method": "simclr", "optimizer": "lars"}]


@pytest.mark.parametrize("changes", METHODS)
def test_a_resumed_run_is_the_uninterrupted_one(changes, tmp_path):
    # 40 rows, batches of 16: the pointer is never at a boundary
    queue = applicable({"queue_size": 40}, changes["method"])
    changes = {**changes, **queue, "epochs": 4}
    whole = trained(**changes)
    stop_after(2, Run(small_config(**changes), DATA), DATA, tmp_path / "c.npz")
    resumed = Run(small_config(**changes), DATA)
    resumed.load(tmp_path / "c.npz")
    assert (resumed.epoch, resumed.step, len(resumed.metrics), len(resumed.gallery)) == (2, 8, 2, 2)
    train_run(resumed, DATA, augmentation_pair("simclr"), progress=False)
    ours, theirs = state_of(whole), state_of(resumed)
    assert ours.keys() == theirs.keys()
    assert [name for name in ours if ours[name] != theirs[name]] == []
    assert resumed.seconds > 0
    if changes["method"] == "nnclr":
        queue = {f"method.support_set.{name}" for name in ("rows", "ids", "born", "counts")}
        assert {*queue, "method.encoder.body.layers.2.running_mean"} < ours.keys()


@pytest.mark.parametrize("step", [4, 6, 7])  # an epoch has 4 steps
def test_ctrl_c_saves_between_two_steps(step, tmp_path, monkeypatch):
    run, whole = Run(small_config(epochs=3), DATA), trained(epochs=3)
    after_step = run.method.after_step

    def press(found):
        if run.step + 1 == step:
            signal.raise_signal(signal.SIGINT)
        after_step(found)

    monkeypatch.setattr(run.method, "after_step", press)
    with pytest.raises(KeyboardInterrupt):
        train_run(run, DATA, augmentation_pair("simclr"), save=lambda r: r.save(tmp_path / "c.npz"),
              progress=False)
    resumed = Run(small_config(epochs=3), DATA)
    resumed.load(tmp_path / "c.npz")
    assert (resumed.step, resumed.epoch, len(resumed.log)) == (step, step // 4, step % 4)
    train_run(resumed, DATA, augmentation_pair("simclr"), progress=False)
    assert state_of(resumed) == state_of(whole)


def test_a_second_ctrl_c_does_not_wait():
    with deferred_interrupt() as asked:
        assert not asked.is_set()
        signal.raise_signal(signal.SIGINT)
        assert asked.is_set()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_a_resumed_run_in_the_middle_of_nothing(tmp_path):
    """A checkpoint of the beginning and one of the end."""
    run = Run(small_config(), DATA)
    run.save(tmp_path / "first.npz")
    train_run(run, DATA, augmentation_pair("simclr"), progress=False)
    run.save(tmp_path / "last.npz")
    for name in ("first", "last"):
        again = Run(small_config(), DATA)
        again.load(tmp_path / f"{name}.npz")
        train_run(again, DATA, augmentation_pair("simclr"), progress=False)
        assert state_of(again) == state_of(run)


def test_the_seed_decides():
    runs = [state_of(trained(seed=seed)) for seed in (0, 0, 1)]
    assert runs[0] == runs[1]
    changed = [name for name in runs[0] if runs[0][name] != runs[2][name]]
    assert {"rng", "metrics", "method.support_set.rows",
            "method.encoder.body.layers.1.weight"} <= set(changed)


def test_the_number_of_threads_does_not_matter(threads):
    states = []
    for n in (1, 2, 3):
        threads(n)
        states.append(state_of(trained(batch_size=32, width=4, epochs=1)))
    assert states[0] == states[1] == states[2]


def test_labels_do_not_reach_the_training():
    permuted = Dataset(DATA.images, np.random.default_rng(0).permutation(DATA.labels),
                       DATA.class_names)
    ours, theirs = (trained(data, epochs=3) for data in (DATA, permuted))
    assert [row["loss"] for row in ours.metrics] == [row["loss"] for row in theirs.metrics]
    assert ours.metrics != theirs.metrics  # the labels do differ
    ours, theirs = state_of(ours), state_of(theirs)
    assert [name for name in ours if ours[name] != theirs[name]] == ["metrics"]


def test_every_epoch_has_its_own_views(monkeypatch):
    seen, real = [], train_module.make_views

    def spy(images, indices, *rest):
        x1, x2 = real(images, indices, *rest)
        seen.append({int(i): (a.tobytes(), b.tobytes()) for i, a,
                     b in zip(indices, x1, x2, strict=True)})
        return x1, x2

    monkeypatch.setattr(train_module, "make_views", spy)
    data = DATA.take(64)
    trained(data, epochs=2)
    epochs = [{k: v for batch in part for k, v in batch.items()} for part in (seen[:4], seen[4:])]
    assert len(seen) == 8
    assert [sorted(e) for e in epochs] == [list(range(64))] * 2
    assert [list(b) for b in seen[:4]] != [list(b) for b in seen[4:]]  # another order
    for i in range(64):
        assert len({*epochs[0][i], *epochs[1][i]}) == 4  # and four different views


@pytest.mark.parametrize(("n", "b"), [(64, 16), (70, 16), (16, 16), (17, 16), (5, 2)])
def test_the_loader(n, b):
    first, again, other = (list(batches(np.random.default_rng(seed).permutation(n), b)) for seed
                           in (0, 0, 1))
    assert len(first) == n // b
    assert all(len(indices) == b for indices in first)
    order = np.concatenate(first)
    assert len(set(order.tolist())) == len(order)  # nobody twice
    assert set(order.tolist()) <= set(range(n))
    np.testing.assert_array_equal(order, np.concatenate(again))
    assert order.tolist() != np.concatenate(other).tolist()
    rng = np.random.default_rng(0)
    one, next_one = ([list(a) for a in batches(rng.permutation(n), b)] for _ in range(2))
    assert one != next_one
    assert [list(a) for a in batches(np.arange(n), b, first=1)] == [list(a) for a
                                                                    in batches(np.arange(n), b)][1:]
    left_out = set()
    for _ in range(200):  # the rest is another one every time: everybody comes on
        left_out |= set(range(n)) - set(np.concatenate(list(batches(rng.permutation(n),
                                                                    b))).tolist())
    assert left_out == (set(range(n)) if n % b else set())


def test_a_step_in_its_order(monkeypatch):
    """loss, backward, optimiser, and only then the queue: with weights of the step before."""
    run, events = Run(small_config(epochs=1, batch_size=32), DATA), []

    def watch(owner, name):
        real = getattr(owner, name)

        def spy(*args):
            grads = all(p.grad is not None for p in run.method.parameters())
            events.append((name, grads))
            return real(*args)

        monkeypatch.setattr(owner, name, spy)

    for owner, name in ((run.method, "forward"), (run.method, "zero_grad"), (run.optimizer, "step"),
                        (run.method, "after_step")):
        watch(owner, name)
    train_run(run, DATA, augmentation_pair("simclr"), progress=False)
    assert events == [("forward", False), ("zero_grad", False), ("step", True), ("after_step", True),
                      ("forward", True), ("zero_grad", True), ("step", True), ("after_step", True)]


def test_the_rate_follows_the_schedule():
    # 20 steps, 5 of them warm-up; 0.4 * 16 / 128 = 0.05
    run = Run(small_config(epochs=5, lr=0.4, warmup=0.25), DATA)
    train_run(run, DATA, augmentation_pair("simclr"), progress=False)
    wanted = [0.05 * (4 / 5), *(0.025 * (1 + math.cos(math.pi * (step - 5) / 15)) for step
                                in (7, 11, 15, 19))]
    assert [row["lr"] for row in run.metrics] == pytest.approx(wanted, rel=1e-12)
    assert run.optimizer.lr == 0.05


def test_a_row_an_epoch():
    run = trained(epochs=3)
    assert [list(row) for row in run.metrics] == [COLUMNS] * 3
    assert [(row["epoch"], row["step"]) for row in run.metrics] == [(1, 4), (2, 8), (3, 12)]
    for row in run.metrics:
        assert [k for k, value in row.items() if not math.isfinite(value)] == ["entropy", "nmi",
                                                                               "drift"]
        assert 0.5 < row["embedding_variance"] <= 1
        assert 0 <= min(row["self_match_rate"], row["neighbor_accuracy"], row["monitor_knn"])
        assert 1 <= row["neighbor_age"] <= 2  # 32 rows, batches of 16
        assert 1 <= row["unique_neighbors"] <= 16
        assert row["views_per_second"] > 0
    assert 0 < run.metrics[0]["seconds"] < run.metrics[1]["seconds"] < run.metrics[2]["seconds"]
    assert [g.shape for g in run.gallery] == [(8, 6)] * 3
    without = trained(epochs=1, neighbors=False).metrics[0]
    assert [k for k, v in without.items() if math.isnan(v)] == ["self_match_rate", "neighbor_age",
                                                                "unique_neighbors",
                                                                "neighbor_accuracy", "entropy",
                                                                "nmi", "drift"]


@pytest.mark.parametrize("optimizer", ["sgd", "lars", "adamw"])
@pytest.mark.parametrize("method", ["nnclr", "simclr"])
def test_every_optimiser_lowers_the_loss(method, optimizer):
    lr = {"sgd": 0.2, "lars": 40.0, "adamw": 1e-2}[optimizer]
    losses = [row["loss"] for row in trained(easy_data(64), "crop-only", method=method,
                                             optimizer=optimizer, lr=lr, epochs=8, width=4,
                                             temperature=0.2).metrics]
    assert sum(losses[-2:]) / 2 < sum(losses[:2]) / 2 - 0.3, losses


def test_too_few_images():
    with fails(ValueError, "batch_size: 71 is more than the 70 training images"):
        Run(small_config(batch_size=71), DATA)
    assert Run(small_config(batch_size=70), DATA).steps_per_epoch == 1


def test_a_checkpoint_of_another_network(tmp_path):
    Run(small_config(), DATA).save(tmp_path / "c.npz")
    for changes in ({"width": 3}, {"method": "simclr"}, {"queue_size": 33}, {"optimizer": "adamw"}):
        with fails(ValueError, "c.npz does not fit this run"):
            Run(small_config(**changes), DATA).load(tmp_path / "c.npz")


def test_an_unknown_augmentation():
    with fails(ValueError, "augmentation: expected one of simclr, toybox", "got 'simclrr'"):
        augmentation_pair("simclrr")
    for name in {f.name: f for f
                 in Config.__dataclass_fields__.values()}["augmentation"].metadata["choices"]:
        assert augmentation_pair(name)


def test_what_looks_like_a_collapse_is_said_once(capsys):
    fine = {"loss": 2.0, "unique_neighbors": 9.0, "embedding_variance": 0.9}
    for chance, change, kinds in (
            (math.log(16), {}, []), (None, {"unique_neighbors": math.nan}, []),
            (math.log(16), {"loss": math.log(16) * 1.009}, ["chance_loss"]),
            (math.log(16), {"loss": math.log(16) * 0.989}, []),
            (None, {"unique_neighbors": 3.9}, ["unique_neighbors"]),
            (None, {"embedding_variance": 0.049}, ["embedding_variance"])):
        assert list(collapse_warnings(chance, {**fine, **change}, 16)) == kinds
    run = Run(small_config(epochs=9), DATA)
    said = []
    # it worries when it lasts, not on and on
    for loss in (2.77, 2.0, 2.77, 2.78, 2.77, 2.0, 2.77, 2.77):
        run.log, run.epoch_seconds = [[loss, 0.9, *[math.nan] * 7]], 1.0
        end_epoch(run, DATA, math.log(16))
        said.append(capsys.readouterr().err)
    assert [i for i, text in enumerate(said) if text] == [3, 7]
    assert said[3] == ("epoch 4: the loss, 2.780, is within 1 % of the chance loss, 2.773: the "
                       "network distinguishes nothing\n")
