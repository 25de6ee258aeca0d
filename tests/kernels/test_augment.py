"""Views: the kernel against its naive twin, each step by itself, and the draws."""
import colorsys

import numpy as np
import pytest
from guarded import same_bytes

from tinynnclr.datasets.views import PRESETS, Augmentation, draw_params, two_views
from tinynnclr.kernels import augment
from tinynnclr.kernels.augment import COLUMNS, ORDERS, _augment, augment_naive, identity_params

STRONG = Augmentation(crop_area=(0.08, 1), brightness=0.8, contrast=0.8, saturation=0.8, hue=0.5,
                      gray=0.3, blur=0.5, solarize=0.3)
# the one option turned, everything else off
ALONE = {"crop": {"crop_area": (0.08, 1.0)}, "flip": {"flip": 1.0},
         "brightness": {"jitter": 1.0, "brightness": 0.8},
         "contrast": {"jitter": 1.0, "contrast": 0.8},
         "saturation": {"jitter": 1.0, "saturation": 0.8}, "hue": {"jitter": 1.0, "hue": 0.5},
         "gray": {"gray": 1.0}, "blur": {"blur": 1.0}, "solarize": {"solarize": 1.0}}
JITTERS = ("brightness", "contrast", "saturation", "hue")
NOTHING = {"crop_area": (1, 1), "flip": 0, "jitter": 0, "gray": 0, "brightness": 0, "contrast": 0,
           "saturation": 0, "hue": 0}


