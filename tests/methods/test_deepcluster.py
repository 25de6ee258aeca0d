"""DeepCluster: clusters as labels, balanced epochs, a new head every epoch, and resuming."""
import math

import numpy as np
import pytest
from one_line import fails
from small import easy_data, random_data, resumed_after, small_config, state_of, train, trained

from tinynnclr.datasets.dataset import batches
from tinynnclr.kernels import kmeans
from tinynnclr.methods import DeepCluster
from tinynnclr.methods.clustering import pca_whiten
from tinynnclr.metrics.nmi import normalized_mutual_information
from tinynnclr.models import TinyCNN
from tinynnclr.models.encode import encode
from tinynnclr.train.run import Run

B, DATA = 16, random_data(70)  # 4 batches of 16 and a rest of 6
OPTIONS = {"method": "deepcluster", "clusters": 6, "pca": 8, "kmeans_steps": 5}


def config(**changes):
    return small_config(**{**OPTIONS, **changes})


def build(**changes):
    rng = np.random.default_rng(1)
    return DeepCluster(TinyCNN(3, rng), config(**changes), rng, DATA)


def views(rng, b=B):
    return rng.random((2, b, 16, 16, 3), np.float32)


def test_the_labels_are_the_clusters_of_all_images():
    """By number, whatever the order: whole images, in evaluation mode, whitened, then k-means."""
    method = build()
    assert (method.assignment == -1).all()
    method.start_epoch(70, np.random.default_rng(4))
    rows = pca_whiten(encode(method.encoder, DATA.images), 8)
    _, wanted, _ = kmeans(rows, 6, 5, np.random.default_rng(4))
    np.testing.assert_array_equal(method.assignment, wanted)
    assert np.bincount(method.assignment, minlength=6).min() >= 1
    for i in (0, 33, 69):  # and the same image by itself has the same features: no row was swapped
        np.testing.assert_allclose(encode(method.encoder, DATA.images[i:i + 1])[0],
                                   encode(method.encoder, DATA.images)[i], atol=1e-6)


def test_clustering_moves_no_running_statistic(rng):
    method = build()
    before = method.encoder.state_dict()
    method.start_epoch(70, rng)
    assert all(v.tobytes() == before[k].tobytes() for k, v in method.encoder.state_dict().items())
    assert method.encoder.training


@pytest.mark.parametrize("clusters", [2, 6, 25])
def test_an_epoch_is_balanced_over_the_clusters(clusters):
    method = build(clusters=clusters)
    for seed in range(3):
        order, _ = method.start_epoch(70, np.random.default_rng(seed))
        assert len(order) == 64  # whole batches
        seen = np.concatenate(list(batches(order, B)))
        counts = np.bincount(method.assignment[seen], minlength=clusters)
        assert np.ptp(counts) <= 1
        assert counts.sum() == 64


def test_the_loss_is_the_formula(rng):
    method = build()
    method.start_epoch(70, rng)
    x1, x2 = views(rng)
    ids, total = rng.integers(0, 70, B), 0.0
    method.head.weight.data[...] = rng.standard_normal(method.head.weight.shape)
    for x in (x1, x2):
        h = method.encoder(x).numpy().astype(np.float64)
        logits = (h - h.mean(axis=0)) / np.sqrt(h.var(axis=0) + 1e-5) @ method.head.weight.data
        for row, i in zip(logits, ids, strict=True):  # the label of image i is assignment[i]
            total += (np.log(np.exp(row).sum()) - row[method.assignment[i]]) / (2 * B)
    step = method((x1, x2), ids)
    assert step.loss.item() == pytest.approx(total, rel=1e-4)
    assert step.metrics.keys() == {"nmi"}
    np.testing.assert_array_equal(step.z, method.encoder(x1).numpy())
    step.loss.backward()
    assert all(p.grad is not None and np.abs(p.grad).max() > 0 for p in method.parameters())


def test_the_chance_loss_is_that_of_a_head_of_zeros(rng):
    method = build()
    method.start_epoch(70, rng)
    for p in method.head.parameters():
        p.data[...] = 0
    step = method(views(rng), np.arange(B))
    assert step.loss.item() == pytest.approx(math.log(6), rel=1e-6)
    assert step.chance_loss == math.log(6)


