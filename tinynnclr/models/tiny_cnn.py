"""The default encoder: four 3 x 3 convolutions, each with batch norm and ReLU, then the mean over
all pixels.
"""
import numpy as np

from ..kernels.engine.checks import plain_numbers
from ..nn import BatchNorm, Conv2d, Detrend, GlobalAvgPool, Module, Sequential
from .encoder import Encoder


class TinyCNN(Encoder):
    """Images x (n, h, w, channels) -> features h (n, 8 * width); 97,000 weights at width 16.

    conv channels -> w, w -> 2w /2, 2w -> 4w /2, 4w -> 8w /2, so a 32 x 32 image ends as 4 x 4
    pixels of 8w channels. With last_stride 1 (`fine_cnn`) it ends as 8 x 8: for views of 16 pixels,
    of which 2 x 2 would be left. With `detrend`, the light is taken away first (nn.Detrend).
    """

    @plain_numbers
    def __init__(self, width: int, rng: np.random.Generator, detrend: bool = True,
                 channels: int = 3, last_stride: int = 2):
        layers: list[Module] = [Detrend()] if detrend else []
        for inputs, outputs, stride in ((channels, width, 1), (width, 2 * width, 2),
                                        (2 * width, 4 * width, 2),
                                        (4 * width, 8 * width, last_stride)):
            layers += [Conv2d(inputs, outputs, 3, rng, stride=stride, padding=1),
                       BatchNorm(outputs, relu=True)]
        self.body = Sequential(*layers, GlobalAvgPool())
        # pixels from one place of the last map to the next
        self.features, self.stride = 8 * width, 4 * last_stride

    def forward(self, x):
        return self.body(x)
