"""Numbers that are none stop a run with the step and the culprit named, and never reach a
checkpoint.
"""
import numpy as np
import pytest
from one_line import fails
from small import random_data, small_config

from tinynnclr.lab.plots.tsne import tsne
from tinynnclr.lab.protocols.few_shot import prototype_accuracy
from tinynnclr.lab.protocols.frozen_features import choose_strength, nearest_centroid
from tinynnclr.metrics.geometry import alignment, effective_rank, uniformity
from tinynnclr.metrics.knn import knn_accuracy, leave_one_out_accuracy, nearest_others, whitened
from tinynnclr.metrics.linear_probe import fit_softmax, linear_accuracy
from tinynnclr.models.encode import encode
from tinynnclr.train import restore, run_dir
from tinynnclr.train import run as train_module
from tinynnclr.train.run import Run

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


def stops(folder, run, *words, data=DATA):
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    with np.errstate(all="ignore"), fails(FloatingPointError, *words):
        run_dir.train_into(folder, run, data, progress=False)
    after = {p.name: p.read_bytes() for p in folder.iterdir()}
    # nothing overwritten or left behind
    assert after == before or list(after) == ["checkpoint.npz"] and not before


def test_a_poisoned_weight(folder):
    run = continued(folder)
    run.method.projector.layers[0].weight.data[3, 1] = np.nan
    stops(folder, run, "step 5, epoch 2: the loss is not finite", "projector.layers.0.weight holds "
          "NaN")


@pytest.mark.parametrize("view", [0, 1])
def test_a_poisoned_pixel(folder, view, monkeypatch):
    real, calls = train_module.make_views, []

    def poisoned(*args):
        both = real(*args)
        calls.append(1)
        if len(calls) == 3:
            both[view][5, 7, 7, 1] = np.nan
        return both

    monkeypatch.setattr(train_module, "make_views", poisoned)
    stops(folder, continued(folder), "step 7, epoch 2: the loss is not finite",
          r"a view of sample \d+ holds NaN")


@pytest.mark.parametrize("optimizer", ["sgd", "adamw", "lars"])
def test_a_rate_that_is_far_too_large(folder, tmp_path, optimizer):
    if optimizer != "sgd":
        run_dir.train_into(tmp_path, Run(small_config(epochs=1, optimizer=optimizer), DATA), DATA,
                           progress=False)
    stops(folder, continued(folder, optimizer=optimizer, lr=1e30), "step [5-8], epoch 2",
          "try a smaller --lr")


def test_weights_that_end_with_the_epoch(folder):
    """The last step of an epoch spoils the weights after a finite loss: they must not become the
    checkpoint.
    """
    run = continued(folder, batch_size=16)
    real, calls = run.optimizer.step, []

    def step():
        real()
        calls.append(1)
        if len(calls) == 4:
            run.method.predictor.layers[-1].weight.data[0, 0] = np.inf

    run.optimizer.step = step
    stops(folder, run, "step 8, epoch 2", "predictor.layers.2.weight holds NaN or infinity")


def test_running_statistics_that_end_with_the_epoch(folder):
    """Buffers decide features as weights do."""
    run = continued(folder)
    real = run.optimizer.step

    def step():
        real()
        next(m for m in run.method.modules() if hasattr(m, "running_var")).running_var[0] = np.inf

    run.optimizer.step = step
    stops(folder, run, "step 8, epoch 2", "running_var holds NaN or infinity")


def test_finite_weights_whose_features_overflow(tmp_path):
    """One step of a huge rate: the loss came before it, and the weights are finite, but no feature
    is.
    """
    data = random_data(16)
    stops(tmp_path, Run(small_config(epochs=1, warmup=0.0, lr=1e30), data), "step 1, epoch 1",
          "the encoder: features: 16 of 16 rows are not finite", data=data)


def test_an_embedding_that_cannot_enter_the_queue(folder):
    """Weights of zero make embeddings of length 0: the step is named, and what may help."""
    run = continued(folder)
    run.method.projector.layers[-1].weight.data[:] = 0
    run.method.projector.layers[-1].bias.data[:] = 0
    stops(folder, run, "step 5, epoch 2: SupportSet.enqueue: a row has no direction",
          "try a smaller --lr")


