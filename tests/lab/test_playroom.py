"""Scenes of toys: reproducible, overlapping, with correct boxes, masks and key points."""
import numpy as np
import pytest
from one_line import fails

from tinynnclr.datasets import toybox
from tinynnclr.lab.detection import playroom

FIELDS = tuple(playroom.Playroom.__annotations__)


@pytest.fixture(scope="module")
def scenes():
    return playroom.make(300, seed=5)


def same(a, b):
    return all(np.array_equal(getattr(a, field), getattr(b, field)) for field in FIELDS)


def test_shapes_and_types(scenes):
    t = len(scenes.labels)
    expected = {"images": (np.uint8, (300, 64, 64, 3)), "scenes": (np.int64, (t,)),
                "labels": (np.int64, (t,)), "masks": (np.bool_, (t, 64, 64)),
                "boxes": (np.float32, (t, 4)), "keypoints": (np.float32, (t, 4, 3))}
    assert {field: (getattr(scenes, field).dtype.type, getattr(scenes, field).shape)
            for field in FIELDS} == expected
    assert len(scenes) == 300
    assert playroom.CLASS_NAMES == toybox.CLASS_NAMES


def test_one_to_five_things_in_each_scene_and_all_classes(scenes):
    counts = np.bincount(scenes.scenes, minlength=300)
    assert (np.diff(scenes.scenes) >= 0).all()
    assert (np.bincount(counts, minlength=6)[1:] > 15).all()
    assert counts.min() == 1
    assert counts.max() == 5
    assert (np.bincount(scenes.labels, minlength=10) > 40).all()


def test_fewer_scenes_are_a_prefix_and_blocks_do_not_repeat(scenes, threads):
    assert same(playroom.make(260, seed=5), scenes.take(np.arange(260)))
    assert not (scenes.images[:50] == scenes.images[250:]).all((1, 2, 3)).any()
    for n in (1, 2):
        threads(n)
        assert same(playroom.make(60, seed=5), scenes.take(np.arange(60)))


def test_seed_and_split_change_the_scenes(scenes):
    for other in (playroom.make(40, seed=6), playroom.make(40, seed=5, split="test")):
        assert not any((image == scenes.images).all((1, 2, 3)).any() for image in other.images)


def test_boxes_are_the_outer_edges_of_masks_of_enough_pixels(scenes):
    for mask, box in zip(scenes.masks, scenes.boxes, strict=True):
        ys, xs = np.nonzero(mask)
        assert box.tolist() == [xs.min() - 0.5, ys.min() - 0.5, xs.max() + 0.5, ys.max() + 0.5]
    assert scenes.masks.sum((1, 2)).min() >= 20  # 40 % of a toy's pixels are never a few


def test_a_pixel_belongs_to_one_thing_at_most_and_many_boxes_overlap(scenes):
    overlapping = 0
    for scene in range(300):
        rows = scenes.scenes == scene
        assert scenes.masks[rows].sum(0).max() <= 1
        low, high = scenes.boxes[rows, :2], scenes.boxes[rows, 2:]
        sides = (np.minimum(high[:, None], high) - np.maximum(low[:, None], low)).clip(0)
        overlapping += np.triu(sides.prod(-1), 1).any()
    assert overlapping > 100


def test_a_mask_is_where_the_image_differs_from_its_ground(scenes):
    """In scenes of one thing: it is darker than its ground, and without it the ground is smooth."""
    rows, columns = np.mgrid[:64, :64] / 64
    planes = np.stack([np.ones_like(rows), rows, columns], -1)
    for scene in np.flatnonzero(np.bincount(scenes.scenes) == 1)[:20]:
        mask = scenes.masks[scenes.scenes == scene][0]
        image = scenes.images[scene].astype(float).mean(-1)
        fit = np.linalg.lstsq(planes[~mask], image[~mask], rcond=None)[0]
        assert (image - planes @ fit)[mask].mean() < -5


def test_visible_keypoints_touch_their_thing_and_hidden_ones_do_not(scenes):
    ys, xs = np.mgrid[:64, :64]
    for mask, points in zip(scenes.masks[:200], scenes.keypoints[:200], strict=True):
        for x, y, visible in points:
            near = (np.abs(xs - np.rint(x)) <= 2) & (np.abs(ys - np.rint(y)) <= 2)
            inside = -0.5 < x < 63.5 and -0.5 < y < 63.5
            assert visible == (inside and (mask & near).any())
    assert 0.7 < scenes.keypoints[..., 2].mean() < 0.99


def test_take_keeps_things_with_their_images(scenes):
    some = scenes.take(np.array([7, 3]))
    assert np.array_equal(some.images, scenes.images[[7, 3]])
    for place, scene in enumerate((7, 3)):
        assert np.array_equal(some.boxes[some.scenes == place],
                              scenes.boxes[scenes.scenes == scene])
    assert np.array_equal(some.scenes, np.sort(some.scenes))


@pytest.mark.parametrize(("words", "options"), [
    (("n", "at least 1", "0"), {"n": 0}), (("seed", "at least 0", "-1"), {"n": 3, "seed": -1}),
    (("split", "train, test", "'val'"), {"n": 3, "split": "val"})])
def test_mistakes(words, options):
    with fails(ValueError, *words):
        playroom.make(**options)
