"""Scenes of toys: the same every time, in front of each other, and what is known of them is true.
"""
import numpy as np
import pytest
from one_line import fails

from tinynnclr.datasets import toybox
from tinynnclr.lab.detection import playroom
from tinynnclr.lab.plots.detection import draw_playroom

FIELDS = tuple(playroom.Playroom.__annotations__)


@pytest.fixture(scope="module")
def rooms():
    return playroom.make(300, seed=5)


def same(a, b):
    return all(np.array_equal(getattr(a, field), getattr(b, field)) for field in FIELDS)


def test_shapes_and_types(rooms):
    t = len(rooms.labels)
    expected = {"images": (np.uint8, (300, 64, 64, 3)), "scenes": (np.int64, (t,)),
                "labels": (np.int64, (t,)), "masks": (np.bool_, (t, 64, 64)),
                "boxes": (np.float32, (t, 4)), "keypoints": (np.float32, (t, 4, 3))}
    assert {field: (getattr(rooms, field).dtype.type, getattr(rooms, field).shape) for field
            in FIELDS} == expected
    assert len(rooms) == 300
    assert playroom.CLASS_NAMES == toybox.CLASS_NAMES


def test_one_to_five_things_of_every_class_in_each_scene(rooms):
    counts = np.bincount(rooms.scenes, minlength=300)
    assert (np.diff(rooms.scenes) >= 0).all()
    assert (np.bincount(counts, minlength=6)[1:] > 15).all()
    assert counts.min() == 1
    assert counts.max() == 5
    assert (np.bincount(rooms.labels, minlength=10) > 40).all()


def test_a_shorter_run_is_a_prefix_and_blocks_do_not_repeat(rooms):
    assert same(playroom.make(260, seed=5), rooms.take(np.arange(260)))
    assert not (rooms.images[:50] == rooms.images[250:]).all((1, 2, 3)).any()


def test_the_same_bytes_on_one_and_two_threads(rooms, threads):
    for n in (1, 2):
        threads(n)
        assert same(playroom.make(60, seed=5), rooms.take(np.arange(60)))


def test_seed_and_split_change_the_scenes(rooms):
    for other in (playroom.make(40, seed=6), playroom.make(40, seed=5, split="test")):
        assert not any((image == rooms.images).all((1, 2, 3)).any() for image in other.images)


def test_boxes_are_the_outer_edges_of_what_is_seen(rooms):
    for mask, box in zip(rooms.masks, rooms.boxes, strict=True):
        ys, xs = np.nonzero(mask)
        assert box.tolist() == [xs.min() - 0.5, ys.min() - 0.5, xs.max() + 0.5, ys.max() + 0.5]


def test_a_pixel_belongs_to_one_thing_at_most_and_many_boxes_overlap(rooms):
    crossing = 0
    for scene in range(300):
        own = rooms.scenes == scene
        assert rooms.masks[own].sum(0).max() <= 1
        low, high = rooms.boxes[own, :2], rooms.boxes[own, 2:]
        sides = (np.minimum(high[:, None], high) - np.maximum(low[:, None], low)).clip(0)
        crossing += np.triu(sides.prod(-1), 1).any()
    assert crossing > 100


def test_enough_of_each_thing_is_seen(rooms):
    """A thing with 40 % of a toy's pixels left is never a few pixels."""
    assert rooms.masks.sum((1, 2)).min() >= 20


def test_a_mask_is_where_the_picture_differs_from_its_ground(rooms):
    """In scenes of one thing: it is darker than its ground, and without it the ground is smooth."""
    lone = np.flatnonzero(np.bincount(rooms.scenes) == 1)[:20]
    for scene in lone:
        mask, image = rooms.masks[rooms.scenes
                                  == scene][0], rooms.images[scene].astype(float).mean(-1)
        rows, columns = np.mgrid[:64, :64] / 64
        slope = np.stack([np.ones_like(rows), rows, columns], -1)[~mask]
        fit = np.linalg.lstsq(slope, image[~mask], rcond=None)[0]
        assert (image - (fit[0] + fit[1] * rows + fit[2] * columns))[mask].mean() < -5


def test_visible_keypoints_touch_their_thing_and_hidden_ones_do_not(rooms):
    ys, xs = np.mgrid[:64, :64]
    for mask, points in zip(rooms.masks[:200], rooms.keypoints[:200], strict=True):
        for x, y, visible in points:
            near = (np.abs(xs - np.rint(x)) <= 2) & (np.abs(ys - np.rint(y)) <= 2)
            inside = -0.5 < x < 63.5 and -0.5 < y < 63.5
            assert visible == (inside and (mask & near).any())
    assert 0.7 < rooms.keypoints[..., 2].mean() < 0.99


def test_take_keeps_things_with_their_pictures(rooms):
    some = rooms.take(np.array([7, 3]))
    assert np.array_equal(some.images, rooms.images[[7, 3]])
    for place, scene in enumerate((7, 3)):
        assert np.array_equal(some.boxes[some.scenes == place], rooms.boxes[rooms.scenes == scene])
    assert np.array_equal(some.scenes, np.sort(some.scenes))


def test_mistakes():
    for words, arguments in ((("n", "at least 1", "0"), (0,)),
                             (("seed", "at least 0", "-1"), (3, -1))):
        with fails(ValueError, *words):
            playroom.make(*arguments)
    with fails(ValueError, "split", "train, test", "'val'"):
        playroom.make(3, split="val")


def test_the_picture_is_written(rooms, tmp_path):
    from PIL import Image

    path = draw_playroom(rooms, tmp_path / "playroom.png")
    assert np.asarray(Image.open(path)).std() > 20
