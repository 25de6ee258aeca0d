"""A small vision transformer: an image as a row of patches that attend to each other."""
from typing import Any, ClassVar

import numpy as np

from ..kernels.engine.checks import plain_numbers
from ..nn import GELU, Conv2d, Detrend, LayerNorm, Linear, Module, MultiHeadAttention, Sequential
from ..tensor import Tensor
from .encoder import Encoder

PATCH = 4  # pixels of a patch's side


class TransformerBlock(Module):
    """x + attention(norm(x)), then x + mlp(norm(x)), in the pre-norm form."""

    @plain_numbers
    def __init__(self, features: int, heads: int, rng: np.random.Generator):
        self.norm1 = LayerNorm(features)
        self.attention = MultiHeadAttention(features, heads, rng)
        self.norm2 = LayerNorm(features)
        self.mlp = Sequential(Linear(features, 2 * features, rng, gain=1.0), GELU(),
                              Linear(2 * features, features, rng, gain=1.0))

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class ViT(Encoder):
    """Images x (n, h, w, channels), sides multiples of 4 -> features h (n, 4 * width).

    Patches of 4 x 4 pixels become tokens of 4 * width numbers, to which sines and cosines of their
    position are added; `depth` blocks follow, with a head for every 16 numbers, a last norm, then
    the tokens' mean. The MLP is only 2 times as wide as a token, for a CPU. With `detrend`,
    nn.Detrend comes first. Source: Dosovitskiy et al. 2020 (arXiv 2010.11929), section 3.1.
    """

    defaults: ClassVar[dict[str, Any]] = {"optimizer": "adamw", "weight_decay": 0.05, "warmup": 0.1}

    @plain_numbers
    def __init__(self, width: int, rng: np.random.Generator, detrend: bool = True,
                 channels: int = 3, depth: int = 4):
        features = self.features = 4 * width
        self.detrend = Detrend() if detrend else Sequential()
        self.patches = Conv2d(channels, features, PATCH, rng, stride=PATCH)
        self.blocks = Sequential(*(TransformerBlock(features, max(1, features // 16), rng)
                                   for _ in range(depth)))
        self.norm = LayerNorm(features)

    def tokens(self, x: np.ndarray | Tensor) -> Tensor:
        """The tokens (n, t, features) whose mean is the feature: the patches, row after row."""
        height, width = x.shape[1:3]
        if height % PATCH or width % PATCH:
            raise ValueError(f"ViT: expected images with sides of multiples of {PATCH}, got "
                             f"{height} x {width}")
        x = self.patches(self.detrend(x))
        n, rows, columns, d = x.shape
        x = x.reshape(n, rows * columns, d) + positions(rows, columns, d)
        return self.norm(self.blocks(x))

    def forward(self, x):
        return self.tokens(x).mean(axis=1)


@plain_numbers
def positions(rows: int, columns: int, features: int) -> np.ndarray:
    """(rows * columns, features) float32: sines and cosines of each patch's row and column.

    Rows and columns count in eighths of the image, not in patches: training views are smaller than
    the images in evaluation, and the middle is the middle of both. Source: Vaswani et al. 2017,
    section 3.5, twice.
    """
    waves = 100.0 ** -(np.arange(-(-features // 4)) / max(1, features // 4))  # from fast to slow
    y, x = ((np.arange(n) + 0.5) * (8 / n) for n in (rows, columns))
    rows_part, columns_part = (
        np.concatenate([np.sin(at[:, None] * waves), np.cos(at[:, None] * waves)], axis=1)
        for at in (y, x))
    grid = np.concatenate([np.repeat(rows_part, columns, axis=0), np.tile(columns_part, (rows, 1))],
                          axis=1)
    return grid[:, :features].astype(np.float32)
