"""Random weights: the floor. The same loop with an encoder that never learns; only its batch norms see the data."""
import numpy as np

from ..datasets.dataset import Dataset
from ..models import Encoder
from ..tensor import Tensor
from .method import Method
from .momentum_encoder import frozen_copy


class RandomWeights(Method):
    """A frozen encoder, and one weight that does nothing, so that the loop has something to step."""

    def __init__(self, encoder: Encoder, config, rng: np.random.Generator, data: Dataset | None = None):
        self.encoder = frozen_copy(encoder)
        self.nothing = Tensor(np.zeros(1, np.float32), requires_grad=True)
        self.pending: tuple = ()  # view 1's features, for the diagnostics

    def loss(self, x1: np.ndarray, x2: np.ndarray, ids: np.ndarray) -> Tensor:
        """0, after the encoder has seen view 1 (b, h, w, 3): batch norm's running statistics become the data's."""
        self.pending = (self.encoder(x1).numpy(),)
        return self.nothing.sum()

    def after_step(self) -> dict:
        """Nothing follows the step; returns view 1's features for the diagnostics."""
        return {"z": self.pending[0]}
