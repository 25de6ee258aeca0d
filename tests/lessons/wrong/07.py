# %% [markdown]
# # 07 · Plausible ways to get it wrong

# %%
import numpy as np

from tinynnclr.datasets import views

# %% tags=["exercise:07.a"]
# diagnosis: the nearest pixel, not a mixture of four: a ramp becomes a staircase
def crop_resize(image, box, size):
    y, x, height, width = box
    rows = np.clip(y + (np.arange(size) + 0.5) * height / size - 0.5, y, y + max(height - 1, 0)).round().astype(int)
    columns = np.clip(x + (np.arange(size) + 0.5) * width / size - 0.5, x, x + max(width - 1, 0)).round().astype(int)
    return image[np.minimum(rows, len(image) - 1)][:, np.minimum(columns, image.shape[1] - 1)].astype(float)

# %% tags=["exercise:07.a"]
# diagnosis: corners laid on corners: first pixel on first, last on last; the step is (length - 1) / (size - 1)
def crop_resize(image, box, size):
    y, x, height, width = box
    image = image.astype(float)
    rows = [np.interp(np.linspace(y, y + max(height - 1, 0), size), np.arange(len(image)), column)
            for column in image.transpose(1, 2, 0).reshape(-1, len(image))]
    tall = np.array(rows).reshape(image.shape[1], 3, size)
    at = np.linspace(x, x + max(width - 1, 0), size)
    return np.array([[np.interp(at, np.arange(image.shape[1]), tall[:, c, i]) for c in range(3)]
                     for i in range(size)]).transpose(0, 2, 1)

# %% tags=["exercise:07.a"]
# diagnosis: pixels taken to sit at their corners: without the two halves, all is shifted by up to half a pixel
def crop_resize(image, box, size):
    image = image.astype(float)
    low, high, near = [], [], []
    for start, length, side in zip(box[:2], box[2:], image.shape[:2], strict=True):
        at = np.minimum(start + np.minimum(np.arange(size) * length / size, max(length - 1, 0)), side - 1)
        low.append(at.astype(int))
        high.append(np.minimum(low[-1] + 1, side - 1))
        near.append(at - low[-1])
    t = near[0][:, None, None]
    rows = image[low[0]] * (1 - t) + image[high[0]] * t
    t = near[1][None, :, None]
    return rows[:, low[1]] * (1 - t) + rows[:, high[1]] * t

# %% tags=["exercise:07.a"]
# diagnosis: differences of uint8 numbers: below zero they wrap around to 255 and less
def crop_resize(image, box, size):
    low, high, near = [], [], []
    for start, length, side in zip(box[:2], box[2:], image.shape[:2], strict=True):
        inside = np.clip((np.arange(size) + 0.5) * length / size - 0.5, 0, max(length - 1, 0))
        at = np.minimum(start + inside, side - 1)
        low.append(at.astype(int))
        high.append(np.minimum(low[-1] + 1, side - 1))
        near.append(at - low[-1])
    upper, lower, t = image[low[0]], image[high[0]], near[0][:, None, None]
    rows = upper + (lower - upper) * t
    left, right, t = rows[:, low[1]], rows[:, high[1]], near[1][None, :, None]
    return left + (right - left) * t

# %% tags=["exercise:07.a"]
# diagnosis: the box is rounded to whole pixels, cut out, then stretched
def crop_resize(image, box, size):
    y, x, height, width = (round(v) for v in box)
    cut = image[y:y + max(height, 1), x:x + max(width, 1)].astype(float)
    for _ in range(2):
        side = len(cut)
        at = np.clip((np.arange(size) + 0.5) * side / size - 0.5, 0, side - 1)
        low = at.astype(int)
        t = (at - low)[:, None, None]
        cut = (cut[low] * (1 - t) + cut[np.minimum(low + 1, side - 1)] * t).swapaxes(0, 1)
    return cut

# %% tags=["exercise:07.a"]
# diagnosis: positions are kept inside the image, but not inside the box: neighbours of the box leak in
def crop_resize(image, box, size):
    image = image.astype(float)
    for start, length in zip(box[:2], box[2:], strict=True):
        side = len(image)
        at = np.clip(start + (np.arange(size) + 0.5) * length / size - 0.5, 0, side - 1)
        low = at.astype(int)
        t = (at - low)[:, None, None]
        image = (image[low] * (1 - t) + image[np.minimum(low + 1, side - 1)] * t).swapaxes(0, 1)
    return image

