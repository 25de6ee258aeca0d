"""Random views: the options of the augmentation, their random draws, and two views of a batch.

kernels/augment.py computes the pixels. All numbers of a batch are drawn here at once, whether they
are used or not, so that changing one option does not change the draws of the others.
"""
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from ..kernels.augment import COLUMNS, ORDERS, augment, identity_params
from ..kernels.engine.checks import plain_numbers

# the highest value of each number, and the lowest and highest of each pair
_HIGHEST = {"flip": 1, "jitter": 1, "gray": 1, "blur": 1, "solarize": 1, "solarize_threshold": 1,
            "brightness": 100, "contrast": 100, "saturation": 100, "hue": 0.5}
_RANGES = {"crop_area": (0.0001, 1), "crop_aspect": (0.01, 100), "blur_sigma": (0.001, 1000)}
_TRIES = 10  # boxes that are drawn before the crop in the middle is taken, as in torchvision


@dataclass(frozen=True)
class Augmentation:
    """The options of one random view; the defaults are SimCLR's for CIFAR, with larger crops.

    Jitter factors are uniform in [max(0, 1 - s), 1 + s] for a strength s, the hue shift in [-s, s].
    """

    crop_area: tuple[float, float] = (0.2, 1.0)  # of the crop, as a share of the image
    crop_aspect: tuple[float, float] = (3 / 4, 4 / 3)  # width / height of the crop, log-uniform
    flip: float = 0.5  # probability of mirroring left and right
    jitter: float = 0.8  # probability of the four colour jitters, in a random order
    brightness: float = 0.4  # strength
    contrast: float = 0.4  # strength
    saturation: float = 0.4  # strength
    hue: float = 0.1  # strength, in turns of the colour circle, at most 0.5
    gray: float = 0.2  # probability of dropping the colour
    blur: float = 0.0  # probability of a Gaussian blur
    blur_sigma: tuple[float, float] = (0.1, 2.0)  # its standard deviation in pixels, uniform
    solarize: float = 0.0  # probability of inverting the bright pixels
    solarize_threshold: float = 0.5  # the darkest of them, in [0, 1]

    def __post_init__(self):
        for field in fields(self):
            value = getattr(self, field.name)
            pair = isinstance(field.default, tuple)
            numbers = value if pair and isinstance(value, (tuple, list)) else (value,)
            if len(numbers) != 1 + pair or not all(_is_number(v) for v in numbers):
                raise ValueError(f"{field.name}: expected "
                                 f"{'a pair of numbers' if pair else 'a number'}, got {value!r}")
            if pair:
                object.__setattr__(self, field.name, tuple(value))  # JSON has a list
        for name, top in _HIGHEST.items():
            if not 0 <= getattr(self, name) <= top:
                raise ValueError(f"{name}: expected within [0, {top}], got {getattr(self, name)!r}")
        for name, (least, most) in _RANGES.items():
            low, high = getattr(self, name)
            if not least <= low <= high <= most:
                raise ValueError(f"{name}: expected {least} <= low <= high <= {most}, got "
                                 f"{getattr(self, name)!r}")


def _is_number(value):
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)


_OFF: dict[str, Any] = {"flip": 0.0, "jitter": 0.0, "gray": 0.0}
_BYOL: dict[str, Any] = {"crop_area": (0.08, 1.0), "saturation": 0.2}
PRESETS = {
    # the CIFAR recipe of SimCLR (arXiv 2002.05709): colour strength 0.5 and no blur
    "simclr": Augmentation(),
    # for images whose colours do not depend on the class: all hues, and larger crops
    "toybox": Augmentation(crop_area=(0.35, 1.0), hue=0.5, gray=0.3),
    "crop-only": Augmentation(**_OFF),
    "flip-only": Augmentation(**{**_OFF, "flip": 0.5, "crop_area": (1.0, 1.0)}),
    "none": Augmentation(**_OFF, crop_area=(1.0, 1.0)),
    # the asymmetric pair of BYOL (arXiv 2006.07733, table 6) and NNCLR, for 224 pixels; at 32
    # pixels, most recipes drop the blur: dataclasses.replace(PRESETS["byol-1"], blur=0.0)
    "byol-1": Augmentation(**_BYOL, blur=1.0),
    "byol-2": Augmentation(**_BYOL, blur=0.1, solarize=0.2),
}


