"""The state of a run: what a checkpoint holds, and so all that decides how it goes on."""
from pathlib import Path

import numpy as np

from .. import distributed
from ..config import Config
from ..datasets.dataset import Dataset, digests, expect_same_data
from ..kernels import target
from ..methods import Method
from ..nn import LARS, SGD, AdamW, Module, Optimizer
from ..storage import checkpoint
from ..storage.validate import Bounded, expect_finite_arrays, expect_progress

# see diagnostics.health
HEALTH = ("embedding_variance", "self_match_rate", "neighbor_age", "unique_neighbors",
          "neighbor_accuracy", "entropy", "nmi", "drift")


class Run:
    """The state of a run: what a checkpoint holds, and so all that decides how it goes on."""

    def __init__(self, config: Config, train: Dataset, test: Dataset | None = None,
                 limit: int | None = None):
        """A run at its first step. limit: how many weights may be drawn, for a run that will be
        loaded from a file.
        """
        if len(train) < 2:
            raise ValueError(f"expected at least 2 training images, got {len(train)}; add images, "
                             "or use a larger train_size")
        if len(train) < config.batch_size:
            raise ValueError(f"batch_size: {config.batch_size} is more than the {len(train)} "
                             f"training images; use batch_size {len(train)} or fewer")
        if config.batch_size % distributed.size():
            raise ValueError(f"batch_size: {config.batch_size} cannot be shared by "
                             f"{distributed.size()} ranks: expected a multiple of "
                             f"{distributed.size()}")
        self.config, self.epoch, self.step, self.seconds = config, 0, 0, 0.0
        seed, other = np.random.SeedSequence(config.seed).spawn(2)
        weights = np.random.default_rng(seed) if limit is None else Bounded(seed, limit)
        self.rng = np.random.default_rng(other)
        self.data, self.target = digests(train, test), target()  # its data; its processor
        self.method: Method = config.kind(config.kind.make_encoder(config, weights), config,
                                          weights, train)
        self.optimizer = make_optimizer(config, self.method)
        self.images, self.steps_per_epoch = len(train), len(train) // config.batch_size
        self.method.start(config.epochs * self.steps_per_epoch)
        self.metrics: list[dict] = []  # a row an epoch
        # (QUERIES, SHOWN) neighbours among the first GALLERY images, an epoch each
        self.gallery: list[np.ndarray] = []
        # Of the epoch that is under way, if one is:
        self.order = np.empty(0, np.int64)  # its samples
        self.log: list[list[float]] = []  # a row a step: loss, HEALTH
        self.epoch_seconds = 0.0

    def save(self, path: Path) -> None:
        groups = {"method": self.method.state_dict(), "optimizer": self.optimizer.state_dict(),
                  "gallery": {str(i): a for i, a in enumerate(self.gallery)},
                  "epoch": {"order": self.order, "log": np.array(self.log).reshape(-1,
                                                                                   1
                                                                                   + len(HEALTH))}}
        checkpoint.save(path, groups, {"config": self.config.to_dict(), "epoch": self.epoch,
                                       "step": self.step, "seconds": self.seconds,
                                       "epoch_seconds": self.epoch_seconds,
                                       "rng": self.rng.bit_generator.state, "metrics": self.metrics,
                                       "data": self.data, "target": target()})

    def state(self) -> dict[str, np.ndarray]:
        """Every array that must be finite: weights, buffers and the optimiser's state."""
        optimizer = {f"optimizer {name}": a for name, a in self.optimizer.state_dict().items()}
        return {**{name: a for name,
                   a in self.method.state_dict().items() if name not in self.method.undefined},
                **optimizer}

    def load(self, path: Path) -> None:
        """Continue from a checkpoint. Raises ValueError where it is damaged or its arrays do not
        fit.
        """
        groups, info = checkpoint.load(path)
        expect_same_data(path, info.get("data"), self.data)
        try:
            self.method.load_state_dict(groups["method"])
            self.optimizer.load_state_dict(groups["optimizer"])
            self.rng.bit_generator.state = info["rng"]
            self.epoch, self.step, self.seconds = info["epoch"], info["step"], info["seconds"]
            self.epoch_seconds, self.metrics = info["epoch_seconds"], info["metrics"]
            self.order, self.log = groups["epoch"]["order"], groups["epoch"]["log"].tolist()
            self.gallery = [groups["gallery"][str(i)] for i
                            in range(len(groups.get("gallery", {})))]
            self.target = str(info.get("target", self.target))
            expect_progress(self, ("loss", *HEALTH))
        except (KeyError, ValueError, TypeError, AttributeError, OverflowError) as error:
            raise ValueError(f"{path} does not fit this run ({error})") from None
        expect_finite_arrays(path, self.state())


def make_optimizer(config: Config, method: Module) -> Optimizer:
    """The optimiser that a configuration names; sgd and lars get a rate in proportion to the batch.
    """
    lr = config.lr or (0.001 if config.optimizer == "adamw" else 0.24)
    parameters, rate, decay = method.parameters(), lr * config.batch_size / 128, config.weight_decay
    if config.optimizer == "adamw":
        return AdamW(parameters, lr, weight_decay=decay)
    if config.optimizer == "lars":
        return LARS(parameters, rate, config.momentum, decay)
    return SGD(parameters, rate, config.momentum, config.nesterov, decay)
