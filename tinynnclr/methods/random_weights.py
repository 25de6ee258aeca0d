"""Random weights: the floor. The same loop with an encoder that never learns; only its batch norms
see the data.
"""
import numpy as np

from ..datasets.dataset import Dataset
from ..models import Encoder
from ..tensor import Tensor
from .method import Method
from .momentum_encoder import frozen_copy


class RandomWeights(Method):
    """A frozen encoder, and one weight that does nothing, so that the loop has something to step.
    """

    name = "random"

    def __init__(self, encoder: Encoder, config, rng: np.random.Generator,
                 data: Dataset | None = None):
        self.encoder = frozen_copy(encoder)
        self.nothing = Tensor(np.zeros(1, np.float32), requires_grad=True)

    def loss(self, x1: np.ndarray, x2: np.ndarray, ids: np.ndarray) -> Tensor:
        """0, after the encoder has seen view 1 (b, h, w, 3): batch norm's running statistics become
        the data's.
        """
        self.encoder(x1)
        return self.nothing.sum() * 0
