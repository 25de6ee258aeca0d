"""Lesson 07: a resized crop, flips within a piece of a batch, an epoch of views from one seed."""
from collections.abc import Iterator

import numpy as np

from tinynnclr.datasets.views import PRESETS, Augmentation, two_views

from ..check import exercise

CROPS = PRESETS["crop-only"]


def crop_resize(image: np.ndarray, box: tuple[float, float, float, float], size: int) -> np.ndarray:
    """The box (y, x, height, width) of image (h, w, 3), resized bilinearly: (size, size, 3)."""
    lows, highs, nears = [], [], []
    for start, length, side in zip(box[:2], box[2:], image.shape[:2], strict=True):
        inside = (np.arange(size) + 0.5) * length / size - 0.5
        position = np.minimum(start + np.clip(inside, 0, max(length - 1, 0)), side - 1)
        lows.append(position.astype(int))
        highs.append(np.minimum(lows[-1] + 1, side - 1))
        nears.append(position - lows[-1])
    pixels, t = image.astype(float), nears[0][:, None, None]
    rows = pixels[lows[0]] * (1 - t) + pixels[highs[0]] * t
    t = nears[1][None, :, None]
    return rows[:, lows[1]] * (1 - t) + rows[:, highs[1]] * t


def mirror(start: int, stop: int, images: np.ndarray, flips: np.ndarray, out: np.ndarray) -> None:
    """Write images start..stop - 1 into the same rows of out, flipped left to right where flips."""
    _, height, width, channels = images.shape
    for i in range(start, stop):
        for y in range(height):
            for x in range(width):
                for c in range(channels):
                    out[i, y, x, c] = images[i, y, width - 1 - x if flips[i] else x, c]


