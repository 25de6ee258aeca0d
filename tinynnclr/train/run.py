"""A run: the state that a checkpoint holds, and that decides how training resumes."""
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from .. import distributed
from ..config import Config
from ..datasets.dataset import Dataset, batches
from ..datasets.digests import digests, expect_same_data
from ..datasets.views import Views, make_views
from ..kernels import target
from ..models import Encoder
from ..nn import LARS, SGD, AdamW, Module, Optimizer
from ..storage import checkpoint
from ..storage.validate import Bounded, expect_finite_arrays, expect_progress
from .loop import Task

DIAGNOSTICS = ("embedding_variance", "self_match_rate", "neighbor_age", "unique_neighbors",
               "neighbor_accuracy", "entropy", "nmi", "drift")  # see diagnostics.step_diagnostics


class Run(Task):
    """The state of a run: all that a checkpoint holds and that decides how training resumes.

    >>> import tinynnclr as tn
    >>> tn.Run(tn.SimCLR.Config(batch_size=32), tn.datasets.load("toybox", train_size=64)[0])
    Run(simclr on 64 images of toybox, epoch 0 of 50, step 0 of 100, seed 0)
    """

    def __init__(self, config: Config, train: Dataset, test: Dataset | None = None,
                 limit: int | None = None):
        """A run at its first step; limit: how many weights may be drawn, if they will be loaded."""
        expect_batches(config, len(train))
        self.config = config
        seed, views_seed = np.random.SeedSequence(config.seed).spawn(2)
        weights = np.random.default_rng(seed) if limit is None else Bounded(seed, limit)
        self.rng = np.random.default_rng(views_seed)
        self.data = digests(train, test)
        self.target = target()  # the processor
        encoder = config.kind.make_encoder(config, weights)
        method = config.kind(encoder, config, weights, train)
        self.images = len(train)
        self.steps_per_epoch = len(train) // config.batch_size
        steps = config.epochs * self.steps_per_epoch
        super().__init__(method, make_optimizer(config, method), steps,
                         round(config.warmup * steps))
        self.epoch, self.seconds = 0, 0.0
        self.metrics: list[dict] = []  # a row an epoch
        # (QUERIES, SHOWN) neighbours among the first GALLERY images, for epochs with monitor_knn
        self.gallery: list[np.ndarray] = []
        # of the current epoch:
        self.order = np.empty(0, np.int64)  # its samples
        self.log: list[list[float]] = []  # a row a step: loss, DIAGNOSTICS
        self.epoch_seconds = 0.0

    @property
    def encoder(self) -> Encoder:
        """The current encoder."""
        return self.method.encoder

    def __repr__(self) -> str:
        done = f"epoch {self.epoch} of {self.config.epochs}, step {self.step} of {self.steps}"
        return (f"Run({self.config.method} on {self.images:,} images of {self.config.dataset}, "
                f"{done}, seed {self.config.seed})")

    def batches(self, data: Dataset, augmentations: Views) -> Iterator[tuple[list, np.ndarray]]:
        """(views, ids) of all remaining steps; with several ranks, this rank's rows of them."""
        rows = distributed.shard(self.config.batch_size)
        while self.epoch < self.config.epochs:
            if len(self.order) == 0:
                order, renewed = self.method.start_epoch(len(data), self.rng)
                self.order = order.astype(np.int64)  # NumPy 1.26 on Windows gives 32 bits
                if len(order) // self.config.batch_size != self.steps_per_epoch:
                    raise ValueError(f"{type(self.method).__name__}.start_epoch: expected an order "
                                     f"of {self.images} samples, got {len(order)}")
                self.optimizer.forget(renewed)
            first = self.step % self.steps_per_epoch
            for ids in batches(self.order, self.config.batch_size, first):
                yield make_views(data.images, ids, augmentations, self.method.n_views, self.rng,
                                 self.config.view_size, rows), ids[rows]

    def save(self, path: Path) -> None:
        """Write a checkpoint."""
        log = np.array(self.log).reshape(-1, 1 + len(DIAGNOSTICS))
        groups = {"method": self.method.state_dict(), "optimizer": self.optimizer.state_dict(),
                  "gallery": {str(i): a for i, a in enumerate(self.gallery)},
                  "epoch": {"order": self.order, "log": log}}
        checkpoint.save(path, groups, {"config": self.config.to_dict(), "epoch": self.epoch,
                                       "step": self.step, "seconds": self.seconds,
                                       "epoch_seconds": self.epoch_seconds,
                                       "rng": self.rng.bit_generator.state, "metrics": self.metrics,
                                       "data": self.data, "target": target()})

    def state(self) -> dict[str, np.ndarray]:
        """Every array that must be finite: weights, buffers and the optimiser's state."""
        arrays = self.method.state_dict()
        finite = {name: a for name, a in arrays.items() if name not in self.method.undefined}
        optimizer = {f"optimizer {name}": a for name, a in self.optimizer.state_dict().items()}
        return {**finite, **optimizer}

    def load(self, path: Path) -> None:
        """Load a checkpoint. Raises ValueError if it is damaged or does not fit."""
        groups, info = checkpoint.load(path)
        expect_same_data(path, info.get("data"), self.data)
        try:
            self.method.load_state_dict(groups["method"])
            self.optimizer.load_state_dict(groups["optimizer"])
            self.rng.bit_generator.state = info["rng"]
            self.epoch, self.step, self.seconds = info["epoch"], info["step"], info["seconds"]
            self.epoch_seconds, self.metrics = info["epoch_seconds"], info["metrics"]
            self.order, self.log = groups["epoch"]["order"], groups["epoch"]["log"].tolist()
            gallery = groups.get("gallery", {})
            self.gallery = [gallery[str(i)] for i in range(len(gallery))]
            self.target = str(info.get("target", self.target))
            expect_progress(self, ("loss", *DIAGNOSTICS))
        except (KeyError, ValueError, TypeError, AttributeError, OverflowError) as error:
            raise ValueError(f"{path} does not fit this run ({error})") from None
        expect_finite_arrays(path, self.state())


def expect_batches(config: Config, images: int) -> None:
    """Raise ValueError if a batch exceeds the training set, or if ranks cannot share it."""
    if images < 2:
        raise ValueError(f"expected at least 2 training images, got {images}; add images, or use a "
                         "larger train_size")
    if images < config.batch_size:
        raise ValueError(f"batch_size: {config.batch_size} is more than the {images} training "
                         f"images; use batch_size {images} or fewer")
    ranks = distributed.size()
    if config.batch_size % ranks:
        raise ValueError(f"batch_size: {config.batch_size} cannot be shared by {ranks} ranks: "
                         f"expected a multiple of {ranks}")


def make_optimizer(config: Config, method: Module) -> Optimizer:
    """The configured optimiser; the learning rate of sgd and lars is scaled with the batch."""
    rate = config.lr * config.batch_size / 128
    parameters, decay = method.parameters(), config.weight_decay
    if config.optimizer == "adamw":
        return AdamW(parameters, config.lr, weight_decay=decay)
    if config.optimizer == "lars":
        return LARS(parameters, rate, config.momentum, decay)
    return SGD(parameters, rate, config.momentum, config.nesterov, decay)
