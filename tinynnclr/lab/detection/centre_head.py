"""Objects as points: a heat map for each class with peaks at object centres, and boxes there.

Source: Zhou et al. 2019 (Objects as Points, arXiv 1904.07850), sections 3 and 4.
"""
import numpy as np

from ... import kernels, ops
from ...kernels.engine.checks import plain_numbers
from ...nn import BatchNorm, Conv2d, Linear, Module, Sequential
from ...tensor import Tensor
from .feature_map import STRIDE

UNIT = 16.0  # side in pixels of a box for which the head's output is 0
WIDTH = 1 / 6  # standard deviation of the heat around a centre, in sides of the box
BEGIN = -2.2  # first logit of every place: a probability of one in ten


class CentreHead(Module):
    """A map (n, h, w, c) -> heat logits (n, h, w, classes), boxes (n, h, w, 4) (`box_targets`)."""

    @plain_numbers
    def __init__(self, features: int, classes: int, rng: np.random.Generator):
        self.body = Sequential(Conv2d(features, features, 3, rng, padding=1),
                               BatchNorm(features, relu=True))
        self.heat = Linear(features, classes, rng, gain=0.1)
        self.box = Linear(features, 4, rng, gain=0.1)
        self.heat.bias = Tensor(np.full(classes, BEGIN, np.float32), requires_grad=True)

    def forward(self, x):
        x = self.body(x)
        return self.heat(x), self.box(x)


@plain_numbers
def centres(boxes: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """(columns, rows) (t,) of the places of a map (side, side) nearest to the centres of boxes."""
    x, y = (np.rint((boxes[:, k] + boxes[:, k + 2]) / (2 * STRIDE)).astype(np.int64)
            for k in (0, 1))
    return x.clip(0, side - 1), y.clip(0, side - 1)


@plain_numbers
def heat_targets(n: int, side: int, classes: int, scenes: np.ndarray, labels: np.ndarray,
                 boxes: np.ndarray) -> np.ndarray:
    """(n, side, side, classes) float32: a Gaussian around each centre, 1 there and nowhere else."""
    heat = np.zeros((n, side, side, classes), np.float32)
    x, y = centres(boxes, side)
    for k in range(len(boxes)):
        spread_x, spread_y = (boxes[k, 2:] - boxes[k, :2]) * WIDTH / STRIDE
        across = (np.arange(side) - x[k]) / spread_x
        down = (np.arange(side) - y[k]) / spread_y
        squares = down[:, None] ** 2 + across**2
        bell = np.exp(-0.5 * squares).astype(np.float32)
        bell[(bell == 1) & (squares > 0)] = 0.999  # rounding must not make a second centre
        layer = heat[scenes[k], :, :, labels[k]]
        np.maximum(layer, bell, out=layer)
    return heat


@plain_numbers
def box_targets(boxes: np.ndarray, side: int) -> np.ndarray:
    """(t, 4) float32: centre - its place, in places, then log(width / 16), log(height / 16)."""
    x, y = centres(boxes, side)
    offsets = (boxes[:, :2] + boxes[:, 2:]) / (2 * STRIDE) - np.stack([x, y], 1)
    sizes = np.log((boxes[:, 2:] - boxes[:, :2]) / UNIT)
    return np.concatenate([offsets, sizes], 1).astype(np.float32)


def focal_loss(logits: Tensor, heat: np.ndarray) -> Tensor:
    """Focal loss of heat logits, divided by the number of centres (heat == 1).

    -sum((1 - p)^2 log p at centres, (1 - heat)^4 p^2 log(1 - p) elsewhere), p = sigmoid(logits):
    places that are nearly correct weigh little, and so do wrong ones near a centre. Source: eq. 1.
    """
    heat = heat.astype(logits.dtype)
    yes, no = ops.log_sigmoid(logits), ops.log_sigmoid(-logits)  # log p, log(1 - p)
    at_centres = ops.exp(no * 2) * yes * (heat == 1).astype(heat.dtype)
    elsewhere = ops.exp(yes * 2) * no * (1 - heat) ** 4
    return -(at_centres + elsewhere).sum() / float(max(1, (heat == 1).sum()))


def box_loss(found: Tensor, wanted: np.ndarray) -> Tensor:
    """The mean over things (t, 4) of the sum of the absolute differences."""
    difference = found - wanted.astype(found.dtype)
    return (ops.relu(difference) + ops.relu(-difference)).sum() / float(max(1, len(wanted)))


@plain_numbers
def peaks(logits: np.ndarray, found: np.ndarray, most: int, size: int) -> tuple[np.ndarray, ...]:
    """scenes, labels, scores (d,) and boxes (d, 4): up to `most` peaks a scene, best score first.

    A peak is a place that none of its eight neighbours exceeds in the heat of its class. Boxes end
    at the borders of an image of `size` pixels and are at least one pixel wide.
    """
    n, side, _, classes = logits.shape
    is_peak = logits == kernels.max_pool2d(logits, 3, 1, 1)[0]
    flat = np.where(is_peak, logits, -np.inf).reshape(n, -1)
    order = np.argsort(-flat, axis=1, kind="stable")[:, :most]  # (n, most)
    scenes, order = np.repeat(np.arange(n), order.shape[1]), order.ravel()
    kept = np.isfinite(flat[scenes, order])
    scenes, order = scenes[kept], order[kept]
    place, labels = np.divmod(order, classes)
    y, x = np.divmod(place, side)
    dx, dy, wide, tall = found[scenes, y, x].T
    half = 0.5 * UNIT * np.exp(np.stack([wide, tall], 1).clip(-3, 3))
    middle = STRIDE * np.stack([x + dx, y + dy], 1)
    low = (middle - half).clip(-0.5, size - 1.5)
    high = np.maximum((middle + half).clip(-0.5, size - 0.5), low + 1)
    scores = 1 / (1 + np.exp(-flat[scenes, order]))
    return scenes, labels, scores, np.concatenate([low, high], 1).astype(np.float32)
