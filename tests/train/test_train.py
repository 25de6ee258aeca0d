"""The training loop: reproducible, resumable to the same bytes, and its metrics and warnings."""
import math
import signal

import numpy as np
import pytest
from one_line import fails
from small import easy_data, random_data, resumed_after, small_config, state_of, train, trained

from tinynnclr.config import Config
from tinynnclr.datasets.dataset import batches
from tinynnclr.datasets.views import augmentation_pair
from tinynnclr.methods.registry import applicable
from tinynnclr.train import run as run_module
from tinynnclr.train.diagnostics import LOOKS, collapse_warnings, end_epoch
from tinynnclr.train.run import Run
from tinynnclr.train.sigint import deferred_interrupt

DATA = random_data(70)  # 4 batches of 16 and a rest of 6
COLUMNS = ["epoch", "step", "seconds", "views_per_second", "lr", "loss", "embedding_variance",
           "self_match_rate", "neighbor_age", "unique_neighbors", "neighbor_accuracy", "entropy",
           "nmi", "drift", "monitor_knn"]


@pytest.mark.parametrize("step", [4, 7])  # an epoch has 4 steps
@pytest.mark.parametrize("changes", [
    {"method": "nnclr", "nesterov": True}, {"method": "nnclr", "optimizer": "adamw"},
    {"method": "simclr", "optimizer": "lars"}])