def epoch_views(images: np.ndarray, augmentation: Augmentation, batch_size: int, seed: int,
                epoch: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """(indices, x1, x2) of each batch of an epoch: every image once, drawn from one Generator."""
    rng = np.random.default_rng((seed, epoch))
    order = rng.permutation(len(images))
    for first in range(0, len(order), batch_size):
        indices = order[first:first + batch_size]
        yield indices, *two_views(images, indices, augmentation, rng)


def _pixels(*rows):
    """Rows of whole numbers -> image (h, w, 3) uint8: green is 10 more, blue is twice as much."""
    gray = np.array(rows)
    return np.stack([gray, gray + 10, 2 * gray], axis=-1).astype(np.uint8)


@exercise("07.a", reference=crop_resize)
def _(trial):
    ramp = _pixels(*[[20 * x for x in range(4)]] * 4)
    squares = _pixels(*[[25 * ((x + 2 * y) % 5) for x in range(5)] for y in range(4)])
    cases = (
        (_pixels([7]), (0, 0, 1, 1), 1, "one pixel is all there is"),
        (_pixels([0, 40], [80, 120]), (0, 0, 2, 2), 2,
         "the whole image at its own size must come back as it is"),
        (_pixels([0, 40], [0, 40]), (0, 0, 2, 2), 4, "two pixels become four, at x = -0.25, 0.25, "
         "0.75 and 1.25; the first and last lie outside the pixel centres and are clipped to "
         "them"),
        (ramp, (0, 0, 4, 4), 2,
         "a ramp stays a ramp: the new pixels lie at x = 0.5 and 2.5, half-way between old ones"),
        (_pixels([100, 50], [50, 0]), (0, 0, 2, 2), 4, "a ramp that falls: the numbers of an image "
         "are uint8, whose differences wrap around below zero; make them float first"),
        (ramp, (1, 0, 2, 3), 3, "the box is (y, x, height, width): three columns, two rows"),
        (ramp, (0.5, 0.25, 2, 2), 2, "a box of real numbers is not rounded: x = 0.25 and 1.25"),
        (ramp, (1, 1, 2, 2), 4, "what lies outside the box must not leak in: positions stay within "
         "its first and last pixel centre"),
        (ramp, (1.5, 1.5, 2.5, 2.5), 5,
         "the last position is the last pixel itself: there is none below or to the right of it"),
        (ramp, (2.2, 1.3, 0.5, 0.5), 2,
         "a box less than a pixel high or wide: all positions are its start"),
        (squares, (2.2, 1.3, 0.9, 0.9), 4,
         "a box nearly a pixel high and wide: all positions are its start"),
        (squares, (3.6, 4.5, 0.4, 0.5), 2, "a box that starts beyond the last pixel centre: all "
         "positions are that centre, at most h - 1 and w - 1"),
        (squares[:1], (0, 0.5, 1, 3), 4, "an image of one row"),
        (squares, (0, 0, 4, 5), 3, "an image of 4 rows and 5 columns"),
        (squares, (0.3, 1.2, 3.1, 2.7), 6, "any box"))
    for image, box, size, hint in cases:
        got, expected = trial(image, box, size), crop_resize(image, box, size)
        trial.true(np.shape(got) == expected.shape, f"expected the shape {expected.shape}, got "
                   f"{np.shape(got)}", image=image[:, :, 0], box=box, size=size)
        trial.equal(got[:, :, 0], expected[:, :, 0], image=image[:, :, 0], box=box, size=size,
                    hint=f"{hint} (red alone is shown)")
        trial.equal(got, expected, image=image, box=box, size=size,
                    hint="red is right, but green or blue is not")


def _mirrored(trial, images, flips, start, stop, hint):
    """Check an answer's `out`: only rows start..stop - 1 may be written, and no image."""
    out, kept = np.full(images.shape, 99, images.dtype), images.copy()
    expected = out.copy()
    mirror(start, stop, images, flips, expected)
    trial(start, stop, images, flips, out)  # on copies: what it raises becomes a message
    trial.answer(start, stop, images, flips, out)
    trial.true(np.array_equal(images, kept), "the images were changed, and they are the data set: "
               "write into out only", images_before=kept, images_afterwards=images, flips=flips)
    written, rest = slice(start, stop), np.r_[0:start, stop:len(images)]
    trial.true((out[rest] == 99).all(), f"rows {start} to {stop - 1} are yours, and another row "
               "of out was written: it belongs to another thread", start=start, stop=stop,
               out=out[:, 0, 0, 0])
    before, after = (np.sort(a[written], axis=None) for a in (images, out))
    trial.true(np.array_equal(before, after),
               f"a mirror loses no pixel and makes none: out has other numbers than images. {hint}",
               images=images[written], flips=flips[written], out=out[written])
    trial.equal(out, expected, hint=hint, images=images, flips=flips, start=start, stop=stop)


@exercise("07.b", reference=mirror)
def _(trial):
    pair, yes, no = _pixels([1, 2])[None], np.array([True]), np.array([False])
    cases = (
        (pair, no, 0, 1, "not flipped: the image as it is"),
        (pair, yes, 0, 1,
         "two pixels change places; red, green and blue of a pixel stay in their order"),
        (_pixels([1, 2, 3], [4, 5, 6])[None], yes, 0, 1, "each row is read backwards, and the rows "
         "stay where they are; of three columns the middle one stays"),
        (np.stack([pair[0], pair[0] + 5]), np.array([True, False]), 0, 2,
         "each image has its own flip"),
        (np.stack([pair[0], pair[0] + 5, pair[0] + 9]), np.array([False, True, True]), 1, 2,
         "one piece of three images: image i goes to row i of out"),
        (np.stack([pair[0], pair[0] + 5, pair[0] + 9]), np.array([True, True, True]), 2, 2,
         "an empty piece: nothing to write"))
    for images, flips, start, stop, hint in cases:
        _mirrored(trial, images, flips, start, stop, hint)
    rng = np.random.default_rng(7)
    images, flips = rng.integers(0, 90, (7, 4, 5, 3), np.uint8), rng.random(7) < 0.5
    for start, stop in ((5, 7), (0, 2), (2, 5)):
        _mirrored(trial, images, flips, start, stop, "seven images in three pieces, in any order")


def _epoch(trial, images, batch_size, seed, epoch):
    """The batches of an answer, each (indices, x1, x2), and the three of them over the whole epoch.
    """
    batches = trial(images, CROPS, batch_size, seed, epoch)
    try:
        batches = [(np.asarray(i), np.asarray(a), np.asarray(b)) for i, a, b in batches]
    except NotImplementedError:
        raise
    except Exception as error:
        trial.fail(f"expected batches of three arrays, (indices, x1, x2); {type(error).__name__}: "
                   f"{error}", images=images, batch_size=batch_size)
    if not batches:
        trial.fail("not one batch came out", images=images, batch_size=batch_size, seed=seed,
                   epoch=epoch)
    arrays = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    return [len(i) for i, _, _ in batches], *arrays


def _same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


@exercise("07.c", reference=epoch_views)
def _(trial):
    # image i has colour 10 i
    plain = np.repeat(np.arange(0, 250, 10, dtype=np.uint8), 4 * 4 * 3).reshape(25, 4, 4, 3)
    for n, batch_size in ((1, 1), (2, 1), (3, 8), (5, 2), (25, 8)):
        lengths, indices, x1, x2 = _epoch(trial, plain[:n], batch_size, 0, 0)
        wanted = [min(batch_size, n - first) for first in range(0, n, batch_size)]
        trial.equal(lengths, wanted, n=n, batch_size=batch_size,
                    hint="lengths of the batches: the last one holds what is left")
        trial.equal(np.sort(indices), np.arange(n), n=n, batch_size=batch_size, indices=indices,
                    hint="every image once in an epoch: a permutation")
        for name, x in (("x1", x1), ("x2", x2)):
            trial.equal(x, plain[indices] / 255, atol=1e-5, n=n, indices=indices,
                        hint=f"{name}[k] must be a view of image indices[k]")
    images = np.random.default_rng(7).integers(0, 256, (25, 6, 6, 3), np.uint8)
    _, indices, x1, x2 = first = _epoch(trial, images, 8, 0, 0)
    trial.true(not any(np.array_equal(a, b) for a, b in zip(x1, x2, strict=True)),
               "x1 and x2 are the same pixels: each view needs its own draws, all from one "
               "Generator", x1=x1[0, 0], x2=x2[0, 0])
    for name, x in (("x1", x1), ("x2", x2)):
        trial.true(not any(np.allclose(a, b, atol=1e-5) for a,
                           b in zip(x, images[indices] / 255, strict=True)),
                   f"{name} is the picture itself: both must be random views",
                   picture=images[indices[0], 0, 0] / 255, view=x[0, 0, 0])
    trial.true(not np.array_equal(indices, np.arange(25)),
               "the order of the images is not shuffled", indices=indices)
    trial.true(_same(first, _epoch(trial, images, 8, 0, 0)), "two runs with the same seed and "
               "epoch differ: every draw must come from a Generator made from both", seed=0,
               epoch=0)
    _, _, a, b = _epoch(trial, np.repeat(images[:1], 8, axis=0), 4, 0, 0)
    trial.true(len(np.unique(np.concatenate([a, b]).reshape(16, -1), axis=0)) == 16,
               "eight copies of one picture in two batches gave the same view twice: is the "
               "Generator made anew for each batch, or each view?")
    for seed, epoch, what in ((1, 0, "another seed"), (0, 1, "another epoch")):
        trial.true(not _same(first[1:2], _epoch(trial, images, 8, seed, epoch)[1:2]),
                   f"{what} gave the same order", seed=seed, epoch=epoch)
        _, _, again, _ = _epoch(trial, images[:1], 1, seed, epoch)
        trial.true(not np.array_equal(again, _epoch(trial, images[:1], 1, 0, 0)[2]),
                   f"{what} gave the same view", seed=seed, epoch=epoch)
    _global_generator(trial, images)


def _global_generator(trial, images):
    """Seed and epoch are not added, and NumPy's global generator is not used."""
    trial.true(not _same(_epoch(trial, images, 8, 0, 1), _epoch(trial, images, 8, 1, 0)),
               "epoch 1 of seed 0 is epoch 0 of seed 1: added up, two seeds share all epochs but "
               "one; default_rng((seed, epoch)) keeps them apart")
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    _epoch(trial, images[:2], 2, 0, 0)
    after = np.random.get_state()[1]  # noqa: NPY002
    trial.true(np.array_equal(before, after), "NumPy's global generator was used, which all code "
               "shares: use your own Generator")
