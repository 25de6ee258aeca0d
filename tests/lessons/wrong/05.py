# %%
import numpy as np

# %% tags=["exercise:05.a"]
# diagnosis: a tap beyond the right edge is taken for the first pixel of the next row: only the number is looked at
def pixel_ids(h, w, kh, kw, stride, padding):
    ho, wo = (h + 2 * padding - kh) // stride + 1, (w + 2 * padding - kw) // stride + 1
    i, j, r, s = np.ogrid[:ho, :wo, :kh, :kw]
    number = (i * stride + r - padding) * w + j * stride + s - padding
    return np.where((number >= 0) & (number < h * w), number, -1).reshape(ho * wo, kh * kw)

# %% tags=["exercise:05.a"]
# diagnosis: the taps are listed column by column: a transposed window, which a symmetric weight would never show
def pixel_ids(h, w, kh, kw, stride, padding):
    ho, wo = (h + 2 * padding - kh) // stride + 1, (w + 2 * padding - kw) // stride + 1
    i, j, s, r = np.ogrid[:ho, :wo, :kw, :kh]
    row, column = i * stride + r - padding, j * stride + s - padding
    inside = (0 <= row) & (row < h) & (0 <= column) & (column < w)
    return np.where(inside, row * w + column, -1).reshape(ho * wo, kh * kw)

# %% tags=["exercise:05.a"]
# diagnosis: one window too few in each direction: the + 1 is missing
def pixel_ids(h, w, kh, kw, stride, padding):
    ho, wo = (h + 2 * padding - kh) // stride, (w + 2 * padding - kw) // stride
    i, j, r, s = np.ogrid[:ho, :wo, :kh, :kw]
    row, column = i * stride + r - padding, j * stride + s - padding
    inside = (0 <= row) & (row < h) & (0 <= column) & (column < w)
    return np.where(inside, row * w + column, -1).reshape(ho * wo, kh * kw)

# %% tags=["exercise:05.a"]
# diagnosis: the window is turned around: true convolution, where the package cross-correlates
def pixel_ids(h, w, kh, kw, stride, padding):
    ho, wo = (h + 2 * padding - kh) // stride + 1, (w + 2 * padding - kw) // stride + 1
    i, j, r, s = np.ogrid[:ho, :wo, :kh, :kw]
    row, column = i * stride + kh - 1 - r - padding, j * stride + kw - 1 - s - padding
    inside = (0 <= row) & (row < h) & (0 <= column) & (column < w)
    return np.where(inside, row * w + column, -1).reshape(ho * wo, kh * kw)

# %% tags=["exercise:05.a"]
# diagnosis: the stride multiplies the taps and the padding too, so the window is spread out instead of moved on
def pixel_ids(h, w, kh, kw, stride, padding):
    ho, wo = (h + 2 * padding - kh) // stride + 1, (w + 2 * padding - kw) // stride + 1
    i, j, r, s = np.ogrid[:ho, :wo, :kh, :kw]
    row, column = (i + r - padding) * stride, (j + s - padding) * stride
    inside = (0 <= row) & (row < h) & (0 <= column) & (column < w)
    return np.where(inside, row * w + column, -1).reshape(ho * wo, kh * kw)

# %% tags=["exercise:05.a"]
# diagnosis: pixels are numbered with the height: row * h + column, which is right for every square image
def pixel_ids(h, w, kh, kw, stride, padding):
    ho, wo = (h + 2 * padding - kh) // stride + 1, (w + 2 * padding - kw) // stride + 1
    i, j, r, s = np.ogrid[:ho, :wo, :kh, :kw]
    row, column = i * stride + r - padding, j * stride + s - padding
    inside = (0 <= row) & (row < h) & (0 <= column) & (column < w)
    return np.where(inside, row * h + column, -1).reshape(ho * wo, kh * kw)

