"""Networks: encoders (images -> h) and heads (h -> z -> p)."""
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from .encoder import Encoder
from .heads import linear_head, predictor, projector
from .resnet import ResNet
from .split import LabEncoder
from .tiny_cnn import TinyCNN
from .vit import ViT

# each takes (width, rng, detrend, channels)
ENCODERS: dict[str, Callable[..., Encoder]] = {
    "tiny_cnn": TinyCNN, "fine_cnn": partial(TinyCNN, last_stride=1),
    "resnet8": partial(ResNet, blocks=1), "resnet20": partial(ResNet, blocks=3), "vit": ViT}


def make_encoder(config: Any, rng: np.random.Generator, channels: int = 3,
                 width: int | None = None) -> Encoder:
    """The encoder that a configuration names, with random weights, for so many channels."""
    return ENCODERS[config.encoder](width or config.width, rng, config.detrend, channels)


def encoder_defaults(name: str) -> dict[str, Any]:
    """The options of Config for which an encoder has its own default; {} for an unknown name."""
    kind = ENCODERS.get(name)
    return getattr(getattr(kind, "func", kind), "defaults", {})  # a partial's func


__all__ = ["ENCODERS", "Encoder", "LabEncoder", "ResNet", "TinyCNN", "ViT", "encoder_defaults",
           "linear_head", "make_encoder", "predictor", "projector"]
