"""The base class of encoders: Modules that turn images into features."""
from typing import Any, ClassVar

from ..nn import Module


class Encoder(Module):
    """Images x (n, h, w, 3), float32 in [0, 1] -> features h (n, `features`)."""

    features: int
    defaults: ClassVar[dict[str, Any]] = {}  # options of Config with another default here
