"""Networks: encoders (images -> h) and heads (h -> z -> p)."""
from typing import Any

import numpy as np

from .encoder import Encoder
from .heads import predictor, projector
from .split import LabEncoder
from .tiny_cnn import TinyCNN

ENCODERS: dict[str, type] = {"tiny_cnn": TinyCNN}  # a new encoder adds its line here


def make_encoder(config: Any, rng: np.random.Generator, channels: int = 3, width: int | None = None) -> Encoder:
    """The encoder that a configuration names, at random weights, for images of so many channels."""
    return ENCODERS[config.encoder](width or config.width, rng, config.standardize, channels)


__all__ = ["ENCODERS", "Encoder", "LabEncoder", "TinyCNN", "make_encoder", "predictor", "projector"]