@pytest.mark.parametrize("optimizer", ["sgd", "lars", "adamw"])
def test_the_head_and_its_optimiser_state_are_reset(optimizer):
    run = Run(config(optimizer=optimizer, clusters=40, width=4), DATA)
    order, _ = run.method.start_epoch(70, run.rng)
    for indices in batches(order, B):
        run.method(views(run.rng), indices).loss.backward()
        run.optimizer.step()
        run.method.zero_grad()
    named = run.method.named_parameters()
    before = {name: p.data.copy() for name, p in named.items()}
    states = {f"{kind} {name}": (a, a.copy()) for kind, arrays in run.optimizer.arrays.items()
              for name, a in zip(named, arrays, strict=True)}
    assert all(old.any() for _, old in states.values())
    _, renewed = run.method.start_epoch(70, run.rng)
    run.optimizer.forget(renewed)
    assert all(p is q for p, q in zip(renewed, run.method.head.parameters(), strict=True))
    for name, (now, old) in states.items():
        if "head" in name:
            assert not now.any(), name
        else:
            np.testing.assert_array_equal(now, old)
    for name, p in named.items():
        assert np.array_equal(p.data, before[name]) == ("head" not in name), name
    weight, bias = run.method.head.weight.data, run.method.head.bias.data
    assert not bias.any()
    assert weight.std() == pytest.approx(0.01, rel=0.1)  # 32 x 40 numbers
    assert abs(weight.mean()) < 0.002


def test_nmi_is_that_of_two_epochs_in_a_row(rng):
    method = build()
    method.start_epoch(70, rng)
    assert math.isnan(method(views(rng), np.arange(B)).metrics["nmi"])
    first = method.assignment.copy()
    method.start_epoch(70, rng)
    nmi = method(views(rng), np.arange(B)).metrics["nmi"]
    assert nmi == normalized_mutual_information(first, method.assignment)
    run = trained(DATA, epochs=3, **OPTIONS)
    nmi = [row["nmi"] for row in run.metrics]
    assert math.isnan(nmi[0])
    assert all(0 < value <= 1 for value in nmi[1:])
    assert nmi[2] == pytest.approx(run.method.nmi[0], abs=1e-12)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
@pytest.mark.parametrize("step", [4, 6, 8, 11])  # an epoch has 4 steps
def test_a_resumed_run_is_the_uninterrupted_one(step, optimizer, tmp_path):
    options = {**OPTIONS, "epochs": 3, "optimizer": optimizer}
    run, resumed = resumed_after(step, DATA, tmp_path / "c.npz", **options)
    assert (resumed.step, resumed.epoch) == (step, step // 4)
    assert len(resumed.order) == (64 if step % 4 else 0)
    np.testing.assert_array_equal(resumed.method.assignment, run.method.assignment)
    train(resumed, DATA)
    whole = state_of(trained(DATA, **options))
    assert state_of(resumed) == whole
    assert {"method.assignment", "method.nmi", "method.head.weight"} < whole.keys()


def test_the_images_are_not_saved():
    assert {v.shape for v in build().state_dict().values()}.isdisjoint({DATA.images.shape})


def test_the_loss_falls_below_the_chance_loss():
    """Within an epoch, which starts with a new head, and from one to the next."""
    data = easy_data(320)
    run = trained(data, "crop-only", **{**OPTIONS, "epochs": 5, "width": 4, "lr": 1.0,
                                        "clusters": 8, "detrend": False})
    losses = [row["loss"] for row in run.metrics]
    assert min(losses) < 0.8 * math.log(8)
    assert losses[0] > losses[1] > losses[2]
    run.order, _ = run.method.start_epoch(320, run.rng)
    x = data.images[run.order[:256]] / np.float32(255)
    # small new weights
    assert run.method((x, x), run.order[:256]).loss.item() == pytest.approx(math.log(8), rel=0.02)


def test_more_clusters_than_images():
    with fails(ValueError, "clusters: 71 is more than the 70 training images"):
        Run(config(clusters=71), DATA)
    assert Run(config(clusters=70), DATA).config.clusters == 70
