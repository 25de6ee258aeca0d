"""The training loop: views, loss, backward, step; then the epoch's bookkeeping. It knows no method by name."""
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from tqdm import tqdm

from . import checkpoint, distributed
from .config import Config
from .datasets.dataset import Dataset, digests
from .datasets.loader import batches
from .datasets.views import PRESETS, Augmentation, two_views
from .evaluate.knn import leave_one_out_accuracy, nearest_others
from .interrupt import deferred_interrupt
from .kernels import target
from .kernels.memory import keep_freed_memory
from .methods import METHODS, Method
from .methods.support_set import unit_rows
from .models.features import encode
from .nn import LARS, SGD, AdamW, Module, Optimizer, warmup_cosine
from .soundness import Bounded, expect_finite_arrays, expect_progress, expect_same_data, not_finite
from .tensor import watch

Views = Augmentation | tuple[Augmentation, Augmentation]  # one for both views, or one each
GALLERY, QUERIES, SHOWN = 2000, 8, 6  # training images watched over the epochs; queries drawn, neighbours of each


class Run:
    """The state of a run: what a checkpoint holds, and so all that decides how it goes on."""

    def __init__(self, config: Config, train: Dataset, test: Dataset | None = None, limit: int | None = None):
        """A run at its first step. limit: how many weights may be drawn, for a run that will be loaded from a file."""
        if len(train) < 2:
            raise ValueError(f"expected at least 2 training images, got {len(train)}; add images, or use a larger "
                             "train_size")
        if len(train) < config.batch_size:
            raise ValueError(f"batch_size: {config.batch_size} is more than the {len(train)} training images; use "
                             f"batch_size {len(train)} or fewer")
        if config.batch_size % distributed.size():
            raise ValueError(f"batch_size: {config.batch_size} cannot be shared by {distributed.size()} ranks: "
                             f"expected a multiple of {distributed.size()}")
        self.config, self.epoch, self.step, self.seconds = config, 0, 0, 0.0
        seed, other = np.random.SeedSequence(config.seed).spawn(2)
        weights = np.random.default_rng(seed) if limit is None else Bounded(seed, limit)
        self.rng = np.random.default_rng(other)
        self.data, self.target = digests(train, test), target()  # its data; its processor
        kind = METHODS[config.method]
        self.method: Method = kind(kind.make_encoder(config, weights), config, weights, train)
        self.optimizer = make_optimizer(config, self.method)
        self.images, self.steps_per_epoch = len(train), len(train) // config.batch_size
        self.method.start(config.epochs * self.steps_per_epoch)
        self.metrics: list[dict] = []  # a row an epoch
        self.gallery: list[np.ndarray] = []  # (QUERIES, SHOWN) neighbours among the first GALLERY images, an epoch each
        # Of the epoch that is under way, if one is:
        self.order = np.empty(0, np.int64)  # its samples
        self.log: list[list[float]] = []  # a row a step: loss, HEALTH
        self.epoch_seconds = 0.0

    def save(self, path: Path) -> None:
        groups = {"method": self.method.state_dict(), "optimizer": self.optimizer.state_dict(),
                  "gallery": {str(i): a for i, a in enumerate(self.gallery)},
                  "epoch": {"order": self.order, "log": np.array(self.log).reshape(-1, 1 + len(HEALTH))}}
        checkpoint.save(path, groups, {"config": self.config.to_dict(), "epoch": self.epoch, "step": self.step,
                                       "seconds": self.seconds, "epoch_seconds": self.epoch_seconds,
                                       "rng": self.rng.bit_generator.state,
                                       "metrics": self.metrics, "data": self.data, "target": target()})

    def state(self) -> dict[str, np.ndarray]:
        """Every array that must be finite: weights, buffers and the optimiser's state."""
        optimizer = {f"optimizer {name}": a for name, a in self.optimizer.state_dict().items()}
        return {**{name: a for name, a in self.method.state_dict().items() if name not in self.method.undefined},
                **optimizer}

    def load(self, path: Path) -> None:
        """Continue from a checkpoint. Raises ValueError where it is damaged or its arrays do not fit."""
        groups, info = checkpoint.load(path)
        expect_same_data(path, info.get("data"), self.data)
        try:
            self.method.load_state_dict(groups["method"])
            self.optimizer.load_state_dict(groups["optimizer"])
            self.rng.bit_generator.state = info["rng"]
            self.epoch, self.step, self.seconds = info["epoch"], info["step"], info["seconds"]
            self.epoch_seconds, self.metrics = info["epoch_seconds"], info["metrics"]
            self.order, self.log = groups["epoch"]["order"], groups["epoch"]["log"].tolist()
            self.gallery = [groups["gallery"][str(i)] for i in range(len(groups.get("gallery", {})))]
            self.target = str(info.get("target", self.target))
            expect_progress(self, ("loss", *HEALTH))
        except (KeyError, ValueError, TypeError, AttributeError, OverflowError) as error:
            raise ValueError(f"{path} does not fit this run ({error})") from None
        expect_finite_arrays(path, self.state())


