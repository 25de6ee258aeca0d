"""What the training loop asks of a method, and all that it knows of one."""
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..config import Config as RunConfig
from ..config import option
from ..datasets.dataset import Dataset
from ..models import Encoder, make_encoder
from ..nn import Module
from ..tensor import Tensor


@dataclass(frozen=True)
class EmbeddingConfig:
    """Options of a method with a projector h -> z."""

    dim: int = option(64, "length of an embedding z", least=1)
    projector_hidden: int = option(256, "width of the projector's hidden layers", least=1)


@dataclass(frozen=True)
class TemperatureConfig:
    """The option of a method whose loss is a softmax over similarities."""

    temperature: float = option(0.15, "divides the similarities before the softmax", above=0)


@dataclass(frozen=True)
class PredictorConfig:
    """Options of a method with a predictor on top of the projector."""

    predictor_hidden: int = option(256, "width of the predictor's hidden layer", least=1)


class Method(Module):
    """An encoder with what a paper puts on top of it; its banks are arrays, so they are saved with
    the weights.

    Made as Class(encoder, config, rng, data). config is a `Class.Config`, a frozen dataclass with
    the options of the method. data is the training set: its size is that of a memory bank, its
    images are what DeepCluster clusters, and its labels are for the methods with `uses_labels`.
    """

    Config: ClassVar[type[RunConfig]] = RunConfig
    # what commands and files call it; the class's name in small letters, if it gives none
    name: ClassVar[str] = ""

    # it shows something and is no method of its own: no part of "all"
    experiment: ClassVar[bool] = False
    uses_labels: ClassVar[bool] = False  # training uses the labels of the training images
    undefined: ClassVar[tuple[str, ...]] = ()  # arrays of its state that may contain NaN

    def __init_subclass__(cls):
        super().__init_subclass__()
        if "Config" not in vars(cls):  # its own, so that a configuration knows its method
            cls.Config = dataclass(frozen=True)(type("Config", (cls.Config,),
                                                     {"__module__": cls.__module__}))
        cls.name = vars(cls).get("name") or cls.__name__.lower()
        cls.Config.method, cls.Config.kind = cls.name, cls

    def __init__(self, encoder: Encoder, config: Any, rng: np.random.Generator, data: Dataset):
        self.encoder = encoder

    @staticmethod
    def make_encoder(config: Any, rng: np.random.Generator) -> Encoder:
        """The encoder to build this method on."""
        return make_encoder(config, rng)

    @property
    def n_views(self) -> int:
        """How many random views of an image a step takes: `loss` gets one half of them as x1, the
        other as x2.
        """
        return 2

    def start(self, total_steps: int) -> None:
        """Told once, before the first step, how long the run is."""

    def start_epoch(self, size: int, rng: np.random.Generator) -> tuple[np.ndarray, list[Tensor]]:
        """The order in which an epoch sees `size` samples, and the parameters that begin anew with
        it.
        """
        return rng.permutation(size), []

    def loss(self, x1: np.ndarray, x2: np.ndarray, ids: np.ndarray) -> Tensor:
        """The loss of two views (b, h, w, 3) of the samples `ids` (b,), a single number."""
        raise NotImplementedError

    def guess(self) -> float | None:
        """The loss, in nats, of a network that tells nothing apart; None where the method has no
        such number.
        """
        return None

    def after_step(self) -> dict:
        """What follows the optimiser's step (enqueue, for one); returns the step's diagnostics, for
        `train.health`.

        "z": embeddings (b, d) of view 1; of neighbours, where there are any, "anchor_ids",
        "neighbor_ids", "rows" and "ages", each (b,); "entropy" and "nmi" are numbers.
        """
        return {}
