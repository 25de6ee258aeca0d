"""The toybox: reproducible images with correct annotations, neither too easy nor too hard."""
import numpy as np
import pytest

from tinynnclr.datasets import toybox
from tinynnclr.datasets.toybox import parts, scene, shapes
from tinynnclr.metrics.knn import knn_accuracy

FIELDS = ("images", "labels", "kinds", "boxes", "masks", "keypoints")


@pytest.fixture(scope="module")
def toys():
    return toybox.make(3000, seed=3)


def same(a, b, fields=FIELDS):
    return all(np.array_equal(getattr(a, field), getattr(b, field)) for field in fields)


# ---------------------------------------------------------------- what comes out


def test_shapes_and_types(toys):
    n = len(toys)
    expected = {"images": (np.uint8, (n, 32, 32, 3)), "labels": (np.int64, (n,)),
                "kinds": (np.int64, (n,)), "boxes": (np.float32, (n, 4)),
                "masks": (np.uint8, (n, 32, 32)), "keypoints": (np.float32, (n, 4, 3))}
    assert {field: (getattr(toys, field).dtype.type, getattr(toys, field).shape)
            for field in FIELDS} == expected
    assert len(toybox.KEYPOINT_NAMES) == 4
    assert len(toybox.CLASS_NAMES) == len(toybox.KIND_NAMES) == 10
    assert set(toybox.STYLES) >= {"day", "night", "sketch", "fog", "neon"}


def test_classes_are_balanced_in_every_ten_and_all_kinds_occur(toys):
    assert (np.sort(toys.labels.reshape(-1, 10), axis=1) == np.arange(10)).all()
    for label, kinds in enumerate(toybox.KIND_NAMES):
        share = np.bincount(toys.kinds[toys.labels == label], minlength=len(kinds)) / 300
        assert len(share) == len(kinds)
        assert share.min() > 0.6 / len(kinds)


def test_a_shorter_run_is_a_prefix(toys):
    short = toybox.make(1234, seed=3)
    assert all(np.array_equal(getattr(short, field), getattr(toys, field)[:1234])
               for field in FIELDS)
    assert len(toybox.make(0)) == 0


def test_the_same_bytes_for_any_number_of_threads(toys, threads):
    for n in (1, 2):
        threads(n)
        assert np.array_equal(toybox.make(500, seed=3).images, toys.images[:500])


def test_seed_and_split_change_the_pictures(toys):
    for other in (toybox.make(50, seed=4), toybox.make(50, seed=3, split="test")):
        assert not any((image == toys.images[:50]).all((1, 2, 3)).any() for image in other.images)


def test_load_returns_two_data_sets():
    train, test = toybox.load(30, 20, seed=1)
    assert (len(train), len(test)) == (30, 20)
    assert train.class_names == toybox.CLASS_NAMES
    assert np.array_equal(test.images, toybox.make(20, seed=1, split="test").images)


# ---------------------------------------------------------------- what is known of the pictures


def test_boxes_are_tight_around_the_masks(toys):
    for mask, box in zip(toys.masks[:200], toys.boxes[:200], strict=True):
        ys, xs = np.nonzero(mask)
        assert box.tolist() == [xs.min(), ys.min(), xs.max(), ys.max()]


def test_masks_name_parts_and_cover_a_fair_share(toys):
    share = (toys.masks > 0).mean((1, 2))
    assert 0.15 < share.mean() < 0.4
    assert share.min() > 0.03
    shares = np.bincount(toys.masks.ravel(), minlength=len(toybox.PART_NAMES)) / toys.masks.size
    assert len(shares) == len(toybox.PART_NAMES)
    assert shares.min() > 0.01


def test_visible_keypoints_lie_on_the_thing(toys):
    x, y, visible = np.moveaxis(toys.keypoints, -1, 0)
    x0, y0, x1, y1 = toys.boxes.T[:, :, None]
    inside = (x > x0 - 2) & (x < x1 + 2) & (y > y0 - 2) & (y < y1 + 2)
    assert inside[visible > 0].all()
    assert set(np.unique(visible)) == {0, 1}
    for label in range(10):
        for kind in range(len(toybox.KIND_NAMES[label])):
            chosen = (toys.labels == label) & (toys.kinds == kind)
            assert visible[chosen].mean(0).min() > 0.6, (label, kind)


