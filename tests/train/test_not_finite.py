"""NaN or infinity stops a run, names the step and the array or op, and reaches no checkpoint."""
import numpy as np
import pytest
from one_line import fails
from small import random_data, small_config

from tinynnclr.lab.plots.tsne import tsne
from tinynnclr.lab.protocols.few_shot import prototype_accuracy
from tinynnclr.lab.protocols.frozen_features import choose_strength
from tinynnclr.metrics.clusters import cluster_agreement, nearest_centroid
from tinynnclr.metrics.few_labels import few_label_accuracies, share_accuracy
from tinynnclr.metrics.geometry import alignment, effective_rank, uniformity
from tinynnclr.metrics.knn import knn_accuracy, leave_one_out_accuracy, nearest_others, whitened
from tinynnclr.metrics.linear_probe import fit_softmax, linear_accuracy
from tinynnclr.models.encode import encode
from tinynnclr.train import restore, run_dir
from tinynnclr.train import run as run_module
from tinynnclr.train.run import Run

DATA = random_data(70)  # 4 batches of 16 and a rest of 6


@pytest.fixture
def folder(tmp_path):
    """A run of one epoch, saved as the command line does."""
    run_dir.train_into(tmp_path, Run(small_config(epochs=1), DATA), DATA, progress=False)
    return tmp_path


def resumed(folder, **changes):
    run = Run(small_config(epochs=3, **changes), DATA)
    run.load(folder / "checkpoint.npz")
    return run


def stops(folder, run, *words, data=DATA, **options):
    """Training fails with these words, and writes no file but the first checkpoint."""
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    with np.errstate(all="ignore"), fails(FloatingPointError, *words):
        run_dir.train_into(folder, run, data, progress=False, **options)
    after = {p.name: p.read_bytes() for p in folder.iterdir()}
    assert after == before or list(after) == ["checkpoint.npz"] and not before


def first_norm(module):
    return next(m for m in module.modules() if hasattr(m, "running_var"))


def test_a_weight(folder):
    run = resumed(folder)
    run.method.projector.layers[0].weight.data[3, 1] = np.nan
    stops(folder, run, "step 5, epoch 2: the loss is not finite", "projector.layers.0.weight holds "
          "NaN")


@pytest.mark.parametrize("view", [0, 1])
def test_a_pixel(folder, view, monkeypatch):
    make_views, calls = run_module.make_views, []

    def poisoned(*args):
        views = make_views(*args)
        calls.append(1)
        if len(calls) == 3:
            views[view][5, 7, 7, 1] = np.nan
        return views

    monkeypatch.setattr(run_module, "make_views", poisoned)
    stops(folder, resumed(folder), "step 7, epoch 2: the loss is not finite",
          r"a view of sample \d+ holds NaN")


@pytest.mark.parametrize("optimizer", ["sgd", "adamw", "lars"])
def test_a_learning_rate_that_is_far_too_large(folder, tmp_path, optimizer):
    if optimizer != "sgd":
        run_dir.train_into(tmp_path, Run(small_config(epochs=1, optimizer=optimizer), DATA), DATA,
                           progress=False)
    stops(folder, resumed(folder, optimizer=optimizer, lr=1e30), "step [5-8], epoch 2",
          "try a smaller --lr")


@pytest.mark.parametrize(("array", "name"), [
    (lambda method: method.predictor.layers[-1].weight.data, "predictor.layers.2.weight"),
    (lambda method: first_norm(method).running_var, "running_var")])
def test_the_last_step_of_an_epoch(folder, array, name):
    """After a finite loss, weights and buffers that are not finite must not be saved."""
    run = resumed(folder)
    step = run.optimizer.step

    def spoiled():
        step()
        if run.step == 7:
            array(run.method).flat[0] = np.inf

    run.optimizer.step = spoiled
    stops(folder, run, "step 8, epoch 2", f"{name} holds NaN or infinity")


def test_finite_weights_whose_features_overflow(tmp_path):
    """After one step with a huge learning rate."""
    data = random_data(16)
    stops(tmp_path, Run(small_config(epochs=1, warmup=0.0, lr=1e30), data), "step 1, epoch 1",
          "the encoder: features: 16 of 16 rows are not finite", data=data)


def test_an_embedding_that_cannot_enter_the_queue(folder):
    """Weights of zero give embeddings of length 0."""
    run = resumed(folder)
    run.method.projector.layers[-1].weight.data[:] = 0
    run.method.projector.layers[-1].bias.data[:] = 0
    stops(folder, run, "step 5, epoch 2: SupportSet.enqueue: a row has no direction",
          "try a smaller --lr")


@pytest.mark.parametrize("detect", [True, False])
def test_a_gradient(folder, detect):
    """sqrt(0 w) adds 0 to the loss and NaN to the gradient: found at once, or in the next step."""
    run = resumed(folder)
    forward, weight = run.method.forward, run.method.projector.layers[0].weight

    def spoiled(*args):
        step = forward(*args)
        step.loss = step.loss + ((weight * 0.0) ** 0.5).sum()
        return step

    run.method.forward = spoiled
    words = ["step 6, epoch 2: the loss is not finite", "projector.layers.0.weight holds NaN"]
    if detect:
        words = ["step 5, epoch 2: a gradient is not finite",
                 "power: the first gradient that is not finite", "batch of"]
    stops(folder, run, *words, detect_anomaly=detect)