def test_a_resumed_run_is_the_uninterrupted_one(changes, step, tmp_path):
    # 40 rows, batches of 16: the queue's pointer is never at a boundary
    changes = {**changes, **applicable({"queue_size": 40}, changes["method"]), "epochs": 3}
    _, resumed = resumed_after(step, DATA, tmp_path / "c.npz", **changes)
    assert (resumed.step, resumed.epoch, len(resumed.log)) == (step, step // 4, step % 4)
    assert len(resumed.metrics) == len(resumed.gallery) == step // 4
    train(resumed, DATA)
    whole, state = state_of(trained(DATA, **changes)), state_of(resumed)
    assert whole.keys() == state.keys()
    assert [name for name in whole if whole[name] != state[name]] == []
    assert resumed.seconds > 0
    if changes["method"] == "nnclr":
        queue = {f"method.support_set.{name}" for name in ("rows", "ids", "born", "counts")}
        assert {*queue, "method.encoder.body.layers.2.running_mean"} < whole.keys()


def test_a_checkpoint_of_the_first_and_of_the_last_step(tmp_path):
    run = Run(small_config(), DATA)
    run.save(tmp_path / "first.npz")
    train(run, DATA)
    run.save(tmp_path / "last.npz")
    for name in ("first", "last"):
        again = Run(small_config(), DATA)
        again.load(tmp_path / f"{name}.npz")
        train(again, DATA)
        assert state_of(again) == state_of(run)


def test_a_second_ctrl_c_does_not_wait():
    with deferred_interrupt() as interrupted:
        assert not interrupted.is_set()
        signal.raise_signal(signal.SIGINT)
        assert interrupted.is_set()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_the_seed_decides():
    states = [state_of(trained(DATA, seed=seed)) for seed in (0, 0, 1)]
    assert states[0] == states[1]
    changed = [name for name in states[0] if states[0][name] != states[2][name]]
    assert {"rng", "metrics", "method.support_set.rows",
            "method.encoder.body.layers.1.weight"} <= set(changed)


def test_the_number_of_threads_does_not_matter(threads):
    states = []
    for n in (1, 2, 3):
        threads(n)
        states.append(state_of(trained(DATA, batch_size=32, width=4, epochs=1)))
    assert states[0] == states[1] == states[2]


def test_every_epoch_has_its_own_views(monkeypatch):
    steps, make_views = [], run_module.make_views

    def record(images, indices, *rest):
        x1, x2 = make_views(images, indices, *rest)
        steps.append({int(i): (a.tobytes(), b.tobytes())
                      for i, a, b in zip(indices, x1, x2, strict=True)})
        return x1, x2

    monkeypatch.setattr(run_module, "make_views", record)
    trained(DATA.take(64), epochs=2)
    assert len(steps) == 8
    epochs = [{i: pair for step in part for i, pair in step.items()}
              for part in (steps[:4], steps[4:])]
    assert [sorted(epoch) for epoch in epochs] == [list(range(64))] * 2
    assert [list(step) for step in steps[:4]] != [list(step) for step in steps[4:]]
    assert all(len({*epochs[0][i], *epochs[1][i]}) == 4 for i in range(64))


@pytest.mark.parametrize(("n", "b"), [(64, 16), (70, 16), (16, 16), (17, 16), (5, 2)])
def test_batches(n, b):
    """Whole batches of the order; the images left out change from epoch to epoch."""
    order = np.random.default_rng(0).permutation(n)
    parts = [part.tolist() for part in batches(order, b)]
    assert parts == [order[i * b:(i + 1) * b].tolist() for i in range(n // b)]
    assert [part.tolist() for part in batches(order, b, first=1)] == parts[1:]
    method, rng = Run(small_config(batch_size=2), DATA).method, np.random.default_rng(0)
    left_out = set()
    for _ in range(200):
        epoch, _ = method.start_epoch(n, rng)
        assert sorted(epoch) == list(range(n))
        left_out |= set(epoch[n // b * b:].tolist())
    assert left_out == (set(range(n)) if n % b else set())


def test_the_order_of_a_step(monkeypatch):
    """Loss, backward, optimiser, and only then the queue, with weights of the step before."""
    run, events = Run(small_config(epochs=1, batch_size=32), DATA), []

    def record(owner, name):
        function = getattr(owner, name)

        def recorded(*args):
            events.append((name, all(p.grad is not None for p in run.method.parameters())))
            return function(*args)

        monkeypatch.setattr(owner, name, recorded)

    for owner, name in ((run.method, "forward"), (run.method, "zero_grad"), (run.optimizer, "step"),
                        (run.method, "after_step")):
        record(owner, name)
    train(run, DATA)
    assert events == [("forward", False), ("zero_grad", False), ("step", True),
                      ("after_step", True), ("forward", True), ("zero_grad", True), ("step", True),
                      ("after_step", True)]


def test_the_learning_rate_follows_the_schedule():
    # 20 steps, 5 of them warm-up; 0.4 * 16 / 128 = 0.05
    run = trained(DATA, epochs=5, lr=0.4, warmup=0.25)
    expected = [0.05 * (4 / 5), *(0.025 * (1 + math.cos(math.pi * (step - 5) / 15))
                                  for step in (7, 11, 15, 19))]
    assert [row["lr"] for row in run.metrics] == pytest.approx(expected, rel=1e-12)
    assert run.optimizer.lr == 0.05


def test_a_row_of_metrics_an_epoch():
    run = trained(DATA, epochs=3)
    assert [list(row) for row in run.metrics] == [COLUMNS] * 3
    assert [(row["epoch"], row["step"]) for row in run.metrics] == [(1, 4), (2, 8), (3, 12)]
    absent = ["entropy", "nmi", "drift"]
    for row in run.metrics:
        assert [name for name, value in row.items() if not math.isfinite(value)] == absent
        assert 0.5 < row["embedding_variance"] <= 1
        assert 0 <= min(row["self_match_rate"], row["neighbor_accuracy"], row["monitor_knn"])
        assert 1 <= row["neighbor_age"] <= 2  # 32 rows, batches of 16
        assert 1 <= row["unique_neighbors"] <= 16
        assert row["views_per_second"] > 0
    seconds = [0, *(row["seconds"] for row in run.metrics)]
    assert all(a < b for a, b in zip(seconds, seconds[1:], strict=False))
    assert [gallery.shape for gallery in run.gallery] == [(8, 6)] * 3
    without = trained(DATA, epochs=1, neighbors=False).metrics[0]
    assert [name for name, value in without.items() if math.isnan(value)] == [
        "self_match_rate", "neighbor_age", "unique_neighbors", "neighbor_accuracy", *absent]


def looks(run):
    """The epochs with monitor_knn; the gallery has an array for each."""
    epochs = [row["epoch"] for row in run.metrics if not math.isnan(row["monitor_knn"])]
    assert len(run.gallery) == len(epochs)
    return epochs


@pytest.mark.parametrize(("epochs", "wanted"), [
    (2, [1, 2]), (25, [*range(1, 26)]), (26, [1, *range(2, 27, 2)]),
    (27, [1, *range(2, 27, 2), 27]), (75, [1, *range(3, 76, 3)]), (76, [1, *range(4, 77, 4)]),
    (77, [1, *range(4, 77, 4), 77])])
def test_a_long_run_is_compared_with_the_labels_in_about_25_epochs(epochs, wanted):
    """The first and the last are always among them."""
    run = trained(random_data(16), epochs=epochs, method="simclr")
    assert looks(run) == wanted
    assert len(wanted) <= LOOKS + 2
    assert [list(row) for row in run.metrics] == [COLUMNS] * epochs
    assert all(math.isfinite(row["loss"]) for row in run.metrics)


@pytest.mark.parametrize("step", [1, 58, 59, 60])
def test_a_resumed_long_run_is_the_uninterrupted_one(step, tmp_path):
    """Stopped before, at and after an epoch with monitor_knn; also after its first."""
    data = random_data(16)
    _, resumed = resumed_after(step, data, tmp_path / "c.npz", epochs=120)
    assert looks(resumed) == [1, *range(5, step + 1, 5)]
    train(resumed, data)
    whole = trained(data, epochs=120)
    assert looks(resumed) == looks(whole) == [1, *range(5, 121, 5)]
    assert state_of(resumed) == state_of(whole)


@pytest.mark.parametrize("change", [lambda gallery: gallery.pop(),
                                    lambda gallery: gallery.append(gallery[0])])
def test_a_checkpoint_with_another_number_of_galleries_is_refused(change, tmp_path):
    run = trained(DATA, epochs=2)
    change(run.gallery)
    run.save(tmp_path / "c.npz")
    with fails(ValueError, "c.npz does not fit this run", "gallery: expected an array for each of "
               f"2 epochs with monitor_knn, got {len(run.gallery)}"):
        Run(run.config, DATA).load(tmp_path / "c.npz")


@pytest.mark.parametrize("optimizer", ["sgd", "lars", "adamw"])
@pytest.mark.parametrize("method", ["nnclr", "simclr"])
def test_every_optimiser_lowers_the_loss(method, optimizer):
    lr = {"sgd": 0.2, "lars": 40.0, "adamw": 1e-2}[optimizer]
    run = trained(easy_data(64), "crop-only", method=method, optimizer=optimizer, lr=lr, epochs=8,
                  width=4, temperature=0.2)
    losses = [row["loss"] for row in run.metrics]
    assert sum(losses[-2:]) / 2 < sum(losses[:2]) / 2 - 0.3, losses


def test_too_few_images():
    with fails(ValueError, "batch_size: 71 is more than the 70 training images"):
        Run(small_config(batch_size=71), DATA)
    assert Run(small_config(batch_size=70), DATA).steps_per_epoch == 1


@pytest.mark.parametrize("changes", [{"width": 3}, {"method": "simclr"}, {"queue_size": 33},
                                     {"optimizer": "adamw"}])
def test_a_checkpoint_of_another_network(changes, tmp_path):
    Run(small_config(), DATA).save(tmp_path / "c.npz")
    with fails(ValueError, "c.npz does not fit this run"):
        Run(small_config(**changes), DATA).load(tmp_path / "c.npz")


def test_augmentations_by_name():
    with fails(ValueError, "augmentation: expected one of simclr, toybox", "got 'simclrr'"):
        augmentation_pair("simclrr")
    for name in Config.__dataclass_fields__["augmentation"].metadata["choices"]:
        assert augmentation_pair(name)


@pytest.mark.parametrize(("chance", "change", "kinds"), [
    (math.log(16), {}, []), (None, {"unique_neighbors": math.nan}, []),
    (math.log(16), {"loss": math.log(16) * 1.009}, ["chance_loss"]),
    (math.log(16), {"loss": math.log(16) * 0.989}, []),
    (None, {"unique_neighbors": 3.9}, ["unique_neighbors"]),
    (None, {"embedding_variance": 0.049}, ["embedding_variance"])])
def test_signs_of_a_collapse(chance, change, kinds):
    row = {"loss": 2.0, "unique_neighbors": 9.0, "embedding_variance": 0.9, **change}
    assert list(collapse_warnings(chance, row, 16)) == kinds


def test_a_collapse_is_reported_once_after_two_epochs(capsys):
    run, output = Run(small_config(epochs=9), DATA), []
    for loss in (2.77, 2.0, 2.77, 2.78, 2.77, 2.0, 2.77, 2.77):
        run.log, run.epoch_seconds = [[loss, 0.9, *[math.nan] * 7]], 1.0
        end_epoch(run, DATA, math.log(16))
        output.append(capsys.readouterr().err)
    assert [i for i, text in enumerate(output) if text] == [3, 7]
    assert output[3] == ("epoch 4: the loss, 2.780, is within 1 % of the chance loss, 2.773: the "
                         "network distinguishes nothing\n")
