"""The networks that lessons begin with: small files that load as what was trained."""
import numpy as np
import pytest
from one_line import fails
from places import ROOT
from support.stored import store, stored

from tinynnclr.datasets import load
from tinynnclr.methods import make_config
from tinynnclr.methods.nnclr import NNCLR
from tinynnclr.metrics.knn import knn_accuracy
from tinynnclr.models.encode import encode


def test_a_network_is_restored_within_the_rounding_of_float16(tmp_path):
    config = make_config({"width": 4, "dim": 8, "projector_hidden": 16, "predictor_hidden": 16,
                          "queue_size": 32})
    rng = np.random.default_rng(0)
    method = NNCLR(NNCLR.make_encoder(config, rng), config, rng)
    for a in method.state_dict().values():  # no number keeps its initial value
        if a.dtype.kind == "f":
            a += rng.normal(0, 0.1, a.shape).astype(a.dtype)
    size = store(tmp_path / "small.npz", method, step=7)
    again = stored(tmp_path / "small.npz")
    assert size == (tmp_path / "small.npz").stat().st_size < 30_000
    assert again.config == config
    for part in ("encoder", "projector", "predictor"):
        before, after = getattr(method, part).state_dict(), getattr(again, part).state_dict()
        assert before
        assert before.keys() == after.keys()
        for name in before:
            assert after[name].dtype == before[name].dtype
            np.testing.assert_allclose(after[name], before[name], rtol=1e-3, atol=1e-5)


def test_another_file_is_refused(tmp_path):
    (tmp_path / "x.npz").write_text("no", encoding="utf-8")
    with fails(ValueError, "is damaged or not a tinynnclr checkpoint"):
        stored(tmp_path / "x.npz")
    with fails(FileNotFoundError, "no checkpoint at"):
        stored(tmp_path / "y.npz")


@pytest.mark.parametrize(("name", "least"), [("warm", 0.7), ("trained", 0.85)])
def test_the_lessons_networks_are_small_and_have_learned(name, least):
    path = ROOT / "lessons" / "results" / f"{name}.npz"
    assert path.stat().st_size < 150_000
    encoder = stored(path).encoder
    data, test = load("toybox", "data", train_size=4000)
    assert knn_accuracy(encode(encoder, data.images), data.labels, encode(encoder, test.images),
                        test.labels) > least
