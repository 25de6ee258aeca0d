"""Robustness: turned, noisy and blurred pictures against plain loops; only test images change; the
encoder does not.
"""
import numpy as np
import pytest
from small import random_data, small_config

from tinynnclr.datasets import toybox
from tinynnclr.lab.protocols import robustness
from tinynnclr.lab.protocols.context import EvalContext
from tinynnclr.metrics.knn import knn_accuracy
from tinynnclr.models.encode import encode, pixels
from tinynnclr.train.run import Run


@pytest.mark.parametrize("size", [7, 8])
@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_quarter_turns_are_exact(quarters, size):
    images = random_data(5, size).images
    np.testing.assert_array_equal(robustness.rotate(images, 90 * quarters),
                                  np.rot90(images, quarters, axes=(1, 2)))


def rotated_by_loops(image, degrees):
    """Every pixel from the four around its origin, one channel after the other, counter-clockwise
    as one sees it.
    """
    h, w = image.shape[:2]
    angle = np.radians(degrees)
    turn = complex(np.cos(angle), -np.sin(angle))  # back to where it came from, with y up
    out = np.empty(image.shape)
    for y in range(h):
        for x in range(w):
            origin = ((x - (w - 1) / 2) - 1j * (y - (h - 1) / 2)) * turn
            from_x = min(max(origin.real + (w - 1) / 2, 0), w - 1)
            from_y = min(max(-origin.imag + (h - 1) / 2, 0), h - 1)
            out[y, x] = 0
            for j in range(h):
                for i in range(w):
                    out[y, x] += max(0, 1 - abs(i - from_x)) * max(0,
                                                                   1 - abs(j - from_y)) * image[j,
                                                                                                i]
    return out


@pytest.mark.parametrize("degrees", [15, 45, 110, 200])
def test_rotation_against_loops(degrees):
    images = random_data(2, 6).images[:, :, :5]  # higher than wide
    got = robustness.rotate(images, degrees)
    assert got.dtype == np.uint8
    for image, turned in zip(images, got, strict=True):
        assert np.abs(rotated_by_loops(image.astype(float), degrees) - turned).max() <= 0.51


def test_noise_has_the_spread_asked_for_and_stays_in_range():
    grey = np.full((4, 32, 32, 3), 128, np.uint8)
    np.testing.assert_array_equal(robustness.add_noise(grey, 0, np.random.default_rng(0)), grey)
    noise = robustness.add_noise(grey, 0.1, np.random.default_rng(0)).astype(float) - 128
    assert noise.std() == pytest.approx(25.5, rel=0.03)
    assert noise.mean() == pytest.approx(0, abs=1)
    # channels on their own
    assert abs(np.corrcoef(noise[..., 0].ravel(), noise[..., 1].ravel())[0, 1]) < 0.05
    strong = robustness.add_noise(grey, 2, np.random.default_rng(0))
    assert (strong.min(), strong.max()) == (0, 255)
    assert (strong == 0).mean() > 0.3  # cut off, not wrapped around


def blurred_by_loops(image, sigma):
    h, w = image.shape[:2]
    out = np.empty(image.shape)
    for y in range(h):
        for x in range(w):
            weights = np.array([[np.exp(-((x - i) ** 2 + (y - j) ** 2) / (2 * sigma**2)) for i
                                 in range(w)] for j in range(h)])
            out[y, x] = (weights[..., None] * image).sum(axis=(0, 1)) / weights.sum()
    return out


@pytest.mark.parametrize("sigma", [0.5, 1.5])
def test_blur_against_loops(sigma):
    images = random_data(2, 6).images[:, :, :5]
    for image, soft in zip(images, robustness.blur(images, sigma), strict=True):
        assert np.abs(blurred_by_loops(image.astype(float), sigma) - soft).max() <= 0.51
    np.testing.assert_array_equal(robustness.blur(images, 0), images)


def test_styles_show_the_same_scenes_as_the_test_set():
    test = toybox.load(0, 30)[1]
    styled = {severity: data for change, severity, data in robustness.changes(test, True,
                                                                              0) if change
              == "style"}
    assert list(styled) == list(toybox.STYLES)
    for style, data in styled.items():
        np.testing.assert_array_equal(data.labels, test.labels)
        assert np.array_equal(data.images, test.images) == (style == "day")
    assert not [c for c, _, _ in robustness.changes(test, True, 0) if c.startswith("blur")]


def test_the_rows(monkeypatch):
    monkeypatch.setattr(robustness, "BANK", 40)
    monkeypatch.setattr(robustness, "TEST", 24)
    config, data, test = small_config(dataset="cifar10"), random_data(size=32), random_data(32, 32,
                                                                                            seed=1)
    subject = EvalContext(config, Run(config, data).method.encoder, (data, test))
    before = {name: array.tobytes() for name, array in subject.encoder.state_dict().items()}
    finding = robustness.robustness(subject)
    assert {name: array.tobytes() for name, array in subject.encoder.state_dict().items()} == before
    changes = [("rotation (degrees)", len(robustness.ANGLES)),
               ("noise (standard deviation)", len(robustness.SIGMAS)),
               ("blur (pixels)", len(robustness.BLURS))]
    assert [row["change"] for row in finding.rows] == [c for c, n in changes for _ in range(3 * n)]

    found = {(row["encoder"], row["change"], row["severity"]): row["accuracy"] for row
             in finding.rows}
    bank, shown = data.take(40), test.take(24)
    turned = np.rot90(shown.images, axes=(1, 2))
    for name, extract in (("nnclr", lambda x: encode(subject.encoder, x)), ("raw pixels", pixels)):
        for severity, images in (("0", shown.images), ("90", turned)):
            assert found[name, "rotation (degrees)", severity] == knn_accuracy(
                extract(bank.images), bank.labels, extract(np.ascontiguousarray(images)), shown.labels, config.knn_k,
                config.knn_temperature)
        assert found[name, "blur (pixels)", "0"] == found[name, "noise (standard deviation)", "0"] \
            == found[name, "rotation (degrees)", "0"]


def test_a_run_of_any_style_meets_all_of_them(monkeypatch):
    monkeypatch.setattr(robustness, "TEST", 20)
    for dataset, kinds in (("toybox-fog", {"style"}), ("fashion_mnist", {"blur (pixels)"})):
        config, (data, test) = small_config(dataset=dataset), toybox.load(40, 20, style="fog")
        finding = robustness.robustness(EvalContext(config, Run(config, data).method.encoder,
                                                    (data, test)))
        assert {row["change"] for row in finding.rows} - {"rotation (degrees)",
                                                          "noise (standard deviation)"} == kinds
