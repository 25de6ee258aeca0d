"""ResNet for small images: blocks of two convolutions that learn what to add to their input."""
import numpy as np

from .. import ops
from ..kernels.engine.checks import plain_numbers
from ..nn import BatchNorm, Conv2d, Detrend, GlobalAvgPool, Module, Sequential
from .encoder import Encoder


class Block(Module):
    """relu(x + conv(relu(conv(x)))), each convolution with its batch norm.

    Where the size changes, x passes a strided 1 x 1 convolution and a batch norm ("option B").
    """

    @plain_numbers
    def __init__(self, inputs: int, outputs: int, stride: int, rng: np.random.Generator):
        self.body = Sequential(Conv2d(inputs, outputs, 3, rng, stride=stride, padding=1),
                               BatchNorm(outputs, relu=True),
                               Conv2d(outputs, outputs, 3, rng, padding=1), BatchNorm(outputs))
        self.shortcut = Sequential() if inputs == outputs and stride == 1 else Sequential(
            Conv2d(inputs, outputs, 1, rng, stride=stride), BatchNorm(outputs))

    def forward(self, x):
        return ops.relu(self.body(x) + self.shortcut(x))


class ResNet(Encoder):
    """Images x (n, h, w, channels) -> features h (n, 4 * width), in 6 `blocks` + 2 layers.

    conv channels -> w, then three stages of w, 2w and 4w channels, the second and third at half the
    size of the one before, then the mean over all pixels. With width 16, 3 blocks a stage are the
    paper's ResNet-20 for CIFAR-10. With `detrend`, nn.Detrend comes first. Source: He et al. 2015
    (arXiv 1512.03385), section 4.2.
    """

    @plain_numbers
    def __init__(self, width: int, rng: np.random.Generator, detrend: bool = True,
                 channels: int = 3, blocks: int = 1):
        layers: list[Module] = [Detrend()] if detrend else []
        layers += [Conv2d(channels, width, 3, rng, padding=1), BatchNorm(width, relu=True)]
        inputs = width
        for outputs, stride in ((width, 1), (2 * width, 2), (4 * width, 2)):
            for block in range(blocks):
                layers.append(Block(inputs, outputs, stride if block == 0 else 1, rng))
                inputs = outputs
        self.body = Sequential(*layers, GlobalAvgPool())
        self.features = inputs

    def forward(self, x):
        return self.body(x)
