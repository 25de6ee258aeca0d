"""NumPy's small integers as sizes, strides, counts and indices: the same bytes as Python's."""
import numpy as np
import pytest
import scaling
from kernel_cases import ALL, CASES
from op_cases import ALL as OP_ALL
from op_cases import CASES as OP_CASES
from small_integers import INT8, KINDS, holds_integers, small
from test_bad_arrays import call

from tinynnclr import Tensor, datasets, distributed, kernels, models, nn
from tinynnclr.datasets import dataset, digits, toybox, views
from tinynnclr.datasets.dataset import Dataset
from tinynnclr.lab.bench import step
from tinynnclr.lab.detection import centre_head, masks, playroom
from tinynnclr.lab.plots import tsne
from tinynnclr.lab.protocols import few_shot, semi_supervised
from tinynnclr.methods import (
    NNCLR,
    clustering,
    losses,
    memory_bank,
    momentum_encoder,
    negatives,
    support_set,
)
from tinynnclr.metrics import confidence, knn, linear_probe
from tinynnclr.tensor import OPS


def same(a, b):
    a, b = np.asarray(a), np.asarray(b)
    assert (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())


def arguments(name, i):
    return CASES[name][i].arguments(np.random.default_rng(0), np.float32)


@pytest.mark.parametrize(("name", "i"), [c for c in ALL if holds_integers(arguments(*c))], ids=str)
def test_kernels(name, i):
    wanted, error = call(name, arguments(name, i))
    assert error is None
    for kind in KINDS:
        got, error = call(name, small(arguments(name, i), kind))
        assert error is None
        for a, b in zip(got, wanted, strict=True):
            same(a, b)


@pytest.mark.parametrize(("name", "i"), [
    (n, i) for n, i in OP_ALL if holds_integers(OP_CASES[n][i].static)], ids=str)
def test_ops(name, i):
    def values_and_gradients(static):
        leaves = [Tensor(a, requires_grad=True) for a in OP_CASES[name][i].arrays]
        out = OPS[name](*leaves, **static)
        out.backward(np.ones_like(out.data))
        return [out.data, *(leaf.grad for leaf in leaves)]

    static = OP_CASES[name][i].static
    wanted = values_and_gradients(static)
    for kind in KINDS:
        for a, b in zip(values_and_gradients(small(static, kind)), wanted, strict=True):
            same(a, b)


def rng():
    return np.random.default_rng(0)


ROWS = np.random.default_rng(1).standard_normal((40, 6)).astype(np.float32)
LABELS = np.arange(40) % 4
IMAGES = np.random.default_rng(2).integers(0, 256, (40, 8, 8, 3), np.uint8)
FLOATS = IMAGES / np.float32(255)
BOXES = np.array([[3.5, 3.5, 30.5, 40.5], [10.5, 2.5, 50.5, 20.5]], np.float32)
# each takes a function that converts whole numbers
FUNCTIONS = {
    "linear": lambda w: nn.Linear(w(6), w(5), rng())(Tensor(ROWS)),
    "conv": lambda w: nn.Conv2d(w(3), w(4), w(3), rng(), w(2), w(1))(Tensor(FLOATS)),
    "norms": lambda w: nn.LayerNorm(w(6))(nn.BatchNorm(w(6))(Tensor(ROWS))),
    "attention": lambda w: nn.MultiHeadAttention(w(6), w(2), rng())(Tensor(ROWS.reshape(4, 10, 6))),
    "max_pool": lambda w: kernels.max_pool2d(FLOATS, w(3), w(2), w(1))[0],
    "kaiming": lambda w: nn.init.kaiming_normal((w(60), w(60)), rng()),
    "schedule": lambda w: [nn.warmup_cosine(w(127), w(127), w(100), 1.0),
                           nn.warmup_cosine(w(127), 1000, 200, 1.0)],
    "tiny_cnn": lambda w: models.TinyCNN(w(20), rng(), channels=w(3), last_stride=w(2)).features,
    "resnet": lambda w: models.ResNet(w(40), rng(), channels=w(3), blocks=w(1)).features,
    "vit": lambda w: models.ViT(w(40), rng(), channels=w(3), depth=w(1)).features,
    "positions": lambda w: models.vit.positions(w(20), w(20), w(8)),
    "projector": lambda w: models.projector(w(6), w(7), w(3), rng(), w(2))(Tensor(ROWS)),
    "predictor": lambda w: models.predictor(w(6), w(7), rng())(Tensor(ROWS)),
    "head": lambda w: models.linear_head(w(6), w(7), rng(), hidden=w(3))(Tensor(ROWS)),
    "digits": lambda w: digits.make(w(120), w(1), size=w(8)).images,
    "digits.load": lambda w: digits.load(w(20), w(10), w(1))[1].images,
    "toybox": lambda w: toybox.make(w(3), w(1), size=w(8)).images,
    "playroom": lambda w: playroom.make(w(2), w(1)).images,
    "load": lambda w: datasets.load("toybox", "data", train_size=w(3), seed=w(0))[0].images,
    "balanced": lambda w: datasets.balanced(Dataset(IMAGES, LABELS, tuple("abcd")), w(9),
                                            w(1)).images,
    "take": lambda w: Dataset(IMAGES, LABELS, tuple("abcd")).take(w(9)).images,
    "batches": lambda w: np.stack(list(dataset.batches(np.arange(500), w(100), w(2)))),
    "views": lambda w: np.stack(views.two_views(IMAGES, np.arange(4), views.PRESETS["simclr"],
                                                rng(), w(6))),
    "draw_params": lambda w: views.draw_params(views.PRESETS["simclr"], w(100), w(100), w(100),
                                               rng()),
    "support_set": lambda w: support_set.SupportSet(w(20), w(6), rng()).nearest_k(ROWS, w(3))[1],
    "memory_bank": lambda w: memory_bank.MemoryBank(w(20), w(6), 0.5, rng()).rows,
    "nearest_share": lambda w: negatives.nearest_share(ROWS, w(2)),
    "pca_whiten": lambda w: clustering.pca_whiten(ROWS, w(3)),
    "balanced_order": lambda w: clustering.balanced_order(LABELS, w(4), w(30), rng()),
    "episode": lambda w: few_shot.episode(ROWS, LABELS, w(3), w(2), w(5), rng()),
    "student": lambda w: confidence.student(w(100)),
    "knn": lambda w: knn.knn_accuracy(ROWS, LABELS, ROWS[:9], LABELS[:9], w(3)),
    "leave_one_out": lambda w: knn.leave_one_out_accuracy(ROWS, LABELS, w(3)),
    "nearest_others": lambda w: knn.nearest_others(ROWS, w(9), w(3)),
    "softmax": lambda w: linear_probe.fit_softmax(ROWS, LABELS, w(4), 1e-2, w(100)),
    "label_list": lambda w: semi_supervised.label_list(LABELS, 0.5, w(1)),
    "tsne": lambda w: tsne.tsne(ROWS, perplexity=w(5), iterations=w(9), seed=w(1)),
    "centres": lambda w: np.stack(centre_head.centres(BOXES, w(16))),
    "heat": lambda w: centre_head.heat_targets(w(2), w(16), w(3), np.arange(2), np.arange(2),
                                               BOXES),
    "paste": lambda w: masks.paste_masks(np.ones((2, 14, 14, 1), np.float32), BOXES, w(64)),
    "share": lambda w: ROWS[distributed.shard(w(40))],
    "mine": lambda w: distributed.local_rows(w(40)),
    "config": lambda w: list(NNCLR.Config(epochs=w(100), width=w(100),
                                          seed=w(3)).to_dict().values())[5:12:2],
    "flops": lambda w: step.flops(w(16), w(100)),
    "bytes": lambda w: list(scaling.step_bytes(w(9), w(100), w(100), w(100), w(100)).values()),
    "parallel": lambda w: _covered(w(100), w(3))}


