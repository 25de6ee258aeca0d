# %% [markdown]
# # 07 · Solutions

# %%
import numpy as np

from tinynnclr.datasets import views

# %% tags=["exercise:07.a"]
def crop_resize(image, box, size):
    y, x, height, width = box
    h, w, _ = image.shape
    image = image.astype(float)
    out = np.empty((size, size, 3))
    for i in range(size):
        v = min(y + min(max((i + 0.5) * height / size - 0.5, 0), max(height - 1, 0)), h - 1)
        top = int(v)
        bottom = min(top + 1, h - 1)
        for j in range(size):
            u = min(x + min(max((j + 0.5) * width / size - 0.5, 0), max(width - 1, 0)), w - 1)
            left = int(u)
            right = min(left + 1, w - 1)
            upper = image[top, left] * (1 - u + left) + image[top, right] * (u - left)
            lower = image[bottom, left] * (1 - u + left) + image[bottom, right] * (u - left)
            out[i, j] = upper * (1 - v + top) + lower * (v - top)
    return out

# %% tags=["exercise:07.b"]
def mirror(start, stop, images, flips, out):
    _, height, width, _ = images.shape
    for i in range(start, stop):
        for y in range(height):
            for x in range(width):
                from_x = width - 1 - x if flips[i] else x
                for c in range(3):
                    out[i, y, x, c] = images[i, y, from_x, c]

# %% tags=["exercise:07.c"]
def epoch_views(images, augmentation, batch_size, seed, epoch):
    rng = np.random.default_rng((seed, epoch))
    order = rng.permutation(len(images))
    for first in range(0, len(images), batch_size):
        indices = order[first:first + batch_size]
        x1, x2 = views.two_views(images, indices, augmentation, rng)
        yield indices, x1, x2