@plain_numbers
def draw_params(augmentation: Augmentation, n: int, height: int, width: int,
                rng: np.random.Generator) -> np.ndarray:
    """(n, 13) float32 rows for kernels.augment, one random view each of images height x width.

    The draws are torchvision's, but boxes are not rounded to whole pixels.
    """
    a = augmentation
    params = identity_params(n, height, width)
    params[:, :4] = _crop_boxes(a, n, height, width, rng)
    column = dict(zip(COLUMNS, params.T, strict=True))  # views of params
    column["flip"][:] = rng.random(n) < a.flip
    column["order"][:] = rng.integers(0, len(ORDERS), n)
    jittered = rng.random(n) < a.jitter
    for name in ("brightness", "contrast", "saturation"):
        strength = getattr(a, name)
        column[name][jittered] = rng.uniform(max(0.0, 1 - strength), 1 + strength, n)[jittered]
    column["hue"][jittered] = rng.uniform(-a.hue, a.hue, n)[jittered]
    column["gray"][:] = rng.random(n) < a.gray
    blurred = rng.random(n) < a.blur
    column["sigma"][blurred] = rng.uniform(*a.blur_sigma, n)[blurred]
    column["solarize"][rng.random(n) < a.solarize] = a.solarize_threshold
    return params


def _crop_boxes(a, n, height, width, rng):
    """(n, 4) boxes y, x, h, w: the first of ten draws that fits, else the widest in the middle."""
    area = height * width * rng.uniform(*a.crop_area, (n, _TRIES))
    aspect = np.exp(rng.uniform(*np.log(a.crop_aspect), (n, _TRIES)))
    place = rng.random((n, 2))
    if a.crop_area == (1, 1):
        return np.array([0, 0, height, width])
    h, w = np.sqrt(area / aspect), np.sqrt(area * aspect)  # (n, tries)
    fits = (h <= height) & (w <= width)
    first = np.arange(n), fits.argmax(1)
    h, w, fits = h[first], w[first], fits.any(1)
    widest = np.clip(width / height, *a.crop_aspect)
    h = np.where(fits, h, min(height, width / widest))
    w = np.where(fits, w, min(width, height * widest))
    place = np.where(fits[:, None], place, 0.5)
    return np.stack([place[:, 0] * (height - h), place[:, 1] * (width - w), h, w], 1)


Views = Augmentation | tuple[Augmentation, Augmentation]  # for all views, or for every other one


@plain_numbers
def make_views(images: np.ndarray, indices: np.ndarray, augmentations: Views, n_views: int,
               rng: np.random.Generator, size: int | None = None,
               rows: slice = slice(None)) -> list[np.ndarray]:
    """n_views independent random views, each (b, size, size, 3) float32 in [0, 1].

    They show images[indices], of images (n, h, w, 3) uint8. One Augmentation serves all views; of a
    pair, the first makes views 1, 3, ... and the second views 2, 4, ... size None means h. Of the
    batch only `rows` are made, with the draws that they have in the whole. Raises ValueError as
    kernels.augment does.
    """
    pair = (augmentations,) * 2 if isinstance(augmentations, Augmentation) else augmentations
    if not (isinstance(pair, (tuple, list)) and len(pair) == 2
            and all(isinstance(a, Augmentation) for a in pair)):
        raise ValueError("augmentations: expected an Augmentation or a pair of them, got "
                         f"{augmentations!r}")
    if n_views < 1:
        raise ValueError(f"n_views: expected at least 1, got {n_views}")
    if not isinstance(rng, np.random.Generator):
        raise ValueError(f"rng: expected a numpy.random.Generator, got {type(rng).__name__}")
    for name, value, ndim in (("images", images, 4), ("indices", indices, 1)):
        if np.ndim(value) != ndim:
            raise ValueError(f"{name}: expected {ndim} dimensions, got shape {np.shape(value)}")
    b, (_, height, width, _) = len(indices), np.shape(images)
    params = np.concatenate([draw_params(pair[i % 2], b, height, width, rng)[rows]
                             for i in range(n_views)])
    repeated = np.concatenate([indices[rows]] * n_views)  # one launch makes all views
    views = augment(images, repeated, params, height if size is None else size)
    return list(views.reshape(n_views, -1, *views.shape[1:]))


def two_views(images: np.ndarray, indices: np.ndarray, augmentations: Views,
              rng: np.random.Generator, size: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """x1, x2: two independent random views, as of `make_views`."""
    x1, x2 = make_views(images, indices, augmentations, 2, rng, size)
    return x1, x2


def augmentation_pair(name: str) -> Views:
    """The Augmentation or the pair of a preset."""
    known: dict[str, Views] = {**PRESETS, "byol": (PRESETS["byol-1"], PRESETS["byol-2"])}
    if name not in known:
        raise ValueError(f"augmentation: expected one of {', '.join(known)}; got {name!r}")
    return known[name]
