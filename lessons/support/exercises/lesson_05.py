"""Lesson 05: the pixels of a patch, patches added back to an image, a gradient by convolution."""
from collections.abc import Callable
from typing import Any

import numpy as np

from tinynnclr.kernels import conv2d
from tinynnclr.kernels.conv import conv2d_grad_input_naive

from ..check import Trial, exercise

# bytes for two 16 x 16 images of 4 channels; a matrix of which place is which pixel takes 4,718,592
MEMORY = 2_000_000


def pixel_ids(h: int, w: int, kh: int, kw: int, stride: int, padding: int) -> np.ndarray:
    """(ho*wo, kh*kw): the pixel row*w + column under each tap at each output, -1 in the border."""
    pixels = np.pad(np.arange(h * w).reshape(h, w), padding, constant_values=-1)
    windows = np.lib.stride_tricks.sliding_window_view(pixels, (kh, kw))[::stride, ::stride]
    return windows.reshape(-1, kh * kw)


def col2im(patches: np.ndarray, ids: np.ndarray, pixels: int) -> np.ndarray:
    """Sum patches (n, places, taps*c) into their pixels ids (places, taps): (n, pixels, c).

    An id of -1 is dropped.
    """
    n, (places, taps) = len(patches), ids.shape
    # the border's is the last, and falls off
    out = np.zeros((pixels + 1, n, patches.shape[2] // taps), patches.dtype)
    np.add.at(out, ids, patches.reshape(n, places, taps, -1).transpose(1, 2, 0, 3))
    return out[:-1].transpose(1, 0, 2)


def grad_input(g: np.ndarray, weight: np.ndarray, padding: int,
               convolve: Callable = conv2d) -> np.ndarray:
    """dL/dx (n, h, w, c) of a convolution with stride 1: g convolved with the rotated weight.

    g (n, ho, wo, f), weight (k, k, c, f).
    """
    return convolve(g, weight[::-1, ::-1].transpose(0, 1, 3, 2), 1, len(weight) - 1 - padding)


@exercise("05.a", reference=pixel_ids)
def _(trial):
    for sizes, hint in (
            ((1, 1, 1, 1, 1, 0), "one pixel, one window of one pixel"),
            ((1, 2, 1, 1, 1, 0), "two windows of one pixel: two rows of one number"),
            ((1, 2, 1, 2, 1, 0), "one window over both pixels: one row of two numbers"),
            ((2, 1, 2, 1, 1, 0), "one window, one above the other: pixel (1, 0) has number 1 * w"),
            ((2, 3, 1, 1, 1, 0), "a pixel has number row * w + column"),
            ((2, 2, 2, 2, 1, 0), "taps in reading order: (0, 0), (0, 1), (1, 0), (1, 1)"),
            ((2, 3, 2, 2, 1, 0), "the second window is one pixel further to the right"),
            ((1, 1, 3, 3, 1, 1),
             "with padding 1 the window begins one pixel above and to the left of the image"),
            ((1, 3, 1, 1, 2, 0), "with stride 2 the windows are at columns 0 and 2"),
            ((1, 2, 1, 3, 1, 1), "the border is above and below, too: of three rows of windows "
             "only the middle one has pixels"),
            ((2, 2, 3, 3, 1, 1),
             "a tap beyond the right edge is border, not the first pixel of the next row"),
            ((3, 4, 2, 3, 1, 0), "the window has kh rows and kw columns"),
            ((5, 4, 3, 3, 2, 1),
             "the window begins at i*stride - padding: the stride moves windows, not taps"),
            ((4, 7, 3, 2, 3, 2), "all at once: i*stride + r - padding, j*stride + s - padding")):
        trial.equal(trial(*sizes), pixel_ids(*sizes), hint=hint,
                    **dict(zip(("h", "w", "kh", "kw", "stride", "padding"), sizes, strict=True)))


@exercise("05.b", reference=col2im)
def _(trial):
    def see(patches, ids, pixels, hint):
        trial.equal(trial(patches, ids, pixels), col2im(patches, ids, pixels), hint=hint,
                    patches=patches, ids=ids, pixels=pixels)

    see(np.array([[[5.0]]]), np.array([[0]]), 1, "one number is added to its pixel")
    see(np.array([[[5.0], [7.0]]]), np.array([[0], [1]]), 2, "two places, two pixels")
    see(np.array([[[5.0], [7.0]]]), np.array([[1], [0]]), 2, "ids holds the pixel of each place")
    see(np.array([[[1.0, 10], [100, 1000]]]), np.array([[0, 1], [1, 2]]), 3,
        "pixel 1 is in both rows and gets 110; does `out[ids] += ...` add both, or keep the last?")
    see(np.array([[[1.0, 10, 100]]]), np.array([[-1, 0, 1]]), 2, "-1 is the border, but in NumPy "
        "the last pixel: drop it")
    see(np.array([[[1.0, 2, 10, 20]]]), np.array([[0, 1]]), 2,
        "two channels: in a row of patches the channels of one tap are adjacent")
    see(np.array([[[1.0, 2]], [[10, 20]]]), np.array([[0, 1]]), 2, "two images, each folded onto "
        "itself")
    see(np.array([[[1.0]]]), np.array([[0]]), 3, "a pixel in no patch has gradient 0, and is in "
        "the result")
    rng = np.random.default_rng(5)
    for n, h, w, c, k, stride, padding in (
            (1, 2, 2, 1, 3, 1, 1), (2, 5, 4, 3, 3, 2, 1), (3, 4, 6, 2, 2, 3, 0)):
        ids = pixel_ids(h, w, k, k, stride, padding)
        see(rng.integers(-9, 10, (n, len(ids), k * k * c)).astype(float), ids, h * w,
            "patches of a whole image")
    ids = pixel_ids(16, 16, 3, 3, 1, 1)
    patches = rng.standard_normal((2, 256, 36))
    got = trial.allocates(MEMORY, patches, ids, 256, hint="A matrix with a row for each pixel and "
                          "a column for each place is nearly all zeros: add each number to its "
                          "pixel instead.")
    trial.equal(got, col2im(patches, ids, 256), hint="two larger images")


@exercise("05.c", reference=grad_input)
def _(trial):
    one = np.ones((1, 1, 1, 1))
    _once(trial, 2 * one, 3 * one, 0, "one product, y = x w: the gradient of x is g w")
    row = np.zeros((3, 3, 1, 1))
    row[1, :, 0, 0] = 1, 10, 100
    g = np.zeros((1, 1, 2, 1))
    g[0, 0, 0] = 1
    _once(trial, g, row, 1, "y[0] used x[0] with tap 10 and x[1] with tap 100; so their gradients "
          "are 10 and 100")
    column = np.zeros((3, 3, 1, 1))
    column[:, 1, 0, 0] = 1, 10, 100
    _once(trial, g.reshape(1, 2, 1, 1), column, 1, "the same, vertical: is the weight flipped "
          "along both axes?")
    _once(trial, np.array([1.0, 10]).reshape(1, 1, 1, 2),
          np.array([[2.0, 3], [4, 5]]).reshape(1, 1, 2, 2), 0, "two channels in, two out: channel "
          "c gets the sum over f of g[f] w[c, f]")
    _once(trial, np.ones((1, 2, 2, 1)), np.array([1.0, 10, 100, 1000]).reshape(2, 2, 1, 1), 0,
          "without padding x is larger than y, 3 x 3 here: how far must the window hang over g?")
    rng = np.random.default_rng(5)
    for n, h, w, c, f, k, padding in (
            (1, 2, 2, 1, 1, 2, 0), (1, 3, 2, 1, 2, 2, 1), (2, 4, 5, 3, 2, 3, 1),
            (1, 5, 4, 2, 3, 3, 2), (3, 6, 7, 2, 4, 5, 1), (1, 6, 5, 3, 2, 5, 4),
            (1, 6, 5, 3, 2, 5, 4)):
        size = h + 2 * padding - k + 1, w + 2 * padding - k + 1
        _once(trial, rng.integers(-9, 10, (n, *size, f)).astype(float),
              rng.integers(-9, 10, (k, k, c, f)).astype(float), padding,
              "random numbers, different under every rotation")


def _once(trial: Trial, g: np.ndarray, weight: np.ndarray, padding: int, hint: str) -> None:
    """The answer's gradient, by exactly one convolution."""
    calls = []

    def convolve(x, weight, stride=1, padding=0):
        calls.append(x.shape)
        return conv2d(x, weight, stride, padding)

    (n, ho, wo, _), (k, _, c, _) = g.shape, weight.shape
    shape = n, ho + k - 1 - 2 * padding, wo + k - 1 - 2 * padding, c
    inputs: dict[str, Any] = {"g": g, "weight": weight, "padding": padding}
    expected = conv2d_grad_input_naive(g, weight, shape, 1, padding)
    trial.equal(trial(g, weight, padding, convolve), expected, hint=hint, **inputs)
    trial.true(len(calls) == 1, f"right numbers, but by {len(calls)} calls of convolve: one does "
               "it, for all images and channels at once", **inputs)
