"""Rotated, noisy and blurred images against plain loops; only test images change."""
import numpy as np
import pytest
from eval_context import small_context
from small import random_data

from tinynnclr.datasets import toybox
from tinynnclr.lab.protocols import robustness
from tinynnclr.metrics.knn import knn_accuracy
from tinynnclr.models.encode import encode, pixels


@pytest.mark.parametrize("size", [7, 8])
@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_quarter_turns_are_exact(quarters, size):
    images = random_data(5, size).images
    np.testing.assert_array_equal(robustness.rotate(images, 90 * quarters),
                                  np.rot90(images, quarters, axes=(1, 2)))


def weighted(image, weight):
    """Each pixel (y, x) as the sum of weight(x, y, i, j) times pixel (j, i), by loops."""
    h, w = image.shape[:2]
    out = np.zeros(image.shape)
    for y, x, j, i in np.ndindex(h, w, h, w):
        out[y, x] += weight(x, y, i, j) * image[j, i]
    return out


def rotated_by_loops(image, degrees):
    """Bilinear weights of the four pixels around the origin, counter-clockwise as one sees it."""
    h, w = image.shape[:2]
    angle = np.radians(degrees)
    turn = complex(np.cos(angle), -np.sin(angle))  # back to where it came from, with y up

    def weight(x, y, i, j):
        origin = ((x - (w - 1) / 2) - 1j * (y - (h - 1) / 2)) * turn
        from_x = min(max(origin.real + (w - 1) / 2, 0), w - 1)
        from_y = min(max(-origin.imag + (h - 1) / 2, 0), h - 1)
        return max(0, 1 - abs(i - from_x)) * max(0, 1 - abs(j - from_y))

    return weighted(image, weight)


def blurred_by_loops(image, sigma):
    def weight(x, y, i, j):
        return np.exp(-((x - i) ** 2 + (y - j) ** 2) / (2 * sigma**2))

    return weighted(image, weight) / weighted(np.ones_like(image), weight)


@pytest.mark.parametrize(("change", "by_loops", "amount"), [
    *((robustness.rotate, rotated_by_loops, degrees) for degrees in (15, 45, 110, 200)),
    *((robustness.blur, blurred_by_loops, sigma) for sigma in (0.5, 1.5))])
def test_rotation_and_blur_against_loops(change, by_loops, amount):
    images = random_data(2, 6).images[:, :, :5]  # higher than wide
    changed = change(images, amount)
    assert changed.dtype == np.uint8
    for image, got in zip(images, changed, strict=True):
        assert np.abs(by_loops(image.astype(float), amount) - got).max() <= 0.51
    np.testing.assert_array_equal(change(images, 0), images)


def test_noise_has_the_standard_deviation_asked_for_and_stays_in_range():
    grey = np.full((4, 32, 32, 3), 128, np.uint8)
    np.testing.assert_array_equal(robustness.add_noise(grey, 0, np.random.default_rng(0)), grey)
    noise = robustness.add_noise(grey, 0.1, np.random.default_rng(0)).astype(float) - 128
    assert noise.std() == pytest.approx(25.5, rel=0.03)
    assert noise.mean() == pytest.approx(0, abs=1)
    # channels are independent
    assert abs(np.corrcoef(noise[..., 0].ravel(), noise[..., 1].ravel())[0, 1]) < 0.05
    strong = robustness.add_noise(grey, 2, np.random.default_rng(0))
    assert (strong.min(), strong.max()) == (0, 255)
    assert (strong == 0).mean() > 0.3  # clipped, not wrapped around


def test_styles_show_the_same_scenes_as_the_test_set():
    test = toybox.load(0, 30)[1]
    changes = list(robustness.changes(test, True, 0))
    styled = {severity: data for change, severity, data in changes if change == "style"}
    assert list(styled) == list(toybox.STYLES)
    for style, data in styled.items():
        np.testing.assert_array_equal(data.labels, test.labels)
        assert np.array_equal(data.images, test.images) == (style == "day")


def test_the_rows(monkeypatch):
    monkeypatch.setattr(robustness, "BANK", 40)
    monkeypatch.setattr(robustness, "TEST", 24)
    train, test = random_data(size=32), random_data(32, 32, seed=1)
    context = small_context(train, test, dataset="cifar10")
    result, config = robustness.robustness(context), context.config
    rotation, noise, blur = "rotation (degrees)", "noise (standard deviation)", "blur (pixels)"
    assert [row["change"] for row in result.rows] == [
        change for change, amounts in ((rotation, robustness.ANGLES), (noise, robustness.SIGMAS),
                                       (blur, robustness.BLURS)) for _ in amounts for _ in range(3)]
    accuracy = {(row["encoder"], row["change"], row["severity"]): row["accuracy"]
                for row in result.rows}
    bank, shown = train.take(40), test.take(24)
    turned = np.ascontiguousarray(np.rot90(shown.images, axes=(1, 2)))
    for name, extract in (("nnclr", lambda x: encode(context.encoder, x)), ("raw pixels", pixels)):
        for severity, images in (("0", shown.images), ("90", turned)):
            assert accuracy[name, rotation, severity] == knn_accuracy(
                extract(bank.images), bank.labels, extract(images), shown.labels, config.knn_k,
                config.knn_temperature)
        assert len({accuracy[name, change, "0"] for change in (rotation, noise, blur)}) == 1


@pytest.mark.parametrize(("dataset", "last"), [("toybox-fog", "style"),
                                               ("fashion_mnist", "blur (pixels)")])
def test_styles_or_blur_by_data_set(dataset, last, monkeypatch):
    monkeypatch.setattr(robustness, "TEST", 20)
    result = robustness.robustness(small_context(*toybox.load(40, 20, style="fog"),
                                                 dataset=dataset))
    assert {row["change"] for row in result.rows} == {"rotation (degrees)", last,
                                                      "noise (standard deviation)"}