def test_things_are_hidden_now_and_then_but_never_much():
    scenes = scene.draw(np.random.default_rng(0), 1000)
    masks = [np.empty((1000, 32, 32), np.uint8) for _ in range(2)]
    for mask in masks:
        toybox.paint(scenes, "day", np.empty((1000, 32, 32, 3), np.uint8), mask)
        scenes.parts[:, -scene.COVER_ROWS:, shapes.KIND] = shapes.NOTHING
    hidden = 1 - (masks[0] > 0).sum((1, 2)) / (masks[1] > 0).sum((1, 2))
    touched = hidden > 0.02
    assert 0.5 * scene.COVER_CHANCE < touched.mean() < scene.COVER_CHANCE + 0.05
    assert 0.1 < hidden[touched].mean() < 0.25
    assert hidden.max() < 0.5


@pytest.mark.parametrize("style", [style for style in toybox.STYLES if style != "day"])
def test_a_style_changes_colours_only(style, toys):
    other = toybox.make(300, seed=3, style=style)
    day = toybox.make(300, seed=3)
    assert same(other, day, FIELDS[1:])
    difference = np.abs(other.images.astype(int) - day.images).mean((1, 2, 3))
    assert difference.min() > 8


def test_every_size_shows_the_same_scenes(toys):
    large = toybox.make(100, seed=3, size=64)
    assert large.images.shape == (100, 64, 64, 3)
    assert same(large, toybox.make(100, seed=3), ("labels", "kinds"))
    assert np.allclose((large.keypoints[..., :2] + 0.5) / 2, toys.keypoints[:100, :, :2] + 0.5,
                       atol=1e-3)
    halved = large.images.reshape(100, 32, 2, 32, 2, 3).mean((2, 4))
    assert np.abs(halved - toys.images[:100]).mean() < 6


@pytest.mark.parametrize(("arguments", "message"), [
    ({"n": -1}, "n: expected at least 0, got -1"),
    ({"n": 1, "seed": -2}, "seed: expected at least 0, got -2"),
    ({"n": 1, "size": 7}, "size: expected at least 8, got 7"),
    ({"n": 1, "split": "val"}, "split: expected one of train, test, got 'val'"),
    ({"n": 1, "style": "rain"}, "style: expected one of day, night, sketch, fog, neon, got 'rain'"),
])
def test_errors_name_the_argument(arguments, message):
    with pytest.raises(ValueError, match="expected") as caught:
        toybox.make(**arguments)
    assert str(caught.value) == message


# ---------------------------------------------------------------- how hard it is


def flat_pixels(images):
    return images.reshape(len(images), -1).astype(np.float32)