# %% tags=["exercise:05.b"]
# diagnosis: `+=` with an array of indices reads all, adds, writes all: of a pixel's nine gradients the last one stays
def col2im(patches, ids, pixels):
    n, (places, taps) = len(patches), ids.shape
    out = np.zeros((n, pixels + 1, patches.shape[2] // taps))
    out[:, ids] += patches.reshape(n, places, taps, -1)
    return out[:, :-1]

# %% tags=["exercise:05.b"]
# diagnosis: the border's -1 means the last pixel, which gets all the gradients of the border as well
def col2im(patches, ids, pixels):
    n, (places, taps) = len(patches), ids.shape
    out = np.zeros((n, pixels, patches.shape[2] // taps))
    np.add.at(out, (slice(None), ids), patches.reshape(n, places, taps, -1))
    return out

# %% tags=["exercise:05.b"]
# diagnosis: channels taken for the outer axis of a row of patches: right for grey images only
def col2im(patches, ids, pixels):
    n, (places, taps) = len(patches), ids.shape
    out = np.zeros((n, pixels + 1, patches.shape[2] // taps))
    np.add.at(out, (slice(None), ids), patches.reshape(n, places, -1, taps).transpose(0, 1, 3, 2))
    return out[:, :-1]

# %% tags=["exercise:05.b"]
# diagnosis: the mean of a pixel's gradients instead of their sum: it undoes im2col, which is another question
def col2im(patches, ids, pixels):
    n, (places, taps) = len(patches), ids.shape
    out = np.zeros((n, pixels + 1, patches.shape[2] // taps))
    np.add.at(out, (slice(None), ids), patches.reshape(n, places, taps, -1))
    times = np.bincount(ids.ravel() % (pixels + 1), minlength=pixels + 1)
    return (out / np.maximum(times, 1)[:, None])[:, :-1]

# %% tags=["exercise:05.b"]
# diagnosis: right values, wrong method: a matrix of pixels by places, nearly all of it zeros
def col2im(patches, ids, pixels):
    n, (places, taps) = len(patches), ids.shape
    belongs = (ids.ravel() == np.arange(pixels)[:, None]).astype(float)
    return belongs @ patches.reshape(n, places * taps, -1)

# %% tags=["exercise:05.c"]
# diagnosis: the weight is not turned around: it passes every test with a blur
def grad_input(g, weight, padding, convolve):
    return convolve(g, weight.transpose(0, 1, 3, 2), 1, len(weight) - 1 - padding)

# %% tags=["exercise:05.c"]
# diagnosis: the window is transposed, not turned: rows for columns, and the same way round
def grad_input(g, weight, padding, convolve):
    return convolve(g, weight.transpose(1, 0, 3, 2), 1, len(weight) - 1 - padding)

# %% tags=["exercise:05.c"]
# diagnosis: turned from left to right only: rows are still in the order of the forward pass
def grad_input(g, weight, padding, convolve):
    return convolve(g, weight[:, ::-1].transpose(0, 1, 3, 2), 1, len(weight) - 1 - padding)

# %% tags=["exercise:05.c"]
# diagnosis: the channels are turned along with the window: [::-1] once too often, unseen with a single channel
def grad_input(g, weight, padding, convolve):
    return convolve(g, weight[::-1, ::-1, ::-1].transpose(0, 1, 3, 2), 1, len(weight) - 1 - padding)

# %% tags=["exercise:05.c"]
# diagnosis: the padding of the forward pass: right for a 3 x 3 window with padding 1, where both are 1
def grad_input(g, weight, padding, convolve):
    return convolve(g, weight[::-1, ::-1].transpose(0, 1, 3, 2), 1, padding)

# %% tags=["exercise:05.c"]
# diagnosis: channels in and out are not swapped: with as many of one as of the other nobody complains
def grad_input(g, weight, padding, convolve):
    turned = weight[::-1, ::-1]
    if weight.shape[2] != weight.shape[3]:
        turned = turned.transpose(0, 1, 3, 2)
    return convolve(g, turned, 1, len(weight) - 1 - padding)

# %% tags=["exercise:05.c"]
# diagnosis: right values, wrong method: gradients of all patches, nine times the image, then added up tap by tap
def grad_input(g, weight, padding, convolve):
    n, ho, wo, _ = g.shape
    k, _, c, _ = weight.shape
    patches = np.einsum("nijf,rscf->nijrsc", g, weight)
    padded = np.zeros((n, ho + k - 1, wo + k - 1, c))
    for r in range(k):
        for s in range(k):
            padded[:, r:r + ho, s:s + wo] += patches[:, :, :, r, s]
    return padded[:, padding:ho + k - 1 - padding, padding:wo + k - 1 - padding]

# %% tags=["exercise:05.c"]
# diagnosis: right values, wrong method: one image at a time, so the weight is prepared anew for each
def grad_input(g, weight, padding, convolve):
    turned = weight[::-1, ::-1].transpose(0, 1, 3, 2)
    return np.concatenate([convolve(one[None], turned, 1, len(weight) - 1 - padding) for one in g])
