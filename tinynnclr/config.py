"""The options of every run, a frozen dataclass; each method adds its own in `Method.Config`.

The command line is generated from it: `batch_size` is the flag --batch-size, and a field's metadata
holds its help, its range and its choices.
"""
import dataclasses
from dataclasses import dataclass, field
from typing import Any, ClassVar

from .kernels.engine.checks import plain
from .models import ENCODERS, encoder_defaults
from .storage.options import expect_option


def option(default: Any, meaning: str, group: str = "", *, choices: tuple[str, ...] | None = None,
           least: float | None = None, above: float | None = None,
           most: float | None = None) -> Any:
    """A field with its help, its range (least <= value <= most, value > above) and its choices."""
    return field(default=default, metadata={"help": meaning, "group": group, "choices": choices,
                                            "least": least, "above": above, "most": most})


def with_default(config: Any, name: str, default: Any) -> Any:
    """The option of another class with another default."""
    return field(default=default, metadata=config.__dataclass_fields__[name].metadata)


@dataclass(frozen=True)
class Config:
    """The configuration of a run. Raises ValueError for a value of the wrong type or out of range.

    optimizer, lr, weight_decay and warmup: None becomes what suits the encoder (AdamW for a vit).

    >>> Config(encoder="vit").with_options(seed=1)
    Config(seed=1, encoder='vit', optimizer='adamw', lr=0.001, weight_decay=0.05, warmup=0.1)
    """

    method: ClassVar[str] = ""  # the name of the method whose Config this is
    given: ClassVar[dict[str, Any]] = {}  # of an object: its values before defaults were filled in
    kind: ClassVar[Any] = None  # its class
    rates: ClassVar[dict[str, float]] = {"sgd": 0.96, "lars": 0.96, "adamw": 0.001}  # default lr

    dataset: str = option("toybox", "toybox, toybox-STYLE (night, sketch, fog, neon), cifar10, "
                          "cifar100, fashion_mnist or folder:PATH", "data")
    data_dir: str = option("data", "folder of downloaded data sets", "data")
    train_size: int | None = option(None, "number of training images (all; 5000 of toybox)",
                                    "data", least=1)
    augmentation: str = option("toybox", "preset of the random views; simclr is usual for "
                               "photographs", "views", choices=("toybox", "simclr", "byol",
                                                                "crop-only", "flip-only", "none"))
    view_size: int = option(24, "height and width of a view in pixels", "views", least=1)
    epochs: int = option(50, "passes over the training images", "length and speed", least=1)
    batch_size: int = option(256, "images per step", "length and speed", least=2)
    threads: int | None = option(None, "threads of the kernels (all cores)", "length and speed",
                                 least=1)
    seed: int = option(0, "seed of all random numbers", "length and speed", least=0)
    encoder: str = option("tiny_cnn", "network from images to features h", "encoder",
                          choices=tuple(ENCODERS))
    width: int = option(16, "channels after the first convolution; h has 8 times as many features "
                        "(resnet, vit: 4 times)", "encoder", least=1)
    detrend: bool = option(True, "subtract each channel's best-fitting plane and divide by the "
                           "remaining standard deviation, before the encoder", "encoder")
    optimizer: str = option(None, "the optimiser (sgd; vit: adamw)", "optimiser",
                            choices=("sgd", "lars", "adamw"))
    lr: float = option(None, "learning rate at batch size 128, scaled with the batch (0.96; "
                              "adamw: 0.001, not scaled)", "optimiser", above=0)
    momentum: float = option(0.9, "momentum of sgd and lars", "optimiser", least=0)
    nesterov: bool = option(False, "Nesterov momentum (sgd)", "optimiser")
    weight_decay: float = option(None, "weight decay, except on biases and norms (0.0005; vit: "
                                 "0.05)", "optimiser", least=0)
    warmup: float = option(None, "fraction of the steps in which the learning rate rises, before "
                           "the cosine decay (0.05; vit: 0.1)", "optimiser", least=0, most=1)
    knn_k: int = option(20, "number of neighbours in the kNN evaluation", "evaluation", least=1)
    knn_temperature: float = option(0.1, "a neighbour's vote is exp(similarity / temperature)",
                                    "evaluation", above=0)
    probe_strength: float = option(1e-3, "weight decay of the linear probe", "evaluation", least=0)

    def __post_init__(self):
        defaults = {"optimizer": "sgd", "weight_decay": 5e-4, "warmup": 0.05,
                    **encoder_defaults(str(self.encoder))}
        defaults["lr"] = self.rates.get(str(self.optimizer or defaults["optimizer"]))
        object.__setattr__(self, "given", {f.name: getattr(self, f.name)
                                           for f in dataclasses.fields(self)})
        for f in dataclasses.fields(self):
            value = plain(getattr(self, f.name))
            object.__setattr__(self, f.name, defaults.get(f.name) if value is None else value)
            expect_option(f, getattr(self, f.name))
        self.check()

    def check(self) -> None:
        """Raise ValueError for values that contradict each other."""
        if self.detrend:
            self.expect("view_size", self.view_size > 1,
                        "at least 2, or no detrend, which makes a view of one pixel zero")
        if self.encoder.startswith("vit"):
            self.expect("view_size", self.view_size % 4 == 0,
                        "a multiple of 4, the size of a vit's patches")

    def expect(self, name: str, valid: bool, expected: str) -> None:
        """Raise ValueError with the option's name and value unless it is valid."""
        if not valid:
            raise ValueError(f"{name}: expected {expected}, got {getattr(self, name)!r}")

    def __repr__(self) -> str:
        """The options that differ from the defaults."""
        defaults = type(self)()
        changed = [f"{f.name}={getattr(self, f.name)!r}" for f in dataclasses.fields(self)
                   if getattr(self, f.name) != getattr(defaults, f.name)]
        return f"{type(self).__qualname__}({', '.join(changed)})"

    def with_options(self, **options: Any) -> "Config":
        """The same configuration with other values of some options.

        Unlike `dataclasses.replace`, options that follow from the encoder follow from the new one.
        """
        return type(self)(**{**self.given, **options})

    def to_dict(self) -> dict:
        """All options by name, and the method's name."""
        return {"method": self.method, **dataclasses.asdict(self)}

    def common(self) -> dict:
        """The options that every method has, by name."""
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(Config)}