# %% tags=["exercise:07.a"]
# diagnosis: the box read as (x, y, width, height)
def crop_resize(image, box, size):
    image = image.astype(float)
    for start, length in ((box[1], box[3]), (box[0], box[2])):
        side = len(image)
        at = np.minimum(start + np.clip((np.arange(size) + 0.5) * length / size - 0.5, 0, max(length - 1, 0)), side - 1)
        low = at.astype(int)
        t = (at - low)[:, None, None]
        image = (image[low] * (1 - t) + image[np.minimum(low + 1, side - 1)] * t).swapaxes(0, 1)
    return image

# %% tags=["exercise:07.b"]
# diagnosis: upside down: the rows are exchanged, not the columns
def mirror(start, stop, images, flips, out):
    for i in range(start, stop):
        out[i] = images[i, ::-1] if flips[i] else images[i]

# %% tags=["exercise:07.b"]
# diagnosis: the last axis is reversed, and that is red, green, blue
def mirror(start, stop, images, flips, out):
    for i in range(start, stop):
        out[i] = images[i, :, :, ::-1] if flips[i] else images[i]

# %% tags=["exercise:07.b"]
# diagnosis: right values, but all of them, whatever the piece: every thread does everybody's work
def mirror(start, stop, images, flips, out):
    for i in range(len(images)):
        out[i] = images[i, :, ::-1] if flips[i] else images[i]

# %% tags=["exercise:07.b"]
# diagnosis: right values, but turned in the data set itself: at the next epoch they are turned back
def mirror(start, stop, images, flips, out):
    for i in range(start, stop):
        if flips[i]:
            images[i] = images[i, :, ::-1].copy()
        out[i] = images[i]

# %% tags=["exercise:07.b"]
# diagnosis: out is taken to begin with the piece: image i goes to row i - start
def mirror(start, stop, images, flips, out):
    for i in range(start, stop):
        out[i - start] = images[i, :, ::-1] if flips[i] else images[i]

# %% tags=["exercise:07.b"]
# diagnosis: copied first, then turned in place: the right half reads what the left half has overwritten
def mirror(start, stop, images, flips, out):
    width = images.shape[2]
    for i in range(start, stop):
        out[i] = images[i]
        if flips[i]:
            for x in range(width):
                out[i, :, x] = out[i, :, width - 1 - x]

# %% tags=["exercise:07.b"]
# diagnosis: exchanged in pairs over the whole width: each pair twice, so nothing has changed
def mirror(start, stop, images, flips, out):
    width = images.shape[2]
    for i in range(start, stop):
        out[i] = images[i]
        if flips[i]:
            for x in range(width):
                out[i, :, [x, width - 1 - x]] = out[i, :, [width - 1 - x, x]]

# %% tags=["exercise:07.b"]
# diagnosis: one flip for the whole piece
def mirror(start, stop, images, flips, out):
    if start < stop:
        out[start:stop] = images[start:stop, :, ::-1] if flips[start] else images[start:stop]

# %% tags=["exercise:07.c"]
# diagnosis: each view has a Generator of its own, made of the same seed: two views, one picture
def epoch_views(images, augmentation, batch_size, seed, epoch):
    order = np.random.default_rng((seed, epoch)).permutation(len(images))
    first, second = np.random.default_rng((seed, epoch)), np.random.default_rng((seed, epoch))
    for i in range(0, len(images), batch_size):
        indices = order[i:i + batch_size]
        x1, _ = views.two_views(images, indices, augmentation, first)
        x2, _ = views.two_views(images, indices, augmentation, second)
        yield indices, x1, x2

# %% tags=["exercise:07.c"]
# diagnosis: no seed: a run that cannot be repeated
def epoch_views(images, augmentation, batch_size, seed, epoch):
    rng = np.random.default_rng()
    order = rng.permutation(len(images))
    for i in range(0, len(images), batch_size):
        yield order[i:i + batch_size], *views.two_views(images, order[i:i + batch_size], augmentation, rng)

# %% tags=["exercise:07.c"]
# diagnosis: the epoch is forgotten: a picture has two views for life
def epoch_views(images, augmentation, batch_size, seed, epoch):
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(images))
    for i in range(0, len(images), batch_size):
        yield order[i:i + batch_size], *views.two_views(images, order[i:i + batch_size], augmentation, rng)

