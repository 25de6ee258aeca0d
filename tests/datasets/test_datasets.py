"""Data sets by name, and the balanced part that train_size keeps."""
from types import SimpleNamespace

import numpy as np
import pytest
from one_line import fails

from tinynnclr import datasets
from tinynnclr.datasets import cifar, fashion_mnist, folder, toybox
from tinynnclr.datasets.dataset import Dataset

# 20 of class a, 10 of b, 6 of c; every image is gray and its gray is its number
GRAYS = np.arange(36, dtype=np.uint8).reshape(36, 1, 1, 1)
TRAIN = Dataset(GRAYS.repeat(3, axis=-1), np.repeat([0, 1, 2], [20, 10, 6]), ("a", "b", "c"))
TEST = TRAIN.take(5)


@pytest.fixture(autouse=True)
def calls(monkeypatch):
    """The calls of the loaders, which are all replaced."""
    calls = []

    def replace(module, function):
        def loader(*arguments, **options):
            calls.append((function, *arguments, options))
            return TRAIN, TEST

        monkeypatch.setattr(module, function, loader)

    fake_toybox = SimpleNamespace(load=None)
    monkeypatch.setattr(datasets, "toybox", fake_toybox, raising=False)
    for module, function in ((cifar, "load_cifar10"), (cifar, "load_cifar100"),
                             (fashion_mnist, "load_fashion_mnist"), (folder, "load_folder"),
                             (fake_toybox, "load")):
        replace(module, function)
    return calls


@pytest.mark.parametrize("name", ["cifar10", "cifar100", "fashion_mnist"])
def test_by_name(calls, name):
    assert datasets.load(name, "somewhere") == (TRAIN, TEST)
    assert calls == [(f"load_{name}", "somewhere", {})]


def test_a_folder_gets_size_and_seed(calls):
    datasets.load("folder:C:/my/pictures", "unused", size=48, seed=3)
    assert calls == [("load_folder", "C:/my/pictures", {"size": 48, "seed": 3})]


def test_toybox_draws_train_size_images(calls):
    datasets.load("toybox", "unused", train_size=100_000, seed=3)
    datasets.load("toybox", "unused")
    day = {"style": "day"}
    assert calls == [("load", {"train_size": 100_000, "seed": 3, **day}),
                     ("load", {"seed": 0, **day})]


@pytest.mark.parametrize(("train_size", "counts"), [(1, None), (3, [1, 1, 1]), (18, [6, 6, 6]),
                                                    (20, [7, 7, 6]), (36, [20, 10, 6])])
def test_train_size_keeps_a_balanced_part(train_size, counts):
    train, test = datasets.load("cifar10", "", train_size=train_size)
    ids = train.images[:, 0, 0, 0]
    assert len(set(ids.tolist())) == train_size
    np.testing.assert_array_equal(train.labels, TRAIN.labels[ids])
    assert counts is None or np.bincount(train.labels).tolist() == counts
    assert train.class_names == TRAIN.class_names
    np.testing.assert_array_equal(test.images, TEST.images)
    assert repr(train).startswith("Dataset(cifar10: ")


def test_the_part_depends_on_the_seed_and_grows():
    def ids(train_size, seed):
        train, _ = datasets.load("cifar10", "", train_size=train_size, seed=seed)
        return train.images[:, 0, 0, 0].tolist()

    assert ids(18, 0) == ids(18, 0) != ids(18, 1)
    assert ids(36, 0)[:18] == ids(18, 0)  # a smaller part is the beginning of a larger one


@pytest.mark.parametrize(("name", "near"), [("cifar", "cifar10"), ("CIFAR-100", "cifar100"),
                                            ("fashion-mnist", "fashion_mnist"), ("toy", "toybox")],)
def test_an_unknown_name_gets_the_nearest(name, near):
    with fails(ValueError, "toybox, toybox-night", "cifar10, cifar100, fashion_mnist, folder:PATH",
               f"did you mean {near}"):
        datasets.load(name, "")


@pytest.mark.parametrize("name", ["folder", "folder:", "", "imagenet-21k", "cifar10:x", "toybox-",
                                  "toybox-day"])
def test_an_unknown_name(name):
    with fails(ValueError, "expected one of", f"got '{name}'"):
        datasets.load(name, "")


def test_the_styles_of_the_toybox_are_sets(calls):
    named = {name.removeprefix("toybox-") for name in datasets.DATASETS
             if name.startswith("toybox-")}
    assert named == {*toybox.STYLES, "kinds"} - {"day"}
    datasets.load("toybox-kinds", "", train_size=20, seed=3)
    assert calls[-1] == ("load", {"train_size": 20, "seed": 3, "kinds": True})
    for style in named - {"kinds"}:
        datasets.load(f"toybox-{style}", "", train_size=20, seed=3)
        assert calls[-1] == ("load", {"train_size": 20, "seed": 3, "style": style})


def test_boundaries(calls):
    for train_size in (0, -1):
        with fails(ValueError, f"train_size: expected at least 1, got {train_size}"):
            datasets.load("toybox", "", train_size=train_size)
    with fails(ValueError, "size: expected 32", "cifar10", "got 64"):
        datasets.load("cifar10", "", size=64)
    assert calls == []
    with fails(ValueError, "train_size: expected at most 36", "got 37"):
        datasets.load("cifar10", "", train_size=37)