def test_stored_statistics_that_no_run_can_have(folder):
    """Without the check, they are exported, and their features are NaN."""
    run = continued(folder)
    next(m for m in run.method.encoder.modules() if hasattr(m, "running_var")).running_var[0] = -0.5
    run.save(folder / "checkpoint.npz")
    for load in (continued, restore.load_encoder):
        with fails(ValueError, "checkpoint.npz: .*running_var holds a variance below 0, so the "
                   "file was changed"):
            load(folder)


@pytest.mark.parametrize("change", [list.clear, lambda rows: rows.append(rows[0]),
                                    lambda rows: rows[0].update(epoch=9)])
def test_stored_metrics_of_other_epochs(folder, change):
    run = continued(folder)
    change(run.metrics)
    run.save(folder / "checkpoint.npz")
    with fails(ValueError, "metrics: expected a row for each of 1 epochs, got [012] rows"):
        continued(folder)


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
    "clusters": lambda: nearest_centroid(BAD, GOOD[:3]),
    "episodes": lambda: prototype_accuracy(np.arange(4)[:, None], np.arange(4, 8)[:, None], BAD),
    "alignment": lambda: alignment(GOOD, BAD),
    "uniformity": lambda: uniformity(BAD),
    "effective rank": lambda: effective_rank(BAD),
    "map": lambda: tsne(BAD)}  # 1e30 is no mistake there


@pytest.mark.parametrize("name", SCORES)
def test_no_score_of_features_that_are_not_finite(name):
    with np.errstate(all="ignore"), fails(FloatingPointError,
                                          "[123] of [0-9]+ rows are not finite"):
        SCORES[name]()


@pytest.mark.parametrize("score", [knn_accuracy, linear_accuracy])
def test_no_score_of_labels_that_do_not_fit(score):
    for bad in (np.where(LABELS == 0, np.nan, LABELS), LABELS[:9], LABELS - 1, LABELS[:, None]):
        for labels in ((bad, LABELS), (LABELS, bad)):
            with fails(ValueError, "expected at least 1 row and, for each, a class number"):
                score(GOOD, labels[0], GOOD, labels[1])
    for empty in ((GOOD[:0], LABELS[:0], GOOD, LABELS), (GOOD, LABELS, GOOD[:0], LABELS[:0])):
        with fails(ValueError, "got 0 rows"):
            score(*empty)
    one = np.zeros(40, np.int64)
    assert score(GOOD, one, GOOD, one) == 1  # a single class: nothing to confuse it with


def test_frozen_features_are_looked_at_where_they_are_made():
    encoder = Run(small_config(), DATA).method.encoder
    encoder.body.layers[1].weight.data[0, 0, 0, 0] = np.nan
    with np.errstate(all="ignore"), fails(FloatingPointError, "the encoder: features: 70 of 70 "
                                          "rows are not finite"):
        encode(encoder, DATA.images)


@pytest.mark.parametrize("detect", [True, False])
def test_a_gradient_that_is_none_before_it_reaches_the_weights(folder, detect):
    """sqrt(0 w) adds 0 to the loss and no number to the gradient: told at its own step, or else at
    the next.
    """
    run = continued(folder)
    real, weight = run.method.forward, run.method.projector.layers[0].weight

    def forward(*args):
        step = real(*args)
        step.loss = step.loss + ((weight * 0.0) ** 0.5).sum()
        return step

    run.method.forward = forward
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    words = (("step 5, epoch 2: a gradient is not finite", "power: the first gradient that is not "
              "finite", "batch of") if detect else ("step 6, epoch 2: the loss is not finite",
                                                    "projector.layers.0.weight holds NaN"))
    with np.errstate(all="ignore"), fails(FloatingPointError, *words):
        run_dir.train_into(folder, run, DATA, progress=False, detect_anomaly=detect)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before
