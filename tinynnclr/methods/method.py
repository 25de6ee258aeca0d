"""What the training loop asks of a method, and all that it knows of one."""
import numpy as np

from ..models import Encoder
from ..nn import Module
from ..tensor import Tensor


class Method(Module):
    """An encoder with what a paper puts on top of it; its banks are arrays, so they are saved with the weights."""

    encoder: Encoder

    def start(self, total_steps: int) -> None:
        """Told once, before the first step, how long the run is."""

    def loss(self, x1: np.ndarray, x2: np.ndarray, ids: np.ndarray) -> Tensor:
        """The loss of two views (b, h, w, 3) of the samples `ids` (b,), a single number."""
        raise NotImplementedError

    def after_step(self) -> dict:
        """What follows the optimiser's step (enqueue, for one); returns the step's diagnostics, {} for none."""
        return {}
