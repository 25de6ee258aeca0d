"""The training loop: loss, gradients, update. Everything that learns here learns in it.

The loop names no method. What happens beside the training (a progress bar, metrics, checkpoints,
Ctrl-C) is a hook: a function of the task and of the step's result.
"""
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from .. import distributed
from ..methods.method import Method, Progress, Step
from ..nn import Optimizer, warmup_cosine

Hook = Callable[[Any, Step], None]


class NotFinite(FloatingPointError):
    """A number of a step is not finite; carries the batch, to search for the origin."""

    def __init__(self, message: str, views: Sequence[np.ndarray], ids: np.ndarray):
        super().__init__(message)
        self.views, self.ids = views, ids


class Task:
    """What the loop trains: a method, its optimiser, and the number of steps done.

    The learning rate rises to the optimiser's over `warmup` steps, then falls to 0 over `steps`.
    """

    def __init__(self, method: Method, optimizer: Optimizer, steps: int, warmup: int = 0):
        self.method, self.optimizer = method, optimizer
        self.steps, self.warmup = steps, warmup
        self.step = 0
        self.base_rate = optimizer.lr

    @property
    def progress(self) -> Progress:
        """The number of steps done, and of all steps."""
        return Progress(self.step, self.steps)

    @property
    def rate(self) -> float:
        """The learning rate of the next step."""
        return warmup_cosine(self.step, self.steps, self.warmup, self.base_rate)


def train_step(task: Task, views: Sequence[np.ndarray], ids: np.ndarray,
               check_gradients: bool = False) -> Step:
    """One step: the loss of the views of samples `ids` (b,), gradients, update.

    With several ranks, each has its rows of the batch. Raises NotFinite, before a weight changes,
    for a loss (with check_gradients also for a gradient) that is not finite.
    """
    method, optimizer = task.method, task.optimizer
    step = method(views, ids, task.progress)
    if not isinstance(step, Step):
        raise TypeError(f"{type(method).__name__}.forward: expected a Step, got "
                        f"{type(step).__name__}; return Step(loss, ids)")
    step.value = distributed.all_reduce_mean(step.loss.numpy()).item()
    if not np.isfinite(step.value):
        raise NotFinite("the loss is not finite", views, ids)
    method.zero_grad()
    step.loss.backward()
    gradients = [p.grad for p in method.parameters() if p.grad is not None]
    distributed.all_reduce_mean_(gradients)
    if check_gradients and not all(np.isfinite(gradient).all() for gradient in gradients):
        raise NotFinite("a gradient is not finite", views, ids)
    optimizer.lr = task.rate
    optimizer.step()
    try:
        method.after_step(step)
    except FloatingPointError as error:  # an embedding of length 0 cannot enter a queue
        raise NotFinite(str(error), views, ids) from None
    task.step += 1
    return step


def train(task: Task, batches: Iterable[tuple[Sequence[np.ndarray], np.ndarray]],
          hooks: Iterable[Hook] = (), check_gradients: bool = False) -> None:
    """One step for each batch (views, ids), followed by all hooks in their order."""
    for views, ids in batches:
        step = train_step(task, views, ids, check_gradients)
        for hook in hooks:
            hook(task, step)
    task.optimizer.lr = task.base_rate
