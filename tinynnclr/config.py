"""Everything that can be set about a run: one frozen dataclass, stored in each checkpoint and result.

The command line is generated from it: `batch_size` is the flag --batch-size, a field's metadata is its help.
"""
import dataclasses
import re
import typing
from collections.abc import Container
from dataclasses import dataclass, field
from typing import Any

from .kernels.engine.checks import plain
from .methods import METHODS
from .models import ENCODERS, encoder_defaults
from .storage.messages import nearest

LARGEST, LONGEST = 2**31, 2**63  # a whole number must be smaller than this; a seed is stored as int64


def knob(default: Any, meaning: str, choices: tuple[str, ...] | None = None) -> Any:
    """A field with its meaning beside it, and its choices where it has only a few."""
    return field(default=default, metadata={"help": meaning, "choices": choices})


@dataclass(frozen=True)
class Config:
    """A run, in full. Raises ValueError, one line, for a value of the wrong type or out of range."""

    # What is learned, and from what
    method: str = knob("nnclr", "what is learned", tuple(METHODS))
    dataset: str = knob("toybox", "toybox, toybox-STYLE (night, sketch, fog, neon), cifar10, cifar100, fashion_mnist "
                               "or folder:PATH")
    data_dir: str = knob("data", "where downloaded data sets lie")
    train_size: int | None = knob(None, "use only so many training images (all; 20000 of toybox)")
    augmentation: str = knob("toybox", "preset of the random views; simclr is the usual one for photographs",
                             ("toybox", "simclr", "byol", "crop-only", "flip-only", "none"))
    view_size: int = knob(24, "pixels of a view's side; crops enlarge, so 24 shows things at about their own size")
    views: int = knob(2, "random views of each image in a step, an even number; more than two: simclr")
    # How long, how fast
    epochs: int = knob(8, "passes over the training images")
    batch_size: int = knob(256, "images in a step; each gives two views and batch_size - 1 negatives")
    threads: int | None = knob(None, "threads of the kernels (all cores)")
    seed: int = knob(0, "of everything random in the run")
    # The network
    encoder: str = knob("tiny_cnn", "images -> h", tuple(ENCODERS))
    width: int = knob(16, "channels after the first convolution; h has 8 times as many numbers (resnet, vit: 4)")
    standardize: bool = knob(True, "take brightness, colour cast and slopes of light away before the encoder")
    dim: int = knob(64, "length of an embedding z")
    projector_hidden: int = knob(256, "width of the projector's hidden layers")
    predictor_hidden: int = knob(256, "width of the predictor's hidden layer")
    # The loss
    temperature: float = knob(0.15, "divides the similarities before the softmax")
    queue_size: int = knob(4096, "rows of the support set (nnclr, snclr, byol) or of the queue of negatives (moco)")
    neighbors: bool = knob(True, "take the nearest neighbour as the positive (nnclr, byol); off: the embedding itself")
    neighbors_after: float = knob(0.5, "share of the run before neighbours are used; 0 is the paper's")
    told_agreement: float = knob(1.0, "share of neighbours of the anchor's class, chosen by the labels (dial)")
    told_nearest: bool = knob(False, "the nearest one of that kind rather than a random one (dial)")
    top_k: int = knob(1, "the positive is a random one of so many nearest neighbours (nnclr)")
    soft_neighbor: bool = knob(False, "the positive is the mean of all rows, weighed by a softmax (nnclr)")
    prototypes: int = knob(0, "so many running cluster centres take the queue's place, as in KMCLR (nnclr); 0: a queue")
    predictor: bool = knob(True, "put a predictor on top of the projector (nnclr)")
    both_directions: bool = knob(False, "let each prediction find its neighbour as well (nnclr)")
    momentum_encoder: bool = knob(False, "take neighbours and queue from a momentum encoder (nnclr)")
    ema: float = knob(0.99, "how much of itself a momentum encoder keeps in a step (moco, snclr, byol, nnclr)")
    symmetric: bool = knob(False, "let each view be query and key in turn (moco)")
    head: str = knob("v2", "v1: one linear layer, v2: two with ReLU between (moco)", ("v1", "v2"))
    head_norm: bool = knob(False, "end the head with a batch norm, which the papers have not (moco, cmc, "
                           "instance_discrimination)")
    # Banks and negatives
    bank_loss: str = knob("softmax", "softmax over all images, over bank_negatives of them, or binary (NCE) with a "
                          "constant Z (instance_discrimination, cmc)", ("softmax", "sampled", "nce"))
    bank_negatives: int = knob(4096, "images drawn as negatives, where they are (sampled, nce)")
    bank_momentum: float = knob(0.5, "how much of itself a row keeps when its image comes by")
    negatives: str = knob("all", "which candidates are negatives: all, the nearest (ball), or of these not the very "
                          "nearest (ring) (instance_discrimination, moco, cmc)", ("all", "ball", "ring"))
    ring_outer: float = knob(0.1, "a negative is among this share of the candidates nearest to the anchor")
    ring_inner: float = knob(0.1, "and not among this share of those (of all candidates: --ring-fixed) (ring)")
    ring_fixed: bool = knob(False, "ring_inner is a share of all candidates, however large the ball")
    anneal: str = knob("none", "how the ball shrinks from all candidates to ring_outer",
                       ("none", "linear", "step", "exponential"))
    anneal_until: float = knob(0.5, "share of the run after which it is as small as it gets")
    # Soft neighbours (snclr)
    soft_k: int = knob(5, "neighbours of each image that are positives as well")
    soft_temperature: float = knob(0.1, "of the softmax that says how much each of them counts")
    soft_weights: str = knob("inside", "weights inside the logarithm (the paper) or outside (its code)",
                             ("inside", "outside"))
    # Clusters (deepcluster)
    clusters: int = knob(100, "of the images, and so classes of the head; 5 to 10 times the true ones do best")
    pca: int = knob(64, "whitened directions in which images are clustered")
    kmeans_steps: int = knob(20, "rounds of k-means before each epoch")
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
            value, choices = plain(getattr(self, f.name)), f.metadata["choices"]
            object.__setattr__(self, f.name, value)
            types = typing.get_args(f.type) or (f.type,)
            if type(value) not in types and not (type(value) is int and float in types):  # a bool is no int, here
                raise ValueError(f"{f.name}: expected {' or '.join(t.__name__ for t in types)}, got {value!r}")
            if choices and value not in choices:
                raise ValueError(f"{f.name}: expected one of {', '.join(choices)}; "
                                 f"got {value!r}{nearest(value, choices)}")
            most = LONGEST if f.name == "seed" else LARGEST
            if type(value) is int and value >= most:
                got = f"{value:.3e}" if value < 10**300 else "one of more than 300 digits"
                raise ValueError(f"{f.name}: expected a number below {most}, got {got}")
        for name in ("epochs", "view_size", "width", "dim", "projector_hidden", "predictor_hidden", "queue_size",
                     "top_k", "bank_negatives", "pca", "kmeans_steps", "knn_k"):
            self._expect(name, getattr(self, name) >= 1, "at least 1")
        for name in ("train_size", "threads"):
            self._expect(name, getattr(self, name) is None or getattr(self, name) >= 1, "at least 1")
        for name in ("temperature", "soft_temperature", "knn_temperature"):
            self._expect(name, 0 < getattr(self, name) < float("inf"), "above 0")
        self._expect("lr", self.lr is None or 0 < self.lr < float("inf"), "above 0")
        for name in ("momentum", "weight_decay", "probe_strength", "seed", "soft_k", "prototypes"):
            self._expect(name, 0 <= getattr(self, name) < float("inf"), "0 or more")
        for name in ("batch_size", "clusters"):
            self._expect(name, getattr(self, name) >= 2, "at least 2")
        for name in ("told_agreement", "warmup", "neighbors_after", "ema", "bank_momentum", "ring_outer",
                     "ring_inner", "anneal_until"):
            self._expect(name, 0 <= getattr(self, name) <= 1, "0 to 1")
        self._expect("view_size", self.view_size > 1 or not self.standardize,
                     "at least 2, or no standardize, which makes a view of one pixel zero")
        self._expect("view_size", self.view_size % 4 == 0 or not self.encoder.startswith("vit"),
                     "a multiple of 4, the patches of a vit")
        self._expect("views", self.views >= 2 and self.views % 2 == 0, "an even number from 2 on")
        self._expect("views", self.views == 2 or METHODS[self.method].many_views, "2 with this method")
        self._expect("top_k", self.top_k <= (self.prototypes or self.queue_size), "no more than there are rows")

    def _expect(self, name, fine, expected):
        if not fine:
            raise ValueError(f"{name}: expected {expected}, got {getattr(self, name)!r}")

    @classmethod
    def of(cls, given: dict) -> "Config":
        """What is given, over the defaults of that method and encoder. Raises ValueError as `from_dict` does."""
        method = METHODS.get(str(given.get("method", cls.method)))  # str: what is no text is refused below
        encoder = encoder_defaults(str(given.get("encoder", cls.encoder)))
        return cls.from_dict({**(method.defaults if method else {}), **encoder, **given})

    def to_dict(self) -> dict:
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: dict) -> "Config":
        """Raises ValueError for a key that is not a field, with the nearest name."""
        names = [f.name for f in dataclasses.fields(cls)]
        if not isinstance(values, dict):
            raise ValueError(f"config: expected fields with their values, got {values!r}")
        for key in values:
            if key not in names:
                raise ValueError(f"config: unknown key {key!r}{nearest(key, names)}")
        return cls(**values)


def flag_names(message: str, own: Container[str] = ()) -> str:
    """The message with field names as flags, --batch-size for batch_size, except the `own` options of an arm."""
    for f in dataclasses.fields(Config):
        if f.name not in own and ("_" in f.name or message.startswith(f"{f.name}: ")):
            message = re.sub(rf"(?<![\w'-]){f.name}(?![\w'])", f"--{f.name.replace('_', '-')}", message)
    return message