def make_optimizer(config: Config, method: Module) -> Optimizer:
    """The optimiser that a configuration names; sgd and lars get a rate in proportion to the batch."""
    lr = config.lr or (0.001 if config.optimizer == "adamw" else 0.24)
    parameters, rate, decay = method.parameters(), lr * config.batch_size / 128, config.weight_decay
    if config.optimizer == "adamw":
        return AdamW(parameters, lr, weight_decay=decay)
    if config.optimizer == "lars":
        return LARS(parameters, rate, config.momentum, decay)
    return SGD(parameters, rate, config.momentum, config.nesterov, decay)


def train(run: Run, data: Dataset, augmentations: Views, *, save: Callable[[Run], None] = lambda run: None,
          progress: bool | None = None, detect_anomaly: bool = False) -> None:
    """Train until run.config.epochs are done. progress: True or False, None for a bar on a terminal only.

    Calls save(run) when an epoch is whole, and on Ctrl-C, which then ends as KeyboardInterrupt. Raises
    FloatingPointError, with the step and the first op, where the loss is not finite; with detect_anomaly also where a
    gradient is not, before it reaches the weights.
    """
    keep_freed_memory()
    config, method, optimizer = run.config, run.method, run.optimizer
    total = config.epochs * run.steps_per_epoch
    base, warmup = optimizer.lr, round(config.warmup * total)
    mine = distributed.share(config.batch_size)  # of several ranks each has these rows of every batch
    with deferred_interrupt() as interrupted, tqdm(
            total=total, initial=run.step, disable=None if progress is None else not progress, unit="step",
            smoothing=0.05, dynamic_ncols=True) as bar:
        while run.epoch < config.epochs:
            if len(run.order) == 0:
                started = time.perf_counter()
                order, renewed = method.start_epoch(len(data), run.rng)
                run.order = order.astype(np.int64)  # NumPy 1.26 on Windows gives 32 bits
                optimizer.forget(renewed)
                run.epoch_seconds += time.perf_counter() - started
            for indices in batches(run.order, config.batch_size, first=run.step % run.steps_per_epoch):
                started = time.perf_counter()
                x1, x2 = views_of_batch(run, data, indices, augmentations, mine)
                optimizer.lr = warmup_cosine(run.step, total, warmup, base)
                loss = method.loss(x1, x2, indices[mine])
                value = distributed.average(loss.numpy()).item()
                if not np.isfinite(value):
                    explain("the loss", method, x1, x2, indices[mine], run)
                method.zero_grad()
                loss.backward()
                distributed.average_in_place([p.grad for p in method.parameters() if p.grad is not None])
                if detect_anomaly and not all(np.isfinite(p.grad).all() for p in optimizer.parameters
                                              if p.grad is not None):
                    explain("a gradient", method, x1, x2, indices[mine], run)
                optimizer.step()
                try:
                    found = method.after_step()
                except FloatingPointError as error:  # an embedding of length 0 cannot enter a queue
                    raise FloatingPointError(f"step {run.step + 1}, epoch {run.epoch + 1}: {error}: "
                                             f"{advice(config)}") from None
                run.log.append([value, *health(found, data.labels)])
                run.step += 1
                run.epoch_seconds += time.perf_counter() - started
                bar.update()
                if run.step % 10 == 0 and not bar.disable:
                    bar.set_description(f"epoch {run.epoch + 1}/{config.epochs}", refresh=False)
                    bar.set_postfix_str(status(run))
                if distributed.any_rank(interrupted.is_set()) and run.step % run.steps_per_epoch:
                    break
            expect_sound(run.state(), f"step {run.step}, epoch {run.epoch + 1}", config)  # before a save
            if run.step % run.steps_per_epoch == 0:
                end_epoch(run, data)
            save(run)
            if distributed.any_rank(interrupted.is_set()):
                raise KeyboardInterrupt
    optimizer.lr = base


