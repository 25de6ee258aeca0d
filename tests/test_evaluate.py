"""Evaluating features: the metrics with a run's options, the table, and the protocol beside them.
"""
import numpy as np
import pytest
from labelled_rows import clusters
from small import random_data, small_config

from tinynnclr.datasets.dataset import Dataset
from tinynnclr.evaluate import (
    MEASURES,
    Evaluation,
    encoder_accuracies,
    feature_accuracies,
    pixel_accuracies,
    protocol,
    table,
)
from tinynnclr.metrics.clusters import cluster_agreement
from tinynnclr.metrics.few_labels import few_label_accuracies, share_accuracy
from tinynnclr.metrics.knn import knn_accuracy
from tinynnclr.metrics.linear_probe import linear_accuracy
from tinynnclr.models.encode import encode, pixels
from tinynnclr.storage import validate
from tinynnclr.train.run import Run

OPTIONS = {"knn_k": 5, "knn_temperature": 0.2, "probe_strength": 0.01}


def test_accuracies_of_features_encoders_and_pixels(rng):
    config = small_config(**OPTIONS)
    (x, y), (test, wanted) = clusters(rng, 600, spread=1.5), clusters(rng, 97, spread=1.5)
    images = rng.integers(0, 256, (697, 16, 16, 3), np.uint8)
    one, two = Dataset(images[:600], y, tuple("abcd")), Dataset(images[600:], wanted, tuple("abcd"))
    got = feature_accuracies(config, (x, test), one, two)
    sets = x, y, test, wanted
    nmi, purity = cluster_agreement(x, test, wanted, 4)
    assert got == {"knn": round(knn_accuracy(*sets, 5, 0.2), 4),
                   "linear": round(linear_accuracy(*sets, 0.01), 4),
                   "one_percent": round(share_accuracy(*sets, 0.01, 0.01), 4),
                   "one_label": round(few_label_accuracies(*sets, 1)[0], 4),
                   "five_labels": round(few_label_accuracies(*sets, 5)[0], 4),
                   "five_labels_means": round(few_label_accuracies(*sets, 5)[1], 4),
                   "kmeans_nmi": round(nmi, 4), "kmeans_purity": round(purity, 4)}
    assert len(set(got.values())) == 8  # so that none can be taken for another
    one, two = one.take(100), two.take(40)
    encoder = Run(config, one).encoder
    features = encode(encoder, one.images), encode(encoder, two.images)
    assert (encoder_accuracies(config, encoder, one, two)
            == feature_accuracies(config, features, one, two))
    features = pixels(one.images), pixels(two.images)
    assert pixel_accuracies(config, one, two) == feature_accuracies(config, features, one, two)


@pytest.mark.parametrize("images", [2, 3, 7])
def test_fewer_images_than_classes(images, rng):
    """A data set of two images has all measures: there are as many clusters as images."""
    x, test = rng.standard_normal((2, 9, 5), np.float32)
    train, other = random_data(images, classes=4), random_data(9, classes=4)
    got = feature_accuracies(small_config(), (x[:images], test), train, other)
    assert list(got) == list(MEASURES)
    assert all(0 <= number <= 1 for number in got.values())


def test_a_result_holds_the_measures():
    """storage/validate, which a lower layer needs, has the same list."""
    assert list(validate.ACCURACIES) == list(MEASURES)
    assert {*MEASURES, *protocol(small_config(), random_data(9), random_data(9))} <= {
        *validate.RESULT, *validate.RESULT["protocol"]}


def test_the_table():
    """It fits a terminal of 80 columns; a longer name makes the first column wider."""
    numbers = dict(zip(MEASURES, (0.5, 0.251, 1, 0.0, 0.12345, 0.3, 0.42, 0.99), strict=True))
    result = Evaluation({"method": "nnclr", **numbers, "baselines": {
        "pixels": dict.fromkeys(MEASURES, 0.1), "random": dict.fromkeys(MEASURES, 0.2)},
        "protocol": {"chance": 0.25}, "epochs": 1, "steps": 78, "dataset": "toybox", "seed": 3})
    wanted = """\
                             1 % of 1 label 5 labels 5 labels k-means k-means
                  kNN linear labels a class     1-NN    means     NMI  purity
chance          25.0%  25.0%  25.0%   25.0%    25.0%    25.0%    0.0%   25.0%
raw pixels      10.0%  10.0%  10.0%   10.0%    10.0%    10.0%   10.0%   10.0%
random weights  20.0%  20.0%  20.0%   20.0%    20.0%    20.0%   20.0%   20.0%
nnclr           50.0%  25.1% 100.0%    0.0%    12.3%    30.0%   42.0%   99.0%
on test images of toybox, after 1 epoch (78 steps), seed 3, last epoch"""
    assert str(result) == wanted
    name = "instance_discrimination"
    lines = table({"nnclr": numbers, name: numbers}).splitlines()
    assert lines[2] == "nnclr" + " " * (len(name) - 5) + wanted.splitlines()[5][14:]
    assert lines[3] == name + wanted.splitlines()[5][14:]
    assert len(set(map(len, lines))) == 1


def test_the_protocol():
    description = protocol(small_config(**OPTIONS), random_data(100), random_data(60))
    assert list(description) == ["features", "fitted_on", "measured_on", "selection", "knn",
                                 "linear", "few_labels", "clusters", "chance"]
    for name, words in {"fitted_on": ["train, 100 images"], "measured_on": ["test, 60 images"],
                        "knn": ["k=5", "0.2"], "linear": ["0.01"], "selection": ["last epoch"],
                        "few_labels": ["1 %", "1 or 5 labels", "10 draws", "100 draws"],
                        "clusters": ["2000", "10 random starts"]}.items():
        assert all(word in description[name] for word in words)
    assert description["chance"] == 0.25
