"""The Python API: its examples, what it accepts, what it refuses, and that a stopped fit goes on.
"""
import builtins
import doctest
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from command_line import run as run_command
from command_line import write_pictures
from one_line import fails
from PIL import Image
from places import ROOT
from small import random_data, state_of

import tinynnclr as tn

BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "docs/python.md").read_text(encoding="utf-8"),
                    re.S)
SMALL = {"batch_size": 16, "width": 2, "view_size": 16, "progress": False}
DATA = random_data(70)


def fitted(**options):
    return tn.fit(tn.NNCLR.Config(queue_size=32), DATA, **{**SMALL, "epochs": 1, **options})


@pytest.mark.parametrize("name", ["tinynnclr", "tinynnclr.datasets", "tinynnclr.evaluate",
                                  "tinynnclr.models.encode", "tinynnclr.train.fit",
                                  "tinynnclr.train.restore", "tinynnclr.tensor",
                                  "tinynnclr.gradcheck", "tinynnclr.config", "tinynnclr.train.run",
                                  "tinynnclr.methods.method"])
def test_the_examples_in_docstrings(name):
    found = doctest.testmod(sys.modules[name])
    assert found.failed == 0
    assert found.attempted


def test_the_notebook_of_ten_lines(tmp_path, monkeypatch, capsys):
    """Train, evaluate, encode ten images of one's own of different sizes, find their neighbours."""
    rng = np.random.default_rng(0)
    (tmp_path / "photos").mkdir()
    for i in range(10):
        pixels = rng.integers(0, 256, (30 + i, 40 - i, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"photos/{i}.jpg")
    monkeypatch.chdir(tmp_path)
    code = BLOCKS[0]
    imports = ("import ", "from ")
    lines = [line for line in code.splitlines() if line and not line.startswith(imports)]
    assert len(lines) <= 10
    exec(compile(code, "docs/python.md", "exec"), {})
    out = capsys.readouterr().out
    assert re.search(r"raw pixels( +\d+\.\d%){8}\nrandom weights .*\nnnclr ", out)
    assert len(re.findall(r"\d\.jpg is most similar to \d\.jpg: 0\.\d\d", out)) == 10


def test_a_method_without_registration(capsys):
    code = BLOCKS[1]
    start, end = code.index("class SimSiam"), code.index("train, test")
    assert len([line for line in code[start:end].splitlines() if line.strip()]) <= 20
    scope = {}
    exec(compile(code, "docs/python.md", "exec"), scope)
    assert capsys.readouterr().out.strip() == re.search(r"# (Run\(simsiam.*)", code).group(1)
    run = scope["run"]
    assert run.metrics[-1]["loss"] < run.metrics[0]["loss"]
    assert "simsiam" not in tn.methods.METHODS


def test_a_configuration_of_another_method_can_be_taken_over():
    class Mine(tn.BYOL):
        Config = tn.BYOL.Config

    assert (Mine.Config.method, tn.BYOL.Config.method) == ("mine", "byol")
    assert Mine.Config.kind is Mine
    assert tn.BYOL.Config.kind is tn.BYOL


def test_fit_goes_on_where_it_was_stopped(tmp_path, monkeypatch):
    whole = fitted(epochs=3)
    run_module = sys.modules["tinynnclr.train.run"]
    make_views, calls = run_module.make_views, []

    def stop(*arguments):
        calls.append(1)
        if len(calls) == 7:  # of 12
            raise KeyboardInterrupt
        return make_views(*arguments)

    monkeypatch.setattr(run_module, "make_views", stop)
    with pytest.raises(KeyboardInterrupt):
        fitted(epochs=3, out=tmp_path / "run")
    monkeypatch.setattr(run_module, "make_views", make_views)
    assert tn.load_run(tmp_path / "run").epoch == 1
    resumed = fitted(epochs=3, out=str(tmp_path / "run"))
    assert state_of(resumed) == state_of(whole)
    again = tn.load_run(str(tmp_path / "run"))
    assert state_of(again) == state_of(whole)
    assert repr(again) == ("Run(nnclr on 70 images of arrays, epoch 3 of 3, step 12 of 12, seed 0)")
    np.testing.assert_array_equal(tn.encode(again.encoder, DATA.images),
                                  tn.encode(whole.encoder, DATA.images))
    with fails(ValueError, "out: the run in .* was started with epochs 3, not 4"):
        fitted(epochs=4, out=tmp_path / "run")
    with fails(ValueError, "not those of this run: training images"):
        tn.fit(tn.NNCLR.Config(queue_size=32), random_data(70, seed=1),
               **{**SMALL, "epochs": 3, "out": tmp_path / "run"})


def test_a_run_of_an_unregistered_method_is_loaded_with_its_class(tmp_path):
    class Plain(tn.SimCLR):
        pass

    run = tn.fit(Plain, DATA, epochs=1, out=tmp_path / "run", **SMALL)
    assert state_of(tn.load_run(tmp_path / "run", Plain)) == state_of(run)
    with fails(ValueError, "a run of the method 'plain'.*load_run"):
        tn.load_run(tmp_path / "run")


@pytest.mark.parametrize(("images", "count"), [
    (DATA.images[:3], 3), (DATA.images[0], 1), (list(DATA.images[:2]), 2),
    (DATA.images[:3] / 255, 3), ((DATA.images[:3] / 255).astype(np.float32), 3),
    ([DATA.images[0], DATA.images[1, :9]], 2), ([DATA.images[0], DATA.images[1] / 255], 2),
    (Image.fromarray(DATA.images[0]), 1),
    ([Image.fromarray(DATA.images[0]).convert("L"), DATA.images[1]], 2)],
    ids=["uint8", "one", "list", "float64", "float32", "sizes", "kinds", "pillow", "gray pillow"])
def test_images_that_are_encoded(images, count):
    encoder = fitted().encoder
    h = tn.encode(encoder, images)
    assert h.shape == (count, encoder.features)
    assert np.isfinite(h).all()


def test_all_forms_of_an_image_have_the_same_features():
    encoder, image = fitted().encoder, random_data(1, size=32).images[0]
    wanted = tn.encode(encoder, image[None])
    for form in (image, [image], Image.fromarray(image), image / 255):
        np.testing.assert_allclose(tn.encode(encoder, form), wanted, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("images", "message"),
                         [(DATA.images[:2, :, :, 0], r"images: expected colour images, .* got "
                           r"shape \(2, 16, 16\)"), (DATA.images[:2] * 1.0,
                                                     r"images: expected floats in \[0, 1\], got "
                                                     r"values from .*divide by 255"),
                          (DATA.images[:2].astype(int), r"images: expected uint8, or floats in "
                           r"\[0, 1\], got int64"), (np.full((1, 8, 8, 3), np.nan),
                                                     "images: expected finite numbers, got NaN"),
                          ([], "images: expected at least one"), ("missing.jpg", "missing.jpg: "),
                          (None, "images: expected an array.* got NoneType"),
                          (3, "images: .* got int"), (np.zeros((2, 0, 8, 3), np.uint8),
                                                      "images: expected colour images")])
def test_images_that_are_refused(images, message):
    with fails(ValueError, message):
        tn.encode(fitted().encoder, images)


@pytest.mark.parametrize(("call", "message"),
                         [(lambda: tn.fit(tn.NNCLR, DATA, epoch=3), "epoch: nnclr has no such "
                           "option, did you mean epochs"),
                          (lambda: tn.fit(tn.NNCLR, DATA, clusters=3),
                           "clusters: nnclr has no such option"),
                          (lambda: tn.fit(tn.NNCLR, DATA, epochs=0), "epochs: expected at least 1, "
                           "got 0"), (lambda: tn.fit("nnclr", DATA), "method: expected a "
                                      "configuration"),
                          (lambda: tn.fit(tn.Method, DATA), "method: expected a configuration"),
                          (lambda: tn.fit(tn.NNCLR, DATA.images), "train: expected a Dataset"),
                          (lambda: tn.evaluate(fitted().encoder, DATA, DATA),
                           "run: expected a Run, got TinyCNN"),
                          (lambda: tn.evaluate(fitted(), DATA, DATA.images),
                           "test: expected a Dataset, got ndarray"),
                          (lambda: tn.encode(fitted(), DATA.images), "encoder: expected a "
                           "network.* got Run"), (lambda: tn.encode(fitted().method, DATA.images),
                                                  "encoder: expected a network.* got NNCLR"),
                          (lambda: tn.fit(tn.SimCLR, DATA, queue_size=9),
                           "queue_size: .* it is an option of nnclr"),
                          (lambda: tn.fit(tn.NNCLR, DATA, dataset="cifar10"),
                           "dataset: it follows from train"),
                          (lambda: tn.fit(tn.NNCLR.Config(train_size=9), DATA),
                           "train_size: it follows from train"),
                          (lambda: fitted(out=""), "out: expected a folder, got an empty text"),
                          (lambda: tn.load_run("here", "simclr"),
                           "method: expected a Method class"),
                          (lambda: tn.evaluate(fitted(), DATA, random_data(70, size=9)),
                           "test: expected images of"),
                          (lambda: tn.evaluate(fitted(), DATA, DATA.take(1)),
                           "test: expected at least 2 images"),
                          (lambda: tn.datasets.load("toybx"), "did you mean toybox")])
def test_errors_name_the_argument(call, message):
    with fails(ValueError, message):
        call()


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("text", encoding="utf-8")
    with fails(OSError, "^out: .*cannot write there"):
        fitted(out=tmp_path / "file")
    with fails(FileNotFoundError, "no checkpoint at"):
        tn.load_run(tmp_path / "nothing")


def learned(out):
    """A method class whose forward returns out(loss, ids)."""
    class Mine(tn.SimCLR):
        def forward(self, views, ids, progress):
            return out(super().forward(views, ids, progress).loss, ids)

    return Mine


@pytest.mark.parametrize(("out", "message"), [
    (lambda loss, ids: loss, "Mine.forward: expected a Step, got Tensor"),
    (lambda loss, ids: None, "Mine.forward: expected a Step, got NoneType"),
    (lambda loss, ids: tn.Step(loss.item(), ids), "Step: loss: expected a Tensor with one number"),
    (lambda loss, ids: tn.Step(loss.reshape(1, 1) * np.ones((2, 1), np.float32), ids),
     "Step: loss: expected a Tensor with one number"),
    (lambda loss, ids: tn.Step(loss, ids, loss), "Step: z: expected an array, .* got Tensor")])
def test_a_wrong_forward_is_named(out, message):
    with fails(TypeError, message):
        tn.fit(learned(out), DATA, epochs=1, **SMALL)


def test_a_wrong_configuration_class_is_named():
    with fails(TypeError, "Mine.Config: expected a dataclass; write @dataclass"):
        class Mine(tn.Method):
            class Config(tn.Config):
                alpha: float = 0.5
    with fails(TypeError, "Other.Config: expected a subclass of tinynnclr.Config"):
        class Other(tn.Method):
            @dataclass(frozen=True)
            class Config:
                alpha: float = 0.5


def test_a_plain_option_of_ones_own():
    class Mine(tn.SimCLR):
        @dataclass(frozen=True)
        class Config(tn.SimCLR.Config):
            alpha: float = 0.5

    run = tn.fit(Mine, DATA, epochs=1, alpha=0.25, **SMALL)
    assert (run.config.alpha, Mine.Config().alpha) == (0.25, 0.5)
    with fails(ValueError, "alpha: expected float, got 'much'"):
        Mine.Config(alpha="much")


def test_an_epoch_of_another_length_is_refused():
    class Mine(tn.SimCLR):
        def start_epoch(self, size, rng):
            return rng.permutation(8), []

    with fails(ValueError, "Mine.start_epoch: expected an order of 70 samples, got 8"):
        tn.fit(Mine, DATA, epochs=1, **SMALL)


def test_options_of_the_encoder_follow_the_encoder():
    for method in (tn.SimCLR, tn.SimCLR.Config(), tn.SimCLR.Config(encoder="vit")):
        run = tn.fit(method, DATA, epochs=1, encoder="vit", **SMALL)
        assert run.config == tn.SimCLR.Config(encoder="vit", epochs=1, batch_size=16, width=2,
                                              view_size=16, dataset="arrays")
        assert run.config.optimizer == "adamw"
    back = tn.SimCLR.Config(encoder="vit").with_options(encoder="tiny_cnn")
    assert back == tn.SimCLR.Config()


def test_a_folder_of_images_is_the_same_run_for_fit_and_for_the_command(tmp_path, capsys):
    write_pictures(tmp_path / "images", 12)
    name = f"folder:{tmp_path / 'images'}"
    train, test = tn.datasets.load(name)
    tn.fit(tn.SimCLR, train, epochs=1, batch_size=8, width=2, out=tmp_path / "a", progress=False)
    assert run_command(capsys, "evaluate", str(tmp_path / "a"))[0] == 0
    options = ("--dataset", name, "--epochs", "1", "--batch-size", "8", "--width", "2")
    status, _, _ = run_command(capsys, "train", "--method", "simclr", *options, "--no-plots",
                               "--out", str(tmp_path / "b"))
    assert status == 0
    again = tn.fit(tn.SimCLR, train, epochs=1, batch_size=8, width=2, out=tmp_path / "b")
    assert again.epoch == 1
    assert state_of(again) == state_of(tn.load_run(tmp_path / "a"))


def test_threads_are_set(threads):
    threads(1)
    fitted(threads=2)
    assert tn.kernels.get_num_threads() == 2


def test_a_bar_is_shown_in_a_notebook(monkeypatch, capsys):
    fitted(progress=None)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(builtins, "__IPYTHON__", True, raising=False)
    fitted(progress=None)
    assert "step" in capsys.readouterr().err


@pytest.mark.parametrize(("change", "message"), [
    ({"images": None}, "images: expected uint8"), ({"class_names": ()}, "class_names: expected"),
    ({"class_names": None}, "class_names: expected at least one"),
    ({"labels": np.full(70, 4)}, "labels: expected 0 to 3, .* got 4 to 4"),
    ({"labels": np.full(70, -1)}, "labels: expected 0 to 3"), ({"labels": "a"}, "labels: ")])
def test_data_that_are_refused(change, message):
    given = {"images": DATA.images, "labels": DATA.labels, "class_names": DATA.class_names}
    with fails(ValueError, message):
        tn.datasets.Dataset(**{**given, **change})


def test_data_in_other_forms():
    flipped = tn.datasets.Dataset(DATA.images[:, :, ::-1], DATA.labels.tolist(), list("abcd"))
    assert flipped.images.flags.c_contiguous
    assert flipped.class_names == tuple("abcd")
    assert tn.fit(tn.SimCLR, flipped, epochs=1, **SMALL).epoch == 1


def test_what_things_look_like():
    assert repr(tn.NNCLR.Config()) == "NNCLR.Config()"
    assert repr(tn.NNCLR.Config(queue_size=9, lr=0.1)) == "NNCLR.Config(queue_size=9, lr=0.1)"
    assert repr(DATA) == "Dataset(arrays: 70 images of 16 x 16, 4 classes)"
    lines = repr(fitted().encoder).splitlines()
    assert lines[0] == "1,626 parameters in TinyCNN"
    assert lines[3] == "  body.layers.1: Conv2d (3, 3, 3, 2)"
    assert repr(tn.Tensor(np.zeros((300, 3)))) == "Tensor(shape=(300, 3), dtype=float64)"
    assert repr(tn.Tensor(np.zeros(2))) == "Tensor(array([0., 0.]))"


def test_evaluation_is_a_table_and_a_dict():
    result = tn.evaluate(fitted(), DATA, DATA)
    assert [line.split("  ")[0] for line in str(result).splitlines()[2:6]] == [
        "chance", "raw pixels", "random weights", "nnclr"]
    assert result["baselines"]["pixels"]["knn"] >= 0
    assert Path("result.json").exists() is False
