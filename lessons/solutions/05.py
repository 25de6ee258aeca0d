# %%
import numpy as np

# %% tags=["exercise:05.a"]
def pixel_ids(h, w, kh, kw, stride, padding):
    ho, wo = (h + 2 * padding - kh) // stride + 1, (w + 2 * padding - kw) // stride + 1
    i, j, r, s = np.ogrid[:ho, :wo, :kh, :kw]
    row, column = i * stride + r - padding, j * stride + s - padding
    inside = (0 <= row) & (row < h) & (0 <= column) & (column < w)
    return np.where(inside, row * w + column, -1).reshape(ho * wo, kh * kw)


# %% tags=["exercise:05.b"]
def col2im(patches, ids, pixels):
    n, (places, taps) = len(patches), ids.shape
    parts = patches.reshape(n, places, taps, -1)
    out = np.zeros((n, pixels, parts.shape[3]), patches.dtype)
    for place in range(places):
        for tap in range(taps):
            if ids[place, tap] >= 0:
                out[:, ids[place, tap]] += parts[:, place, tap]
    return out


# %% tags=["exercise:05.c"]
def grad_input(g, weight, padding, convolve):
    turned = weight[::-1, ::-1]               # what lay to the left lies to the right, seen from the other end
    swapped = turned.transpose(0, 1, 3, 2)    # g has f channels, and c of them must come out
    return convolve(g, swapped, 1, len(weight) - 1 - padding)
