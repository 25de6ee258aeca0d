"""The training loop: views, loss, backward, step; then the epoch's bookkeeping. It knows no method
by name.
"""
import sys
import time
from collections.abc import Callable

import numpy as np
from tqdm import tqdm

from .. import distributed
from ..datasets.dataset import Dataset, batches
from ..datasets.views import Views, two_views
from ..kernels.engine.malloc import keep_freed_memory
from ..nn import warmup_cosine
from .diagnostics import advice, expect_sound, explain, health, look, means, worries
from .run import Run
from .sigint import deferred_interrupt


def train(run: Run, data: Dataset, augmentations: Views, *,
          save: Callable[[Run], None] = lambda run: None, progress: bool | None = None,
          detect_anomaly: bool = False) -> None:
    """Train until run.config.epochs are done. progress: True or False, None for a bar on a terminal
    only.

    Calls save(run) when an epoch is whole, and on Ctrl-C, which then ends as KeyboardInterrupt.
    Raises FloatingPointError, with the step and the first op, where the loss is not finite; with
    detect_anomaly also where a gradient is not, before it reaches the weights.
    """
    keep_freed_memory()
    config, method, optimizer = run.config, run.method, run.optimizer
    total = config.epochs * run.steps_per_epoch
    base, warmup = optimizer.lr, round(config.warmup * total)
    # of several ranks each has these rows of every batch
    mine = distributed.shard(config.batch_size)
    with deferred_interrupt() as interrupted, tqdm(total=total, initial=run.step,
                                                   disable=None if progress is None else
                                                   not progress, unit="step", smoothing=0.05,
                                                   dynamic_ncols=True) as bar:
        while run.epoch < config.epochs:
            if len(run.order) == 0:
                started = time.perf_counter()
                order, renewed = method.start_epoch(len(data), run.rng)
                run.order = order.astype(np.int64)  # NumPy 1.26 on Windows gives 32 bits
                optimizer.forget(renewed)
                run.epoch_seconds += time.perf_counter() - started
            for indices in batches(run.order, config.batch_size,
                                   first=run.step % run.steps_per_epoch):
                started = time.perf_counter()
                x1, x2 = views_of_batch(run, data, indices, augmentations, mine)
                optimizer.lr = warmup_cosine(run.step, total, warmup, base)
                loss = method.loss(x1, x2, indices[mine])
                value = distributed.all_reduce_mean(loss.numpy()).item()
                if not np.isfinite(value):
                    explain("the loss", method, x1, x2, indices[mine], run)
                method.zero_grad()
                loss.backward()
                distributed.all_reduce_mean_([p.grad for p in method.parameters() if p.grad is
                                              not None])
                if detect_anomaly and not all(np.isfinite(p.grad).all() for p
                                              in optimizer.parameters if p.grad is not None):
                    explain("a gradient", method, x1, x2, indices[mine], run)
                optimizer.step()
                try:
                    found = method.after_step()
                except FloatingPointError as error:  # an embedding of length 0 cannot enter a queue
                    raise FloatingPointError(f"step {run.step + 1}, epoch {run.epoch + 1}: "
                                             f"{error}: {advice(config)}") from None
                run.log.append([value, *health(found, data.labels)])
                run.step += 1
                run.epoch_seconds += time.perf_counter() - started
                bar.update()
                if run.step % 10 == 0 and not bar.disable:
                    bar.set_description(f"epoch {run.epoch + 1}/{config.epochs}", refresh=False)
                    bar.set_postfix_str(status(run))
                if distributed.any_rank(interrupted.is_set()) and run.step % run.steps_per_epoch:
                    break
            # before a save
            expect_sound(run.state(), f"step {run.step}, epoch {run.epoch + 1}", config)
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
             for _ in range(run.method.n_views // 2)]
    if len(pairs) == 1:
        return pairs[0]
    return np.concatenate([x1 for x1, _ in pairs]), np.concatenate([x2 for _, x2 in pairs])


def status(run: Run) -> str:
    """What the progress bar says."""
    recent, views = means(run.log[-50:]), run.method.n_views * run.config.batch_size * len(run.log)
    agreement = "-" if np.isnan(recent["neighbor_accuracy"]) else f"{recent['neighbor_accuracy']:.0%}"
    return (f"loss {recent['loss']:.3f}, lr {run.optimizer.lr:.3f}, "
            f"{views / run.epoch_seconds:.0f} views/s, neighbours agree {agreement}")


def end_epoch(run: Run, data: Dataset) -> None:
    """The epoch's row of metrics, and a clean slate for the next one."""
    run.epoch, run.seconds = run.epoch + 1, run.seconds + run.epoch_seconds
    views = run.method.n_views * run.config.batch_size * len(run.log)
    run.metrics.append({"epoch": run.epoch, "step": run.step, "seconds": round(run.seconds, 3),
                        "views_per_second": round(views / run.epoch_seconds, 1),
                        "lr": run.optimizer.lr, **means(run.log), **look(run, data)})
    recent: list[dict] = [worries(run.method.guess(), row, run.config.batch_size) for row
                          in run.metrics[-3:]]
    earlier, before, now = [{}, {}, *recent][-3:]
    # once, when it has lasted two epochs
    for kind in (now.keys() & before.keys()) - earlier.keys():
        tqdm.write(f"epoch {run.epoch}: {now[kind]}", file=sys.stderr)
    run.order, run.log, run.epoch_seconds = run.order[:0], [], 0.0
