"""The default encoder: four 3 x 3 convolutions with batch norm and ReLU, then a mean."""
import numpy as np

from ..kernels.engine.checks import plain_numbers
from ..nn import BatchNorm, Conv2d, Detrend, GlobalAvgPool, Module, Sequential
from .encoder import Encoder


class TinyCNN(Encoder):
    """Images x (n, h, w, channels) -> features h (n, 8 * width); 97,000 weights at width 16.

    conv channels -> w, w -> 2w /2, 2w -> 4w /2, 4w -> 8w /2, so a 32 x 32 image ends as 4 x 4
    pixels of 8w channels. With last_stride 1 (`fine_cnn`) it ends as 8 x 8: for views of 16 pixels,
    which would end as 2 x 2. With `detrend`, nn.Detrend comes first.
    """

    @plain_numbers
    def __init__(self, width: int, rng: np.random.Generator, detrend: bool = True,
                 channels: int = 3, last_stride: int = 2):
        layers: list[Module] = [Detrend()] if detrend else []
        sizes = (channels, width, 2 * width, 4 * width, 8 * width)
        for inputs, outputs, stride in zip(sizes, sizes[1:], (1, 2, 2, last_stride), strict=False):
            layers += [Conv2d(inputs, outputs, 3, rng, stride=stride, padding=1),
                       BatchNorm(outputs, relu=True)]
        self.body = Sequential(*layers, GlobalAvgPool())
        self.features = 8 * width
        self.stride = 4 * last_stride  # pixels of the image between two of the last map

    def forward(self, x):
        return self.body(x)
