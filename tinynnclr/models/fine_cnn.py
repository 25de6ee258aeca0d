"""Five 3 x 3 convolutions, with a last map twice as fine as TinyCNN's: for views that would end as 2 x 2."""
import numpy as np

from ..nn import BatchNorm, Conv2d, GlobalAvgPool, Module, Sequential, Standardize
from .encoder import Encoder


class FineCNN(Encoder):
    """Images x (n, h, w, channels) -> features h (n, 8 * width); 240,000 weights at width 24.

    conv channels -> w, w -> 2w /2, 2w -> 2w, 2w -> 4w /2, 4w -> 8w, each with batch norm and ReLU, then the mean over
    all pixels: a view of 16 x 16 pixels ends as 4 x 4. With `standardize`, the light is taken away first.
    """

    def __init__(self, width: int, rng: np.random.Generator, standardize: bool = True, channels: int = 3):
        layers: list[Module] = [Standardize()] if standardize else []
        inputs = channels
        for times, stride in ((1, 1), (2, 2), (2, 1), (4, 2), (8, 1)):
            layers += [Conv2d(inputs, times * width, 3, rng, stride=stride, padding=1),
                       BatchNorm(times * width, relu=True)]
            inputs = times * width
        self.body = Sequential(*layers, GlobalAvgPool())
        self.features = inputs

    def forward(self, x):
        return self.body(x)
