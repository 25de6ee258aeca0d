"""Drawn digits: balanced, reproducible, visible, and readable (their holes are counted)."""
import numpy as np
import pytest

from tinynnclr.datasets import digits

HOLES = (1, 0, 0, 0, 1, 0, 1, 0, 2, 1)


def regions(free):
    """The number of regions of a boolean image, connected by edges, of more than 8 pixels."""
    left, count = {(int(y), int(x)) for y, x in np.argwhere(free)}, 0
    while left:
        reached, size = [left.pop()], 0
        while reached:
            y, x = reached.pop()
            size += 1
            near = left & {(y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)}
            left -= near
            reached += near
        count += size > 8
    return count


def test_every_digit_has_its_holes(monkeypatch):
    for name, value in (("NOISE", (0, 0)), ("WEIGHT", (0.05, 0.05)), ("SCALE", (0.7, 0.8)),
                        ("STRAY", 0)):
        monkeypatch.setattr(digits, name, value)
    drawn = digits.make(50, size=64)
    for image, label in zip(drawn.images.astype(int), drawn.labels, strict=True):
        away = np.abs(image - image[0, 0]).sum(axis=-1)  # from the ground's colour
        assert regions(away < away.max() / 2) - 1 == HOLES[label], label


def test_ink_is_seen_in_every_channel(monkeypatch):
    monkeypatch.setattr(digits, "NOISE", (0, 0))
    images = digits.make(100).images.reshape(100, -1, 3).astype(int)
    assert (images.max(axis=1) - images.min(axis=1) >= 0.33 * 255).all()


def test_tens_hold_all_digits_and_a_shorter_run_is_a_prefix():
    long = digits.make(250, seed=3)
    assert long.images.shape == (250, 32, 32, 3)
    assert (np.sort(long.labels.reshape(-1, 10), axis=1) == np.arange(10)).all()
    short = digits.make(123, seed=3)
    assert np.array_equal(short.images, long.images[:123])
    assert np.array_equal(short.labels, long.labels[:123])
    assert len(digits.make(0)) == 0


def test_seed_and_split_change_the_pictures():
    train, test = digits.load(30, 20, seed=3)
    assert (len(train), len(test)) == (30, 20)
    for other in (test, digits.make(20, seed=4)):
        assert not any((image == train.images).all((1, 2, 3)).any() for image in other.images)


@pytest.mark.parametrize(("options", "message"), [
    ({"n": -1}, "n: expected at least 0, got -1"),
    ({"n": 1, "seed": -2}, "seed: expected at least 0, got -2"),
    ({"n": 1, "size": 7}, "size: expected at least 8, got 7"),
    ({"n": 1, "split": "val"}, "split: expected train or test, got 'val'")])
def test_mistakes(options, message):
    with pytest.raises(ValueError, match=message):
        digits.make(**options)