def _covered(count, grain):
    seen = []
    kernels.parallel(lambda start, stop: seen.append(stop - start), count, grain=grain)
    return sum(seen)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name):
    wanted = FUNCTIONS[name](int)
    for kind in KINDS:
        got = FUNCTIONS[name](kind)
        same(getattr(got, "data", got), getattr(wanted, "data", wanted))


def test_numpys_floats_and_truth_values():
    """Temperatures of np.float16 or np.float64, and a flag of np.bool_, count as Python's."""
    z, bank = Tensor(ROWS), support_set.SupportSet(20, 6, rng())
    for kind in (np.float16, np.float64):
        t, python = kind(0.5), 0.5
        same(losses.nt_xent_loss(z, z, t).data, losses.nt_xent_loss(z, z, python).data)
        same(losses.info_nce_loss(z, z, temperature=t).data,
             losses.info_nce_loss(z, z, python).data)
        same(bank.soft_nearest(ROWS, t)[0], bank.soft_nearest(ROWS, python)[0])
    same(OPS["sum"](z, axis=1, keepdims=np.bool_(True)).data, z.sum(1, keepdims=True).data)
    assert NNCLR.Config(neighbors=np.bool_(False)).neighbors is False
    for broken in (lambda: bank.soft_nearest(ROWS, None),
                   lambda: memory_bank.MemoryBank(9, 6, None, rng()),
                   lambda: momentum_encoder.MomentumEncoder(nn.ReLU(), momentum=None)):
        with pytest.raises((TypeError, ValueError)):
            broken()  # np.float32(None) is NaN


def test_labels_of_a_small_type():
    """255 + 1 is no class 0, and a label is an int64 in every data set."""
    labels = np.where(LABELS > 1, 255, 0).astype(np.uint8)
    score = knn.leave_one_out_accuracy
    assert score(ROWS, labels, 3) == score(ROWS, labels.astype(int), 3)
    assert Dataset(IMAGES, labels, ("a",) * 256).labels.dtype == np.int64
    with pytest.raises(ValueError, match="labels: expected integers, got float64"):
        Dataset(IMAGES, labels / 2, ("a",) * 256)


def test_a_padding_that_overflows_an_int8():
    """In an int8, 9 - 8 + 2 * 3 and all offsets after it would wrap around."""
    x, weight = np.ones((4, 4, 9, 8), np.float32), np.ones((2, 1, 8, 8), np.float32)
    same(kernels.conv2d(x, weight, 1, np.int8(3)), kernels.conv2d(x, weight, 1, 3))
    same(kernels.conv2d(x, weight, np.uint8(2)), kernels.conv2d(x, weight, 2))


def test_the_tripwire_trips():
    with pytest.raises(AssertionError, match="reckoned with int8"):
        2 * INT8(3)
