"""Encoding images: the encoder stays as it was, and each row depends on its own image only."""
import numpy as np
import pytest
from small import random_data, small_config

from tinynnclr import Tensor
from tinynnclr.datasets.views import augmentation_pair
from tinynnclr.models.encode import encode, pixels, to_float
from tinynnclr.train.hooks import train_run
from tinynnclr.train.run import Run


@pytest.mark.parametrize("mode", [True, False])
def test_encoding_changes_nothing(mode, rng):
    data = random_data(50)
    run = Run(small_config(), data)
    # so that the running statistics are not 0 and 1
    train_run(run, data, augmentation_pair("simclr"), progress=False)
    encoder = run.method.encoder.train(mode)
    before = {name: array.tobytes() for name, array in encoder.state_dict().items()}
    h = encode(encoder, data.images, batch_size=16)
    assert {name: array.tobytes() for name, array in encoder.state_dict().items()} == before
    assert [m.training for m in encoder.modules()] == [mode] * len(list(encoder.modules()))
    assert h.shape == (50, encoder.features)
    encoder.eval()
    np.testing.assert_allclose(h, encoder(Tensor(to_float(data.images))).numpy(), rtol=1e-5,
                               atol=1e-6)
    # an image's row is its own affair
    np.testing.assert_array_equal(h[:10], encode(encoder, data.images[:10]))
    assert encoder(Tensor(to_float(data.images))).node is not None  # gradients are recorded again


def test_the_mode_comes_back_after_an_error():
    encoder = Run(small_config(), random_data()).method.encoder
    with pytest.raises(ValueError, match="images: expected colour images"):
        encode(encoder, np.zeros((3, 8, 8, 4), np.uint8))
    encoder.body.layers[1].weight.data[0] = np.nan
    with np.errstate(all="ignore"), pytest.raises(FloatingPointError, match="the encoder"):
        encode(encoder, np.ones((3, 16, 16, 3), np.uint8))
    assert encoder.training
    assert encoder.body.training


def test_pixels(rng):
    images = rng.integers(0, 256, (3, 4, 5, 3), np.uint8)
    got = pixels(images)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, images.reshape(3, 60) / 255, rtol=1e-6)