def views_of_batch(run: Run, data: Dataset, indices: np.ndarray, augmentations: Views,
                   mine: slice) -> tuple[np.ndarray, np.ndarray]:
    """x1, x2: half of the views each of this rank's rows of a batch, view after view."""
    pairs = [two_views(data.images, indices, augmentations, run.rng, run.config.view_size, mine)
             for _ in range(run.config.views // 2)]
    if len(pairs) == 1:
        return pairs[0]
    return np.concatenate([x1 for x1, _ in pairs]), np.concatenate([x2 for _, x2 in pairs])


HEALTH = ("spread", "self_match", "age", "distinct", "agreement", "entropy", "nmi", "drift")


def health(found: dict, labels: np.ndarray) -> list[float]:
    """How a step's embeddings and neighbours are, as HEALTH names it; NaN where a method has no such thing.

    spread: 1 - |mean of the embeddings, each of length 1|^2, so 0 where all point the same way; self_match: share of
    neighbours that are the image itself, earlier; age: mean, in steps; distinct: different rows in the batch;
    agreement: share of the same class, for display only: no label reaches the training; entropy: of the weights of
    soft neighbours, in nats; nmi: of the clusters with those of the epoch before; drift: what NCE's constant Z ought to
    be, divided by what it is.
    """
    numbers = {name: found[name] for name in ("entropy", "nmi", "drift") if name in found}
    if "z" in found:
        numbers["spread"] = 1 - np.square(distributed.average(unit_rows(found["z"]).mean(axis=0))).sum()
    if "entropy" in found:
        numbers["entropy"] = distributed.average(np.asarray(found["entropy"])).item()
    if "rows" in found:
        whose = np.stack([found[name] for name in ("anchor_ids", "neighbor_ids", "rows", "ages")], axis=1)
        own, other, rows, ages = distributed.gather(whose).T
        numbers.update(self_match=(own == other).mean(), age=ages.mean(), distinct=len(np.unique(rows)),
                       agreement=(labels[own] == labels[other]).mean())
    return [float(numbers.get(name, np.nan)) for name in HEALTH]


def worries(guess: float | None, row: dict, batch_size: int) -> dict[str, str]:
    """What in an epoch's row of metrics looks like a collapse: a line for each kind."""
    found = {}
    if guess is not None and abs(row["loss"] - guess) < 0.01 * guess:
        found["guess"] = f"the loss, {row['loss']:.3f}, is within 1 % of a guess's, {guess:.3f}: nothing is told apart"
    if row["distinct"] < batch_size / 4:
        found["distinct"] = f"{row['distinct']:.0f} different neighbours in a batch of {batch_size}: most share a few"
    if row["spread"] < 0.05:
        found["spread"] = f"the embeddings point nearly the same way (spread {row['spread']:.3f}, at best 1)"
    return found


def means(log: list[list[float]]) -> dict[str, float]:
    """The mean of each column over the steps that have it."""
    columns = np.array(log).T
    return {name: float(column[~np.isnan(column)].mean()) if not np.isnan(column).all() else float("nan")
            for name, column in zip(("loss", *HEALTH), columns, strict=True)}


def status(run: Run) -> str:
    """What the progress bar says."""
    recent, views = means(run.log[-50:]), run.config.views * run.config.batch_size * len(run.log)
    agreement = "-" if np.isnan(recent["agreement"]) else f"{recent['agreement']:.0%}"
    return (f"loss {recent['loss']:.3f}, lr {run.optimizer.lr:.3f}, {views / run.epoch_seconds:.0f} views/s, "
            f"neighbours agree {agreement}")


def end_epoch(run: Run, data: Dataset) -> None:
    """The epoch's row of metrics, and a clean slate for the next one."""
    run.epoch, run.seconds = run.epoch + 1, run.seconds + run.epoch_seconds
    views = run.config.views * run.config.batch_size * len(run.log)
    run.metrics.append({"epoch": run.epoch, "step": run.step, "seconds": round(run.seconds, 3),
                        "views_per_second": round(views / run.epoch_seconds, 1), "lr": run.optimizer.lr,
                        **means(run.log), **look(run, data)})
    recent: list[dict] = [worries(run.method.guess(), row, run.config.batch_size) for row in run.metrics[-3:]]
    earlier, before, now = [{}, {}, *recent][-3:]
    for kind in (now.keys() & before.keys()) - earlier.keys():  # once, when it has lasted two epochs
        tqdm.write(f"epoch {run.epoch}: {now[kind]}", file=sys.stderr)
    run.order, run.log, run.epoch_seconds = run.order[:0], [], 0.0


def look(run: Run, data: Dataset) -> dict[str, float]:
    """Where the watched images lie now: keeps the queries' neighbours, returns a leave-one-out kNN accuracy."""
    watched = data.take(GALLERY)
    try:
        h = encode(run.method.encoder, watched.images)
    except FloatingPointError as error:  # features can overflow although the weights are finite
        raise FloatingPointError(f"step {run.step}, epoch {run.epoch}: {error}: {advice(run.config)}") from None
    run.gallery.append(nearest_others(h, QUERIES, SHOWN))
    return {"monitor_knn": leave_one_out_accuracy(h, watched.labels, run.config.knn_k, run.config.knn_temperature)}


def explain(what: str, method: Method, x1: np.ndarray, x2: np.ndarray, indices: np.ndarray, run: Run) -> None:
    """Walk the step again, watched, and stop with the name of the first op whose value or gradient is not finite."""
    where = f"step {run.step + 1}, epoch {run.epoch + 1}: {what} is not finite"
    expect_sound({name: p.data for name, p in method.named_parameters().items()}, where, run.config)
    for view in (x1, x2):
        broken = ~np.isfinite(view).all(axis=(1, 2, 3))
        if broken.any():
            sample = indices[broken.argmax() % len(indices)]
            raise FloatingPointError(f"{where}; a view of sample {sample} holds NaN or infinity")
    if distributed.size() == 1:  # of several, one could stop at an op while others wait for it at the next
        try:
            with watch():
                method.loss(x1, x2, indices).backward()
        except FloatingPointError as error:
            where += f"; {error}"
    raise FloatingPointError(f"{where}; batch of samples {indices[:8].tolist()}...: {advice(run.config)}")


def advice(config: Config) -> str:
    """Advice for a run whose numbers became too large: the options that are far from their usual values."""
    found = [f"a larger --{name.replace('_', '-')} than {value:g}" for name in ("temperature", "soft_temperature")
             if (value := getattr(config, name)) < 0.01]
    found += [f"a smaller --weight-decay than {config.weight_decay:g}"] * (config.weight_decay > 0.1)
    found += [f"a smaller --momentum than {config.momentum:g}"] * (config.momentum >= 1)
    return f"try {' and '.join([*found, *['a smaller --lr'] * (not found or (config.lr or 0) > 1)])}"


def expect_sound(arrays: dict[str, np.ndarray], where: str, config: Config) -> None:
    """Raise FloatingPointError with the name of the first array that contains NaN or infinity."""
    if name := not_finite(arrays):
        raise FloatingPointError(f"{where}; {name} holds NaN or infinity: {advice(config)}")


def augmentation_pair(name: str) -> Views:
    """The Augmentation (or the pair) that a preset's name stands for."""
    known: dict[str, Views] = {**PRESETS, "byol": (PRESETS["byol-1"], PRESETS["byol-2"])}
    if name not in known:
        raise ValueError(f"augmentation: expected one of {', '.join(known)}; got {name!r}")
    return known[name]


def views_example(data: Dataset, augmentations: Views, count: int, columns: int) -> np.ndarray:
    """(count, columns, h, w, 3) random views of the first images, for a picture; always the same."""
    rng = np.random.default_rng(0)
    views = [two_views(data.images, np.arange(count), augmentations, rng) for _ in range(columns // 2)]
    return np.stack([v for pair in views for v in pair], axis=1)