# %% tags=["exercise:07.c"]
# diagnosis: seed + epoch: seed 1 repeats seed 0, one epoch later, and is no second seed
def epoch_views(images, augmentation, batch_size, seed, epoch):
    rng = np.random.default_rng(seed + epoch)
    order = rng.permutation(len(images))
    for i in range(0, len(images), batch_size):
        yield order[i:i + batch_size], *views.two_views(images, order[i:i + batch_size], augmentation, rng)

# %% tags=["exercise:07.c"]
# diagnosis: the Generator is made anew in each batch: all batches are cut at the same places
def epoch_views(images, augmentation, batch_size, seed, epoch):
    order = np.random.default_rng((seed, epoch)).permutation(len(images))
    for i in range(0, len(images), batch_size):
        rng = np.random.default_rng((seed, epoch))
        yield order[i:i + batch_size], *views.two_views(images, order[i:i + batch_size], augmentation, rng)

# %% tags=["exercise:07.c"]
# diagnosis: the first "view" is the picture itself: only the second has been moved
def epoch_views(images, augmentation, batch_size, seed, epoch):
    rng = np.random.default_rng((seed, epoch))
    order = rng.permutation(len(images))
    for i in range(0, len(images), batch_size):
        indices = order[i:i + batch_size]
        yield indices, *views.two_views(images, indices, (views.PRESETS["none"], augmentation), rng)

# %% tags=["exercise:07.c"]
# diagnosis: drawn with replacement: some pictures come twice, and others never
def epoch_views(images, augmentation, batch_size, seed, epoch):
    rng = np.random.default_rng((seed, epoch))
    for i in range(0, len(images), batch_size):
        indices = rng.integers(0, len(images), min(batch_size, len(images) - i))
        yield indices, *views.two_views(images, indices, augmentation, rng)

# %% tags=["exercise:07.c"]
# diagnosis: right views, but the order is shuffled with NumPy's global generator, which is everybody's
def epoch_views(images, augmentation, batch_size, seed, epoch):
    np.random.seed(1000 * seed + epoch)  # noqa: NPY002
    order = np.random.permutation(len(images))  # noqa: NPY002
    rng = np.random.default_rng((seed, epoch))
    for i in range(0, len(images), batch_size):
        yield order[i:i + batch_size], *views.two_views(images, order[i:i + batch_size], augmentation, rng)

# %% tags=["exercise:07.c"]
# diagnosis: the last, shorter batch is dropped
def epoch_views(images, augmentation, batch_size, seed, epoch):
    rng = np.random.default_rng((seed, epoch))
    order = rng.permutation(len(images))
    for i in range(0, len(images) - batch_size + 1, batch_size):
        yield order[i:i + batch_size], *views.two_views(images, order[i:i + batch_size], augmentation, rng)


# %% tags=["exercise:07.a"]
# diagnosis: rows stay in the image, positions do not: beyond the last centre it goes on in a straight line
def crop_resize(image, box, size):
    image = image.astype(float)
    y, x, height, width = box
    inside = np.arange(size) + 0.5
    v = y + np.clip(inside * height / size - 0.5, 0, max(height - 1, 0))
    u = x + np.clip(inside * width / size - 0.5, 0, max(width - 1, 0))
    top, left = np.minimum(v.astype(int), max(len(image) - 2, 0)), np.minimum(u.astype(int), image.shape[1] - 2)
    bottom, s, t = np.minimum(top + 1, len(image) - 1), (v - top)[:, None, None], (u - left)[:, None]
    upper = image[top][:, left] * (1 - t) + image[top][:, left + 1] * t
    lower = image[bottom][:, left] * (1 - t) + image[bottom][:, left + 1] * t
    return upper * (1 - s) + lower * s


# %% tags=["exercise:07.a"]
# diagnosis: a box shorter than a pixel is sampled beyond its start
def crop_resize(image, box, size):
    y, x, height, width = box
    h, w, _ = image.shape
    image = image.astype(float)
    out = np.empty((size, size, 3))
    for i in range(size):
        v = min(y + min(max((i + 0.5) * height / size - 0.5, 0), max(height - 1, 1)), h - 1)
        top = int(v)
        bottom = min(top + 1, h - 1)
        for j in range(size):
            u = min(x + min(max((j + 0.5) * width / size - 0.5, 0), max(width - 1, 1)), w - 1)
            left = int(u)
            right = min(left + 1, w - 1)
            upper = image[top, left] * (1 - u + left) + image[top, right] * (u - left)
            lower = image[bottom, left] * (1 - u + left) + image[bottom, right] * (u - left)
            out[i, j] = upper * (1 - v + top) + lower * (v - top)
    return out
