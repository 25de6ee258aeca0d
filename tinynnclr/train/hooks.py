"""Hooks of a run's training: metrics, a progress bar, the end of an epoch, Ctrl-C."""
import builtins
import time
from collections.abc import Callable

import numpy as np
from tqdm import tqdm

from .. import distributed
from ..datasets.dataset import Dataset
from ..datasets.views import Views
from ..kernels.engine.malloc import keep_freed_memory
from ..methods.method import Step
from .diagnostics import end_epoch, expect_sound, locate_nonfinite, means, step_diagnostics
from .loop import Hook, NotFinite, train
from .run import Run
from .sigint import deferred_interrupt


class StepLog:
    """A hook: a row of run.log for each step, and the time that training takes."""

    def __init__(self, labels: np.ndarray):
        self.labels = labels
        self.started = time.perf_counter()

    def __call__(self, run: Run, step: Step) -> None:
        run.log.append([step.value, *step_diagnostics(step, self.labels)])
        now = time.perf_counter()
        run.epoch_seconds += now - self.started
        self.started = now


class ProgressBar:
    """A hook: advances the bar; every tenth step shows loss, learning rate and speed."""

    def __init__(self, bar: tqdm):
        self.bar = bar

    def __call__(self, run: Run, step: Step) -> None:
        self.bar.update()
        if run.step % 10 or self.bar.disable:
            return
        recent = means(run.log[-50:])
        speed = run.method.n_views * run.config.batch_size * len(run.log) / run.epoch_seconds
        accuracy = recent["neighbor_accuracy"]
        percent = "-" if np.isnan(accuracy) else f"{accuracy:.0%}"
        self.bar.set_description(f"epoch {run.epoch + 1}/{run.config.epochs}", refresh=False)
        self.bar.set_postfix_str(f"loss {recent['loss']:.3f}, lr {run.optimizer.lr:.3f}, "
                                 f"{speed:.0f} views/s, neighbours of the same class {percent}")


class EpochEnd:
    """A hook: after an epoch, its metrics, its warnings and save(run).

    On Ctrl-C it calls save(run) after the step and raises KeyboardInterrupt.
    """

    def __init__(self, data: Dataset, log: StepLog, save: Callable[[Run], None],
                 interrupted: Callable[[], bool]):
        self.data, self.log, self.save, self.interrupted = data, log, save, interrupted

    def __call__(self, run: Run, step: Step) -> None:
        stopped = distributed.any_rank(self.interrupted())
        complete = run.step % run.steps_per_epoch == 0
        if not (stopped or complete):
            return
        expect_sound(run.state(), f"step {run.step}, epoch {run.epoch + 1}", run.config)
        if complete:
            end_epoch(run, self.data, step.chance_loss)
        self.save(run)
        if stopped or distributed.any_rank(self.interrupted()):
            raise KeyboardInterrupt
        self.log.started = time.perf_counter()


def hidden(progress: bool | None) -> bool | None:
    """tqdm's `disable`: with progress=None, a bar is shown on a terminal and in a notebook."""
    if progress is not None:
        return not progress
    return False if hasattr(builtins, "__IPYTHON__") else None


def train_run(run: Run, data: Dataset, augmentations: Views, *,
              save: Callable[[Run], None] = lambda run: None, progress: bool | None = None,
              detect_anomaly: bool = False) -> None:
    """Train until run.config.epochs are done.

    progress: True or False, None for a bar on a terminal and in a notebook. Calls save(run) after
    each epoch, and on Ctrl-C before it raises KeyboardInterrupt. Raises FloatingPointError, with
    the step and the first op, if the loss is not finite; with detect_anomaly also if a gradient is
    not finite, before it reaches the weights.
    """
    keep_freed_memory()
    bar = tqdm(total=run.steps, initial=run.step, disable=hidden(progress), unit="step",
               smoothing=0.05, dynamic_ncols=True)
    with deferred_interrupt() as interrupted, bar:
        log = StepLog(data.labels)
        hooks: list[Hook] = [log, ProgressBar(bar), EpochEnd(data, log, save, interrupted.is_set)]
        try:
            train(run, run.batches(data, augmentations), hooks, check_gradients=detect_anomaly)
        except NotFinite as error:
            raise locate_nonfinite(run, error) from None