def test_stored_statistics_that_no_run_can_have(folder):
    """A negative variance would give features that are NaN."""
    run = resumed(folder)
    first_norm(run.encoder).running_var[0] = -0.5
    run.save(folder / "checkpoint.npz")
    for load in (resumed, restore.load_encoder):
        with fails(ValueError, "checkpoint.npz: .*running_var holds a variance below 0, so the "
                   "file was changed"):
            load(folder)


@pytest.mark.parametrize("change", [list.clear, lambda rows: rows.append(rows[0]),
                                    lambda rows: rows[0].update(epoch=9)])
def test_stored_metrics_of_other_epochs(folder, change):
    run = resumed(folder)
    change(run.metrics)
    run.save(folder / "checkpoint.npz")
    with fails(ValueError, "metrics: expected a row for each of 1 epochs, got [012] rows"):
        resumed(folder)


# ---------------------------------------------------------------- measures of features


BAD = np.random.default_rng(0).standard_normal((40, 5)).astype(np.float32)
GOOD, LABELS = BAD.copy(), np.arange(40) % 4
BAD[7, 2], BAD[9, 0], BAD[30, 4] = np.nan, -np.inf, 1e30  # whose square is infinite
SCORES = {
    "knn, train": lambda: knn_accuracy(BAD, LABELS, GOOD, LABELS),
    "knn, test": lambda: knn_accuracy(GOOD, LABELS, BAD, LABELS),
    "linear, train": lambda: linear_accuracy(BAD, LABELS, GOOD, LABELS),
    "linear, test": lambda: linear_accuracy(GOOD, LABELS, BAD, LABELS),
    "softmax": lambda: fit_softmax(BAD, LABELS, 4, 1e-3),
    "weight decay": lambda: choose_strength(BAD, LABELS, np.random.default_rng(0)),
    "monitor": lambda: leave_one_out_accuracy(BAD, LABELS),
    "neighbours": lambda: nearest_others(BAD, 8, 3),
    "whitened": lambda: whitened(GOOD, BAD),
    "nearest centroid": lambda: nearest_centroid(BAD, GOOD[:3]),
    "clusters, train": lambda: cluster_agreement(BAD, GOOD, LABELS, 4),
    "clusters, test": lambda: cluster_agreement(GOOD, BAD, LABELS, 4),
    "few labels, train": lambda: few_label_accuracies(BAD, LABELS, GOOD, LABELS, 1),
    "few labels, test": lambda: few_label_accuracies(GOOD, LABELS, BAD, LABELS, 1),
    "1 % of labels, train": lambda: share_accuracy(BAD, LABELS, GOOD, LABELS, 0.01),
    "1 % of labels, test": lambda: share_accuracy(GOOD, LABELS, BAD, LABELS, 0.01),
    "episodes": lambda: prototype_accuracy(np.arange(4)[:, None], np.arange(4, 8)[:, None], BAD),
    "alignment": lambda: alignment(GOOD, BAD),
    "uniformity": lambda: uniformity(BAD),
    "effective rank": lambda: effective_rank(BAD),
    "map": lambda: tsne(BAD)}  # 1e30 is valid there


@pytest.mark.parametrize("name", SCORES)
def test_no_score_of_features_that_are_not_finite(name):
    with np.errstate(all="ignore"), fails(FloatingPointError,
                                          "[123] of [0-9]+ rows are not finite"):
        SCORES[name]()


def few_labels(*sets):
    return np.mean(few_label_accuracies(*sets, 5))


def one_percent(*sets):
    return share_accuracy(*sets, 0.01)


@pytest.mark.parametrize("score", [knn_accuracy, linear_accuracy, few_labels, one_percent])
def test_no_score_of_labels_that_do_not_fit(score):
    for bad in (np.where(LABELS == 0, np.nan, LABELS), LABELS[:9], LABELS - 1, LABELS[:, None]):
        for labels in ((bad, LABELS), (LABELS, bad)):
            with fails(ValueError, "expected at least 1 row and, for each, a class number"):
                score(GOOD, labels[0], GOOD, labels[1])
    for empty in ((GOOD[:0], LABELS[:0], GOOD, LABELS), (GOOD, LABELS, GOOD[:0], LABELS[:0])):
        with fails(ValueError, "got 0 rows"):
            score(*empty)
    one = np.zeros(40, np.int64)
    assert score(GOOD, one, GOOD, one) == 1  # a single class


def test_no_agreement_with_labels_that_do_not_fit():
    for bad in (np.where(LABELS == 0, np.nan, LABELS), LABELS[:9], LABELS - 1, LABELS[:, None]):
        with fails(ValueError, "cluster_agreement: test: expected at least 1 row and"):
            cluster_agreement(GOOD, GOOD, bad, 4)
    with fails(ValueError, "got 0 rows"):
        cluster_agreement(GOOD, GOOD[:0], LABELS[:0], 4)
    assert cluster_agreement(GOOD, GOOD, np.zeros(40, np.int64), 1) == (1, 1)  # a single class


def test_features_are_checked_by_encode():
    encoder = Run(small_config(), DATA).encoder
    encoder.body.layers[1].weight.data[0, 0, 0, 0] = np.nan
    with np.errstate(all="ignore"), fails(FloatingPointError, "the encoder: features: 70 of 70 "
                                          "rows are not finite"):
        encode(encoder, DATA.images)