def colour_histogram(images):
    bins = (images // 64).astype(np.int64) @ np.array([16, 4, 1])
    return np.stack([np.bincount(b.ravel(), minlength=64) for b in bins]).astype(np.float32)


def test_neither_pixels_nor_colours_give_the_class_away(toys):
    test = toybox.make(1000, seed=3, split="test")
    for features, limit in ((flat_pixels, 0.35), (colour_histogram, 0.3)):
        assert knn_accuracy(features(toys.images), toys.labels, features(test.images),
                            test.labels) <= limit


# ---------------------------------------------------------------- signed distances


def circle(centre, radius, start, stop, n=400):
    angle = np.linspace(start, stop, n, endpoint=False)
    return np.stack([centre[0] + radius * np.cos(angle), centre[1] + radius * np.sin(angle)], 1)


def edges(*corners, n=400):
    t = np.linspace(0, 1, n, endpoint=False)[:, None]
    return np.concatenate([a + t * (b - a) for a, b in zip(np.array(corners),
                                                           np.roll(corners, -1, 0), strict=True)])


def moved(points, centre, turn):
    cos, sin = np.cos(turn), np.sin(turn)
    return points @ np.array([[cos, sin], [-sin, cos]]) + centre


def outlines():
    """name: (part, densely sampled outline (n, 2), whether the distance is exact)."""
    half, at, turn = np.pi / 2, (0.1, -0.2), 0.7
    ellipse = circle((0, 0), 1, 0, 4 * half) * (0.7, 0.3)
    dome = np.concatenate([circle((0, 0), 1, 0, 2 * half) * (0.7, 0.5),
                           edges((-0.7, 0), (0.7, 0))[:400]])
    box = np.concatenate([circle((sx * 0.5, sy * 0.2), 0.1, k * half, (k + 1) * half)
                          for k, (sx, sy) in enumerate([(1, 1), (-1, 1), (-1, -1), (1, -1)])])
    box = np.concatenate([box] + [edges(box[k - 1], box[k])[:400] for k in range(0, len(box), 400)])
    bar = np.concatenate([circle((0.5, 0), 0.2, -half, half),
                          circle((-0.5, 0), 0.2, half, 3 * half),
                          edges((-0.5, 0.2), (0.5, 0.2))[:400],
                          edges((-0.5, -0.2), (0.5, -0.2))[:400]])
    # the discs of a leaf of half length 0.6 and half width 0.25
    d = (0.6**2 - 0.25**2) / (2 * 0.25)
    tip = np.arctan2(0.6, d)
    leaf = np.concatenate([circle((side * -d, 0), d + 0.25, middle - tip, middle + tip)
                           for side, middle in ((1, 0), (-1, 2 * half))])
    ends = circle((0.5, 0), 0.1, 0, 2 * half), circle((0.5, 0), 0.1, -2 * half, 0)
    arc = np.concatenate([circle((0, 0), 0.6, -1.8, 1.8), moved(ends[0], (0, 0), 1.8),
                          circle((0, 0), 0.4, -1.8, 1.8), moved(ends[1], (0, 0), -1.8)])
    sail = ((-0.5, -0.4), (-0.3, 0.5), (0.4, 0.6), (0.6, -0.5), (0.1, 0.1))  # it has a dent
    return {"ellipse": (parts.ellipse(1, 0, at, 0.7, 0.3, turn), moved(ellipse, at, turn), False),
            "disc": (parts.disc(1, 0, at, 0.5), circle(at, 0.5, 0, 4 * half), True),
            "dome": (parts.dome(1, 0, at, 0.7, 0.5, turn), moved(dome, at, turn), False),
            "box": (parts.box(1, 0, at, 0.6, 0.3, 0.1, turn), moved(box, at, turn), True),
            "bar": (parts.bar(1, 0, *moved(np.array([(-0.5, 0), (0.5, 0)]), at, turn), 0.2),
                    moved(bar, at, turn), True),
            "leaf": (parts.leaf(1, 0, *moved(np.array([(0, -0.6), (0, 0.6)]), at, turn), 0.25),
                     moved(leaf, at, turn), True),
            "arc": (parts.arc(1, 0, at, 0.5, 0.1, turn, 1.8), moved(arc, at, turn), True),
            "polygon": (parts.polygon(1, 0, *sail, corner=0.0), edges(*sail), True),
            "triangle": (parts.polygon(1, 0, *sail[:3], corner=0.0), edges(*sail[:3]), True)}


@pytest.mark.parametrize("name", outlines())
def test_signed_distances_against_a_sampled_outline(name):
    part, outline, exact = outlines()[name]
    table = np.zeros((1, 1, shapes.ROW), np.float32)
    parts.fill_table(table, [part])
    got = np.empty((40, 40), np.float32)
    for k, y in enumerate(np.linspace(-1.2, 1.2, 40, dtype=np.float32)):
        shapes.distances(got[k], 40, table[0, 0], np.float32(-1.2), y, np.float32(2.4 / 39),
                                np.float32(0))
    axis = np.linspace(-1.2, 1.2, 40)
    points = np.stack(np.meshgrid(axis, axis), -1)
    true = np.linalg.norm(points[:, :, None] - outline, axis=-1).min(-1)
    if exact:
        assert np.abs(np.abs(got) - true).max() < 5e-3
    else:  # outside never too far, and near the outline right to first order
        assert (got - true).max() < 2e-3
        assert np.abs(np.abs(got) - true)[true < 0.1].mean() < 0.01
    assert got.min() < -0.05
    assert (got[[0, -1]] > 0).all()
    # the outline lies between points of different sign
    flips = np.signbit(got[:, 1:]) != np.signbit(got[:, :-1])
    assert (np.minimum(true[:, 1:], true[:, :-1])[flips] < 2.4 / 39).all()
    assert not flips[true[:, 1:] > 0.1].any()


def test_all_points_of_a_shape_lie_within_reach_of_its_spine():
    for part, outline, _ in outlines().values():
        spine = np.array(part.geometry[: 2 * shapes.spine_points(part.kind)]).reshape(-1, 2)
        low, high = spine.min(0) - part.reach, spine.max(0) + part.reach
        assert (outline > low - 1e-6).all()
        assert (outline < high + 1e-6).all()
