"""What every encoder is: a Module that turns images into features, and says how many."""
from typing import Any, ClassVar

from ..nn import Module


class Encoder(Module):
    """Images x (n, h, w, 3), float32 in [0, 1] -> features h (n, `features`)."""

    features: int
    # options of Config that this encoder sets otherwise, unless they are given
    defaults: ClassVar[dict[str, Any]] = {}
