"""Two encoders for the two halves of an image's Lab form: its lightness and its colours."""
import numpy as np

from .. import kernels, ops
from ..tensor import Tensor
from .encoder import Encoder


class LabEncoder(Encoder):
    """Images x (n, h, w, 3) -> features h (n, d + e): those of L (n, d), those of a and b (n, e).

    `lightness` takes images of one channel, `colors` of two. Source: CMC (arXiv 1906.05849),
    section 4.
    """

    def __init__(self, lightness: Encoder, colors: Encoder):
        self.lightness, self.colors = lightness, colors
        self.features = lightness.features + colors.features

    def halves(self, x: np.ndarray) -> tuple[Tensor, Tensor]:
        """Features of the lightness (n, d) and of the colours (n, e), read from Lab / 100."""
        lab = kernels.rgb_to_lab(x) * x.dtype.type(0.01)
        return (self.lightness(np.ascontiguousarray(lab[..., :1])),
                self.colors(np.ascontiguousarray(lab[..., 1:])))

    def forward(self, x):
        return ops.concatenate(*self.halves(x), axis=1)