def pictures(n, h, w, seed=0):
    """Random, but some pixels are corners of the colour cube or grays, where hue has its seams."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (n, h, w, 3), np.uint8)
    corners = rng.random((n, h, w)) < 0.2
    images[corners] = rng.choice([0, 255], (corners.sum(), 3))
    gray = rng.random((n, h, w)) < 0.1
    images[gray] = images[gray][:, :1]
    return images


def one(image, size=None, **columns):
    """The view of one image under an identity row with the named columns changed."""
    params = identity_params(1, *image.shape[:2])
    for name, value in columns.items():
        params[0, COLUMNS.index(name)] = value
    return augment(image[None], np.array([0]), params, size or len(image))[0]


def colour(*rgb, side=4):
    return np.full((side, side, 3), rgb, np.uint8)


@pytest.mark.parametrize("name", ALONE)
def test_each_step_alone_equals_its_naive_twin(name):
    images, indices = pictures(6, 9, 9), np.array([5, 0, 3, 3, 1, 2, 4, 0])
    params = draw_params(Augmentation(**{**NOTHING, **ALONE[name]}), 8, 9, 9,
                         np.random.default_rng(1))
    view = augment(images, indices, params, 9)
    np.testing.assert_allclose(view, augment_naive(images, indices, params, 9), atol=1e-5)
    assert not np.allclose(view, images[indices] / 255, atol=1e-3)


@pytest.mark.parametrize(("h", "w", "size"), [(7, 5, 7), (5, 7, 4), (1, 1, 1), (1, 1, 3), (8, 8, 1),
                                              (1, 6, 5), (12, 12, 17), (6, 6, 44)])
def test_all_steps_together_on_any_size(h, w, size):
    images, n = pictures(4, h, w), 4 if size > 20 else 40
    indices = np.arange(n) % 4
    params = draw_params(STRONG, n, h, w, np.random.default_rng(h + size))
    view = augment(images, indices, params, size)
    assert view.shape == (n, size, size, 3)
    assert view.dtype == np.float32
    assert 0 <= view.min() <= view.max() <= 1  # and no NaN
    np.testing.assert_allclose(view, augment_naive(images, indices, params, size), atol=1e-5)


def test_every_order_of_the_four_jitters():
    images, indices = pictures(1, 6, 6), np.zeros(24, np.int64)
    params = identity_params(24, 6, 6)
    params[:, COLUMNS.index("order")] = np.arange(24)
    params[:, [COLUMNS.index(name) for name in JITTERS]] = 1.5, 0.4, 1.9, 0.2
    view = augment(images, indices, params, 6)
    np.testing.assert_allclose(view, augment_naive(images, indices, params, 6), atol=1e-5)
    assert len(np.unique(view.reshape(24, -1).round(3), axis=0)) >= 12
    assert len(set(map(tuple, ORDERS))) == 24


def test_identity_is_exact_and_strength_zero_is_the_identity():
    images = np.arange(256 * 3, dtype=np.uint8).reshape(1, 16, 16, 3)
    expected = images.astype(np.float32) / np.float32(255)
    drawn = [draw_params(a, 1, 16, 16, np.random.default_rng(0))
             for a in (PRESETS["none"], Augmentation(**{**NOTHING, "jitter": 1}))]
    for row in (identity_params(1, 16, 16), *drawn):
        np.testing.assert_array_equal(augment(images, np.array([0]), row, 16), expected)


def test_empty_batch_and_empty_data_set():
    none = np.array([], np.int64)
    for images in (pictures(2, 4, 4), pictures(0, 4, 4)):
        assert augment(images, none, identity_params(0, 4, 4), 6).shape == (0, 6, 6, 3)
        x1, x2 = two_views(images, none, PRESETS["simclr"], np.random.default_rng(0))
        assert x1.shape == x2.shape == (0, 4, 4, 3)


def test_hue():
    red = colour(255, 0, 0)
    np.testing.assert_array_equal(one(red, hue=0), red / 255)
    np.testing.assert_allclose(one(red, hue=1 / 3), colour(0, 255, 0) / 255, atol=1e-6)
    np.testing.assert_allclose(one(red, hue=-1 / 3), colour(0, 0, 255) / 255, atol=1e-6)
    np.testing.assert_allclose(one(colour(90, 90, 90), hue=0.4), colour(90, 90, 90) / 255,
                               atol=1e-6)
    image = pictures(1, 16, 16)[0]
    for shift in (1, -1):
        np.testing.assert_allclose(one(image, hue=shift), image / 255, atol=1e-6)
    before = [colorsys.rgb_to_hsv(*v)[2] for v in image.reshape(-1, 3) / 255]
    # the value stays
    np.testing.assert_allclose(one(image, hue=0.23).max(-1).ravel(), before, atol=1e-6)


def test_blur_keeps_a_constant_and_the_mean_and_lowers_the_variance():
    plain = colour(200, 40, 90, side=45)
    np.testing.assert_allclose(one(plain, sigma=2), plain / 255, atol=1e-6)
    image = pictures(1, 60, 60)[0]
    deviations = [one(image, sigma=sigma).std() for sigma in (0, 0.5, 1, 2)]
    assert deviations == sorted(deviations, reverse=True)
    point = np.zeros((61, 61, 3), np.uint8)
    point[30, 30] = 255
    spread = one(point, sigma=1.2)[:, :, 0]
    np.testing.assert_allclose(spread.sum(), 1, atol=1e-5)
    np.testing.assert_allclose(spread, spread.T, atol=1e-7)
    assert spread[30, 27:34].all()  # radius min(ceil(2.4), 5 % of 61) = 3
    assert not spread[30, 34:].any()


def test_same_bytes_for_any_number_of_threads_and_for_read_only_images(threads):
    images = pictures(20, 11, 11)
    params = draw_params(STRONG, 67, 11, 11, np.random.default_rng(3))
    indices = np.random.default_rng(4).integers(0, 20, 67)
    same_bytes(threads, lambda: augment(images, indices, params, 16))
    many = augment(images, indices, params, 16)
    images.flags.writeable = False
    assert augment(images, indices.astype(np.uint8), params, 16).tobytes() == many.tobytes()
    assert len(_augment.signatures) == 1  # compiled once for both
    alone = augment(images, indices[40:41], params[40:41], 16)  # a view does not need its batch
    assert alone.tobytes() == many[40:41].tobytes()


def test_two_views_differ_and_follow_the_seed():
    images, indices = pictures(8, 10, 10), np.arange(8)

    def draw(seed, augmentations=PRESETS["simclr"], **more):
        return two_views(images, indices, augmentations, np.random.default_rng(seed), **more)

    x1, x2 = draw(0)
    assert x1.shape == x2.shape == (8, 10, 10, 3)
    assert all(not np.array_equal(a, b) for a, b in zip(x1, x2, strict=True))
    again, other = draw(0), draw(1)
    assert (x1.tobytes(), x2.tobytes()) == (again[0].tobytes(), again[1].tobytes())
    assert not np.array_equal(x1, other[0])
    rng = np.random.default_rng(0)
    # epoch 1, epoch 2
    first, second = (two_views(images, indices, PRESETS["simclr"], rng) for _ in "12")
    assert not np.array_equal(first[0], second[0])
    assert draw(0, size=6)[1].shape == (8, 6, 6, 3)
    plain, gray = draw(0, (PRESETS["none"], Augmentation(**{**NOTHING, "gray": 1})))
    np.testing.assert_allclose(plain, images / 255, atol=1e-6)
    np.testing.assert_array_equal(gray, gray[..., :1].repeat(3, -1))


@pytest.mark.parametrize(("h", "w"), [(32, 32), (20, 33), (3, 40), (1, 1)])
def test_crops_stay_inside_and_follow_area_and_aspect(h, w):
    a = Augmentation(crop_area=(0.08, 0.7))  # up to 3/4 every aspect fits a square
    y, x, ch, cw = draw_params(a, 20_000, h, w,
                               np.random.default_rng(0))[:, :4].T.astype(np.float64)
    slack = 1e-5 * max(h, w)
    assert min(y.min(), x.min()) >= 0
    assert min(ch.min(), cw.min()) > 0
    assert (y + ch).max() <= h + slack
    assert (x + cw).max() <= w + slack
    assert (cw / ch).min() >= 3 / 4 - 1e-5
    assert (cw / ch).max() <= 4 / 3 + 1e-5
    if h == w:
        area = ch * cw / h / w
        assert 0.08 - 1e-5 <= area.min() <= area.max() <= 0.7 + 1e-5
        assert area.mean() == pytest.approx(0.39, abs=0.005)
        assert np.log(cw / ch).mean() == pytest.approx(0, abs=0.01)


def test_crop_falls_back_to_the_middle():
    params = draw_params(Augmentation(crop_area=(0.9, 1)), 5, 4, 40, np.random.default_rng(0))
    np.testing.assert_allclose(params[:, :4], np.tile([0, 20 - 8 / 3, 4, 16 / 3], (5, 1)),
                               rtol=1e-6)
    whole = draw_params(PRESETS["flip-only"], 5, 4, 40, np.random.default_rng(0))
    np.testing.assert_array_equal(whole[:, :4], np.tile([0, 0, 4, 40], (5, 1)))


def test_how_often_and_how_far():
    n = 10_000
    a = Augmentation(flip=0.5, jitter=0.8, gray=0.2, blur=0.3, solarize=0.1, brightness=0.4,
                     contrast=1.5, hue=0.1)
    params = draw_params(a, n, 32, 32, np.random.default_rng(7))
    column = dict(zip(COLUMNS, params.T, strict=True))
    jittered = column["hue"] != 0
    for p, applied in ((0.5, column["flip"] == 1), (0.8, jittered), (0.2, column["gray"] == 1),
                       (0.3, column["sigma"] > 0), (0.1, column["solarize"] < 2)):
        assert abs(applied.mean() - p) <= 3 * np.sqrt(p * (1 - p) / n)
    for name, low, high in (("brightness", 0.6, 1.4), ("contrast", 0, 2.5),
                            ("saturation", 0.6, 1.4), ("hue", -0.1, 0.1)):
        np.testing.assert_array_equal(column[name][~jittered], name != "hue")
        drawn, edge = column[name][jittered], (high - low) * 0.01
        assert low - 1e-6 <= drawn.min() < low + edge
        assert high - edge < drawn.max() <= high + 1e-6
    sigma = np.sort(column["sigma"][column["sigma"] > 0])
    assert 0.1 <= sigma[0] < 0.12 < 1.98 < sigma[-1] <= 2
    assert set(column["solarize"]) == {0.5, 2}
    counts = np.bincount(column["order"].astype(int), minlength=24)
    assert ((counts - n / 24) ** 2).sum() / (n / 24) < 60  # chi squared of 23 degrees: 1 in 40,000


def test_one_option_leaves_the_other_draws():
    base, other = (draw_params(a, 50, 8, 8, np.random.default_rng(0))
                   for a in (PRESETS["simclr"], Augmentation(crop_area=(1, 1), flip=0, blur=1)))
    same = [COLUMNS.index(name) for name in ("order", *JITTERS, "gray")]
    np.testing.assert_array_equal(base[:, same], other[:, same])


def test_presets():
    assert set(PRESETS) == {"simclr", "toybox", "crop-only", "flip-only", "none", "byol-1",
                            "byol-2"}
    byol = PRESETS["byol-1"], PRESETS["byol-2"]
    assert [(a.blur, a.solarize, a.saturation, a.blur_sigma) for a in byol] == [
        (1, 0, 0.2, (0.1, 2)), (0.1, 0.2, 0.2, (0.1, 2))]
    assert PRESETS["toybox"] == Augmentation(crop_area=(0.35, 1.0), hue=0.5, gray=0.3)
    simclr = PRESETS["simclr"]
    assert (simclr.brightness, simclr.hue, simclr.blur) == (0.4, 0.1, 0)


@pytest.mark.parametrize("options", [{"flip": 1.5}, {"flip": -0.1}, {"gray": np.nan},
                                     {"jitter": "0.8"}, {"hue": 0.6}, {"brightness": -1},
                                     {"crop_area": (0.5, 0.2)}, {"crop_area": (0, 1)},
                                     {"crop_area": 0.5}, {"crop_area": (0.2, 0.5, 1)},
                                     {"crop_aspect": (0, 1)}, {"blur_sigma": (0, 1)},
                                     {"blur_sigma": (1, "2")}, {"solarize_threshold": 2},
                                     {"blur": True}])
def test_a_bad_option_is_one_line(options):
    with pytest.raises(ValueError, match=f"^{next(iter(options))}: expected .*, got [^\n]*$"):
        Augmentation(**options)


def bad_row(**columns):
    params = identity_params(2, 4, 5)
    for name, value in columns.items():
        params[1, COLUMNS.index(name)] = value
    return {"params": params}


IMAGES, PARAMS = np.zeros((3, 4, 5, 3), np.uint8), identity_params(2, 4, 5)
BAD = {"images": [IMAGES.astype(float), IMAGES[..., :1], IMAGES[0], [[1]], IMAGES[:, :, ::2],
                  IMAGES[:, :0]],
       "indices": [np.array(indices) for indices in ([0, 3], [-1, 0], [0.0, 1.0], [[0, 1]],
                                                     [True, False])],
       "params": [identity_params(3, 4, 5), PARAMS[:, :-1], PARAMS.astype(np.float64)],
       "size": [0, -3, 2.0, None]}
BAD_COLUMNS = [("crop_y", np.nan), ("crop_x", -1), ("crop_h", 0), ("crop_w", 6), ("crop_y", 2),
               ("crop_x", np.inf), ("order", 24), ("order", -1), ("brightness", -0.5),
               ("contrast", np.inf), ("hue", 2), ("sigma", np.nan), ("gray", 2), ("solarize", -1)]


@pytest.mark.parametrize("name", BAD)
def test_a_bad_argument_is_one_line(name):
    good = {"images": IMAGES, "indices": np.array([0, 2]), "params": PARAMS, "size": 4}
    assert augment(**good).shape == (2, 4, 4, 3)
    for bad in BAD[name]:
        with pytest.raises(ValueError, match=f"^augment: {name}: expected .*, got [^\n]*$"):
            augment(**{**good, name: bad})


@pytest.mark.parametrize(("column", "value"), BAD_COLUMNS)
def test_a_bad_row_of_params_is_one_line(column, value):
    params = identity_params(2, 4, 5)
    params[1, COLUMNS.index(column)] = value
    with pytest.raises(ValueError, match="^augment: params: expected .*, got [^\n]*$"):
        augment(IMAGES, np.array([0, 2]), params, 4)


@pytest.mark.parametrize(("name", "bad"), [
    ("augmentations", "simclr"), ("augmentations", (PRESETS["simclr"],) * 3), ("rng", 0),
    ("images", IMAGES[..., 0]), ("indices", 3), ("indices", np.array([7])), ("size", 0)])
def test_two_views_checks_its_arguments(name, bad):
    good = {"images": np.zeros((3, 4, 4, 3), np.uint8), "indices": np.array([0]),
            "augmentations": PRESETS["simclr"], "rng": np.random.default_rng(0)}
    with pytest.raises(ValueError, match=f"{name}: expected .*, got [^\n]*$"):
        two_views(**{**good, name: bad})
