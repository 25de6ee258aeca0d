"""What the training loop asks of a method, and all that it knows of one."""
from typing import Any, ClassVar

import numpy as np

from ..datasets.dataset import Dataset
from ..models import Encoder, make_encoder
from ..nn import Module
from ..tensor import Tensor


class Method(Module):
    """An encoder with what a paper puts on top of it; its banks are arrays, so they are saved with the weights.

    Made as METHODS[name](encoder, config, rng, data). data is the training set: its size is that of a memory bank, its
    images are what DeepCluster clusters, and its labels are for the methods with `uses_labels`.
    """

    experiment: ClassVar[bool] = False  # it shows something and is no method of its own: no part of "all"
    uses_labels: ClassVar[bool] = False  # training uses the labels of the training images
    many_views: ClassVar[bool] = False  # it takes more than two views of an image: x1 and x2 are then half of them each
    undefined: ClassVar[tuple[str, ...]] = ()  # arrays of its state that may contain NaN
    defaults: ClassVar[dict[str, Any]] = {}  # knobs of Config that this method sets otherwise, unless they are given

    def __init__(self, encoder: Encoder, config: Any, rng: np.random.Generator, data: Dataset):
        self.encoder = encoder

    @staticmethod
    def make_encoder(config: Any, rng: np.random.Generator) -> Encoder:
        """The encoder to build this method on."""
        return make_encoder(config, rng)

    def start(self, total_steps: int) -> None:
        """Told once, before the first step, how long the run is."""

    def start_epoch(self, size: int, rng: np.random.Generator) -> tuple[np.ndarray, list[Tensor]]:
        """The order in which an epoch sees `size` samples, and the parameters that begin anew with it."""
        return rng.permutation(size), []

    def loss(self, x1: np.ndarray, x2: np.ndarray, ids: np.ndarray) -> Tensor:
        """The loss of two views (b, h, w, 3) of the samples `ids` (b,), a single number."""
        raise NotImplementedError

    def guess(self) -> float | None:
        """The loss, in nats, of a network that tells nothing apart; None where the method has no such number."""
        return None

    def after_step(self) -> dict:
        """What follows the optimiser's step (enqueue, for one); returns the step's diagnostics, for `train.health`.

        "z": embeddings (b, d) of view 1; of neighbours, where there are any, "anchor_ids", "neighbor_ids", "rows" and
        "ages", each (b,); "entropy" and "nmi" are numbers.
        """
        return {}
