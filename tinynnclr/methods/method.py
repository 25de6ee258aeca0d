"""The interface between a method and the training loop: views of images in, a Step out."""
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

import numpy as np

from ..config import Config as RunConfig
from ..config import option
from ..datasets.dataset import Dataset
from ..models import Encoder, make_encoder
from ..nn import Module
from ..tensor import Tensor
from .support_set import Neighbors


class Progress(NamedTuple):
    """The number of steps done, and of all steps of the run.

    >>> Progress(step=3, steps=10).before(0.5)
    True
    """

    step: int = 0
    steps: int = 1

    def before(self, share: float) -> bool:
        """Whether less than this fraction of the steps is done."""
        return self.step < round(share * self.steps)


START = Progress()


@dataclass(eq=False)
class Step:
    """A method's result for a batch: the loss, and what `after_step` and the metrics need."""

    loss: Tensor
    ids: np.ndarray  # (b,) the samples
    z: np.ndarray | None = None  # (b, d) embeddings of view 1
    neighbors: Neighbors | None = None  # of view 1, if they were used
    keys: tuple[np.ndarray, ...] = ()  # each (b, d): what after_step stores in the method's banks
    chance_loss: float | None = None  # the loss, in nats, if all embeddings are equal
    metrics: dict[str, float] = field(default_factory=dict)  # "entropy", "nmi", "drift"
    value: float = float("nan")  # the loss, the mean over all ranks; the loop sets it

    def __post_init__(self):
        if not isinstance(self.loss, Tensor) or self.loss.data.size != 1:
            raise TypeError("Step: loss: expected a Tensor with one number, got "
                            f"{type(self.loss).__name__} {getattr(self.loss, 'shape', '')}")
        if not isinstance(self.z, np.ndarray | None):
            raise TypeError("Step: z: expected an array, as z.numpy(), got "
                            f"{type(self.z).__name__}")


@dataclass(frozen=True)
class EmbeddingConfig:
    """Options of a method with a projector h -> z."""

    dim: int = option(64, "number of features of an embedding z", least=1)
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
    """An encoder and what a paper adds to it. Its banks are arrays, saved with the weights.

    config is a `Class.Config`, a frozen dataclass with the options of the method. data is the
    training set: it sets the size of a memory bank, DeepCluster clusters its images, and methods
    with `uses_labels` read its labels. Between two calls a method keeps only weights and banks.
    """

    Config: ClassVar[type[RunConfig]] = RunConfig
    name: ClassVar[str] = ""  # for commands and files; if empty, the class's name in lower case

    experiment: ClassVar[bool] = False  # not included in `--methods all`
    uses_labels: ClassVar[bool] = False  # training uses the labels of the training images
    undefined: ClassVar[tuple[str, ...]] = ()  # arrays of its state that may contain NaN
    n_views: int = 2  # random views of each image in a step

    def __init_subclass__(cls):
        super().__init_subclass__()
        if not issubclass(cls.Config, RunConfig):
            raise TypeError(f"{cls.__name__}.Config: expected a subclass of tinynnclr.Config, got "
                            f"{cls.Config}")
        if "Config" in vars(cls) and "__dataclass_fields__" not in vars(cls.Config):
            raise TypeError(f"{cls.__name__}.Config: expected a dataclass; write "
                            "@dataclass(frozen=True) above it")
        if "Config" not in vars(cls) or "kind" in vars(cls.Config):  # each class has its own
            config_class = type("Config", (cls.Config,), {"__module__": cls.__module__})
            cls.Config = dataclass(frozen=True)(config_class)
        cls.name = vars(cls).get("name") or cls.__name__.lower()
        cls.Config.method, cls.Config.kind = cls.name, cls
        cls.Config.__repr__ = RunConfig.__repr__  # type: ignore[method-assign]
        cls.Config.__qualname__ = f"{cls.__qualname__}.Config"

    def __init__(self, encoder: Encoder, config: Any, rng: np.random.Generator, data: Dataset):
        self.encoder = encoder

    @staticmethod
    def make_encoder(config: Any, rng: np.random.Generator) -> Encoder:
        """The encoder of this method."""
        return make_encoder(config, rng)

    def start_epoch(self, size: int, rng: np.random.Generator) -> tuple[np.ndarray, list[Tensor]]:
        """The order of the `size` samples in an epoch, and the parameters that it reinitialises."""
        return rng.permutation(size), []

    def forward(self, views: Sequence[np.ndarray], ids: np.ndarray,
                progress: Progress = START) -> Step:
        """The loss of `n_views` views, each (b, h, w, 3), of the samples `ids` (b,)."""
        raise NotImplementedError(f"{type(self).__name__}: define forward(views, ids, progress)")

    def after_step(self, step: Step) -> None:
        """Called after the optimiser's step: enqueue embeddings, update a momentum encoder."""
