"""A head for boxes: 7 x 7 places of the map in each box become 14 x 14 logits."""
import numpy as np

from ... import ops
from ...kernels.engine.checks import plain_numbers
from ...nn import BatchNorm, Conv2d, Linear, Module, Sequential
from ...tensor import Tensor
from .feature_map import STRIDE

GRID, FINE = 7, 14  # places and logits along the side of a box


class RegionHead(Module):
    """A map (n, h, w, c), boxes (r, 4) in pixels and their images (r,) -> logits (r, 14, 14, maps).

    Each of the 7 x 7 places gives the logits of its four quarters: a transposed convolution.
    """

    @plain_numbers
    def __init__(self, features: int, maps: int, rng: np.random.Generator):
        self.body = Sequential(Conv2d(features, features, 3, rng, padding=1),
                               BatchNorm(features, relu=True))
        self.quarters = Linear(features, 4 * maps, rng, gain=0.1)
        self.maps = maps

    def forward(self, x: Tensor, boxes: np.ndarray, image: np.ndarray) -> Tensor:
        r = len(boxes)
        x = self.quarters(self.body(ops.roi_align(x, boxes=boxes / STRIDE, image=image, size=GRID)))
        x = x.reshape(r, GRID, GRID, 2, 2, self.maps).transpose(0, 1, 3, 2, 4, 5)
        return x.reshape(r, FINE, FINE, self.maps)
