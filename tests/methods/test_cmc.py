"""Lab against published values, and CMC with its two half encoders."""
import math

import numpy as np
import pytest
from one_line import fails
from small import random_data, small_config, unit

from tinynnclr import kernels
from tinynnclr.kernels.color import rgb_to_lab_naive
from tinynnclr.methods import CMC
from tinynnclr.models import LabEncoder, TinyCNN

# CIE Lab of sRGB colours under D65, as Lindbloom's calculator gives them (two decimals).
PUBLISHED = {(0, 0, 0): (0, 0, 0), (255, 255, 255): (100, 0, 0), (255, 0, 0): (53.24, 80.09, 67.20),
             (0, 255, 0): (87.73, -86.18, 83.18), (0, 0, 255): (32.30, 79.19, -107.86),
             (255, 255, 0): (97.14, -21.55, 94.48), (0, 255, 255): (91.11, -48.09, -14.13),
             (255, 0, 255): (60.32, 98.23, -60.82), (128, 128, 128): (53.59, 0, 0)}
B = 8


@pytest.mark.parametrize(("rgb", "lab"), PUBLISHED.items(), ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_published_colours(rgb, lab, dtype):
    found = kernels.rgb_to_lab(np.array(rgb, dtype) / dtype(255))
    assert found.dtype == dtype
    np.testing.assert_allclose(found, lab, atol=0.011)


@pytest.mark.parametrize("shape", [(3,), (2, 5, 7, 3), (0, 4, 4, 3), (1, 3), (300, 9, 3)])
@pytest.mark.parametrize(("dtype", "atol"), [(np.float32, 2e-4), (np.float64, 1e-11)])
def test_equals_the_formula(shape, dtype, atol, rng):
    rgb = rng.random(shape).astype(dtype)
    rgb[rng.random(shape) < 0.3] *= dtype(0.05)  # the dark end, where both curves are lines
    found = kernels.rgb_to_lab(rgb)
    assert found.shape == shape
    np.testing.assert_allclose(found, rgb_to_lab_naive(rgb.astype(float)), rtol=0, atol=atol)
    # not contiguous
    np.testing.assert_allclose(kernels.rgb_to_lab(rgb[..., ::-1]),
                               rgb_to_lab_naive(rgb[..., ::-1].astype(float)), rtol=0, atol=atol)


def test_threads_nan_and_mistakes(threads, rng):
    rgb, results = rng.random((40, 40, 3)).astype(np.float32), []
    rgb[3, 4, 1] = np.nan
    for n in (1, 2, 3):
        threads(n)
        results.append(kernels.rgb_to_lab(rgb).tobytes())
    assert results[0] == results[1] == results[2]
    lab = kernels.rgb_to_lab(rgb)
    assert np.isnan(lab[3, 4]).all()
    assert np.isnan(lab).sum() == 3
    for bad in (np.zeros((4, 4)), np.zeros((4, 2)), np.zeros((2, 3), np.uint8)):
        with fails(ValueError, r"rgb_to_lab: expected float32 or float64 \(..., 3\), got"):
            kernels.rgb_to_lab(bad)


def build(rng, **changes):
    config = small_config(**{"width": 6, "method": "cmc", **changes})
    return CMC(CMC.make_encoder(config, rng), config, rng, random_data())


def test_two_half_encoders_side_by_side(rng):
    encoder = build(rng).encoder.eval()
    assert isinstance(encoder, LabEncoder)
    assert (encoder.lightness.features, encoder.colors.features, encoder.features) == (24, 24, 48)
    assert TinyCNN(6, rng).features == 48
    x = rng.random((B, 16, 16, 3)).astype(np.float32)
    h, (lightness, colors) = encoder(x).numpy(), encoder.halves(x)
    np.testing.assert_array_equal(h, np.concatenate([lightness.numpy(), colors.numpy()], axis=1))
    alone = encoder.lightness(np.ascontiguousarray(kernels.rgb_to_lab(x)[..., :1]) / 100)
    np.testing.assert_allclose(lightness.numpy(), alone.numpy(), atol=1e-5)
    # without colour, the features of the colours are the same for all images
    lightness, colors = (half.numpy() for half in encoder.halves(np.repeat(x[..., :1], 3, axis=3)))
    assert np.abs(colors - colors[:1]).max() < 1e-2
    assert np.abs(lightness - lightness[:1]).max() > 1e-2


def test_each_half_is_compared_with_the_other_bank(rng):
    method = build(rng, temperature=0.2)
    views = rng.random((1, B, 16, 16, 3), np.float32)
    ids = np.arange(B) + 20
    lightness, colors = method.encoder.halves(views[0])
    z, y = unit(method.lightness_head(lightness).numpy()), unit(method.colors_head(colors).numpy())
    total = 0.0
    for anchor, rows in ((z, method.colors_bank.rows), (y, method.lightness_bank.rows)):
        logits = anchor @ rows.T.astype(float) / 0.2
        total += np.mean(np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(B), ids])
    step = method(views, ids)
    assert step.loss.item() == pytest.approx(total, rel=1e-5)
    assert step.chance_loss == pytest.approx(2 * math.log(64))
    banks = method.lightness_bank.rows.copy(), method.colors_bank.rows.copy()
    method.after_step(step)
    for bank, before, rows in zip((method.lightness_bank, method.colors_bank), banks, (z, y),
                                  strict=True):
        np.testing.assert_allclose(bank.rows[ids], unit(0.5 * before[ids] + 0.5 * rows), atol=1e-6)
        np.testing.assert_array_equal(bank.rows[:20], before[:20])


@pytest.mark.parametrize("negatives", ["ball", "ring"])
def test_conditional_negatives_in_each_direction(negatives, rng):
    x, values = rng.random((1, B, 16, 16, 3), np.float32), {}
    for name, changes in (("plain", {}), ("some", {"negatives": negatives}),
                          ("all", {"negatives": negatives, "ring_outer": 1.0, "ring_inner": 0.0})):
        method = build(np.random.default_rng(2), **changes)
        values[name] = method(x, np.arange(B)).loss.item()
    assert values["all"] == pytest.approx(values["plain"], rel=1e-6)
    assert values["some"] < values["plain"] - 0.5
