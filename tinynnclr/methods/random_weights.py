"""Random weights, a baseline: the same training loop with a frozen encoder.

Only the running statistics of its batch norms change.
"""
from collections.abc import Sequence

import numpy as np

from ..datasets.dataset import Dataset
from ..models import Encoder
from ..tensor import Tensor
from .method import START, Method, Progress, Step
from .momentum_encoder import frozen_copy


class RandomWeights(Method):
    """A frozen encoder, and one weight without effect, because an optimiser needs a parameter."""

    name = "random"
    n_views = 1

    def __init__(self, encoder: Encoder, config, rng: np.random.Generator,
                 data: Dataset | None = None):
        self.encoder = frozen_copy(encoder)
        self.unused = Tensor(np.zeros(1, np.float32), requires_grad=True)

    def forward(self, views: Sequence[np.ndarray], ids: np.ndarray,
                progress: Progress = START) -> Step:
        """A loss of 0; batch norm's running statistics become those of the view (b, h, w, 3)."""
        self.encoder(views[0])
        return Step(self.unused.sum() * 0, ids)
