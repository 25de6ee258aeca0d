"""Everything that can be set about a run: one frozen dataclass, stored in each checkpoint and result.

The command line is generated from it: `batch_size` is the flag --batch-size, a field's metadata is its help.
"""
import dataclasses
import difflib
import typing
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any


def knob(default: Any, meaning: str, choices: tuple[str, ...] | None = None) -> Any:
    """A field with its meaning beside it, and its choices where it has only a few."""
    return field(default=default, metadata={"help": meaning, "choices": choices})


@dataclass(frozen=True)
class Config:
    """A run, in full. Raises ValueError, one line, for a value of the wrong type or out of range."""

    # What is learned, and from what
    method: str = knob("nnclr", "what is learned", ("nnclr", "simclr"))
    dataset: str = knob("toybox", "toybox, cifar10, cifar100, fashion_mnist or folder:PATH")
    data_dir: str = knob("data", "where downloaded data sets lie")
    train_size: int | None = knob(None, "use only so many training images (all; 20000 of toybox)")
    augmentation: str = knob("toybox", "preset of the random views; simclr is the usual one for photographs",
                             ("toybox", "simclr", "byol", "crop-only", "flip-only", "none"))
    view_size: int = knob(24, "pixels of a view's side; crops enlarge, so 24 shows things at about their own size")
    # How long, how fast
    epochs: int = knob(8, "passes over the training images")
    batch_size: int = knob(256, "images in a step; each gives two views and batch_size - 1 negatives")
    threads: int | None = knob(None, "threads of the kernels (all cores)")
    seed: int = knob(0, "of everything random in the run")
    # The network
    encoder: str = knob("tiny_cnn", "images -> h", ("tiny_cnn",))
    width: int = knob(16, "channels after the first convolution; the last has 8 times as many")
    standardize: bool = knob(True, "take brightness, colour cast and slopes of light away before the encoder")
    dim: int = knob(64, "length of an embedding z")
    projector_hidden: int = knob(256, "width of the projector's two hidden layers")
    predictor_hidden: int = knob(256, "width of the predictor's hidden layer")
    # The loss
    temperature: float = knob(0.15, "divides the similarities before the softmax")
    queue_size: int = knob(4096, "rows of the support set; more than a quarter of the images invites self-matches")
    neighbors: bool = knob(True, "take the nearest neighbour as the positive; off: the embedding itself")
    neighbors_after: float = knob(0.5, "share of the run before neighbours are used; 0 is the paper's")
    # The optimiser
    optimizer: str = knob("sgd", "sgd, lars or adamw", ("sgd", "lars", "adamw"))
    lr: float | None = knob(None, "learning rate at batch 128, scaled with the batch (0.24; adamw: 0.001 as it is)")
    momentum: float = knob(0.9, "of sgd and lars")
    nesterov: bool = knob(False, "look ahead (sgd)")
    weight_decay: float = knob(5e-4, "pull towards zero; not on biases and norms")
    warmup: float = knob(0.05, "share of the steps over which the learning rate rises before its cosine")
    # The evaluation
    knn_k: int = knob(20, "neighbours that vote")
    knn_temperature: float = knob(0.1, "their votes weigh exp(similarity / temperature)")
    probe_strength: float = knob(1e-3, "weight decay of the linear probe")

    def __post_init__(self):
        for f in dataclasses.fields(self):
            value, choices = getattr(self, f.name), f.metadata["choices"]
            types = typing.get_args(f.type) or (f.type,)
            if type(value) not in types and not (type(value) is int and float in types):  # a bool is no int, here
                raise ValueError(f"{f.name}: expected {' or '.join(t.__name__ for t in types)}, got {value!r}")
            if choices and value not in choices:
                raise ValueError(f"{f.name}: expected one of {', '.join(choices)}; "
                                 f"got {value!r}{nearest(value, choices)}")
        for name in ("epochs", "view_size", "width", "dim", "projector_hidden", "predictor_hidden", "queue_size",
                     "knn_k"):
            self._expect(name, getattr(self, name) >= 1, "at least 1")
        for name in ("train_size", "threads"):
            self._expect(name, getattr(self, name) is None or getattr(self, name) >= 1, "at least 1")
        for name in ("temperature", "knn_temperature"):
            self._expect(name, 0 < getattr(self, name) < float("inf"), "above 0")
        self._expect("lr", self.lr is None or 0 < self.lr < float("inf"), "above 0")
        for name in ("momentum", "weight_decay", "probe_strength", "seed"):
            self._expect(name, 0 <= getattr(self, name) < float("inf"), "0 or more")
        self._expect("batch_size", self.batch_size >= 2, "at least 2")
        for name in ("warmup", "neighbors_after"):
            self._expect(name, 0 <= getattr(self, name) <= 1, "0 to 1")

    def _expect(self, name, fine, expected):
        if not fine:
            raise ValueError(f"{name}: expected {expected}, got {getattr(self, name)!r}")

    def to_dict(self) -> dict:
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: dict) -> "Config":
        """Raises ValueError for a key that is not a field, with the nearest name."""
        names = [f.name for f in dataclasses.fields(cls)]
        for key in values:
            if key not in names:
                raise ValueError(f"config: unknown key {key!r}{nearest(key, names)}")
        return cls(**values)


def nearest(word: object, known: Iterable[str]) -> str:
    """", did you mean X?" where something known looks like the word, else ""."""
    found = difflib.get_close_matches(str(word), list(known), n=1, cutoff=0.5)
    return f", did you mean {found[0]}?" if found else ""
