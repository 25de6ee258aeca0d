"""Evaluating features: the metrics with a run's options, and the protocol beside them."""
import numpy as np
from labelled_rows import clusters
from small import random_data, small_config

from tinynnclr.datasets.dataset import Dataset
from tinynnclr.evaluate import encoder_accuracies, feature_accuracies, pixel_accuracies, protocol
from tinynnclr.metrics.knn import knn_accuracy
from tinynnclr.metrics.linear_probe import linear_accuracy
from tinynnclr.models.encode import encode, pixels
from tinynnclr.train.run import Run


def test_accuracies_of_features_encoders_and_pixels(rng):
    config = small_config(knn_k=5, knn_temperature=0.2, probe_strength=0.01)
    (x, y), (test, wanted) = clusters(rng, 100), clusters(rng, 60)
    images = rng.integers(0, 256, (160, 16, 16, 3), np.uint8)
    one, two = Dataset(images[:100], y, tuple("abcd")), Dataset(images[100:], wanted, tuple("abcd"))
    got = feature_accuracies(config, (x, test), one, two)
    assert got == {"knn": round(knn_accuracy(x, y, test, wanted, 5, 0.2), 4),
                   "linear": round(linear_accuracy(x, y, test, wanted, 0.01), 4)}
    encoder = Run(config, one).encoder
    features = encode(encoder, one.images), encode(encoder, two.images)
    assert (encoder_accuracies(config, encoder, one, two)
            == feature_accuracies(config, features, one, two))
    features = pixels(one.images), pixels(two.images)
    assert pixel_accuracies(config, one, two) == feature_accuracies(config, features, one, two)


def test_the_protocol():
    config = small_config(knn_k=5, knn_temperature=0.2, probe_strength=0.01)
    description = protocol(config, random_data(100), random_data(60))
    assert list(description) == ["features", "fitted_on", "measured_on", "selection", "knn",
                                 "linear", "chance"]
    for name, words in {"fitted_on": ["train, 100 images"], "measured_on": ["test, 60 images"],
                        "knn": ["k=5", "0.2"], "linear": ["0.01"], "selection": ["last epoch"]
                        }.items():
        assert all(word in description[name] for word in words)
    assert description["chance"] == 0.25
