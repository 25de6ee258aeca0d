"""A whole NNCLR training step: two forward passes, search, loss, backward, optimiser, queue."""
from collections.abc import Callable

import numpy as np

from ...kernels.engine.checks import plain_numbers
from ...kernels.engine.malloc import keep_freed_memory
from ...methods import NNCLR, Method
from ...models import TinyCNN
from ...nn import SGD
from ...train.loop import Task, train_step

BATCH, SIZE, DIM, QUEUE, HIDDEN = 256, 32, 128, 16384, 256
RATE, MOMENTUM, DECAY, TEMPERATURE = 0.06, 0.9, 5e-4, 0.1
LONG = 10**9  # steps of the schedule: the rate stays as it is


def views(batch: int = BATCH) -> tuple[np.ndarray, np.ndarray]:
    """Two batches of views (batch, 32, 32, 3), the same for both sides."""
    x = np.random.default_rng(0).random((2, batch, SIZE, SIZE, 3), np.float32)
    return x[0], x[1]


def queue() -> np.ndarray:
    """(QUEUE, DIM) rows of length 1, so that neighbours are used from the first step."""
    rows = np.random.default_rng(1).standard_normal((QUEUE, DIM), np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def make_method(width: int) -> Method:
    """NNCLR with a full queue."""
    rng = np.random.default_rng(2)
    config = NNCLR.Config(projector_hidden=HIDDEN, predictor_hidden=HIDDEN, dim=DIM,
                          queue_size=QUEUE, temperature=TEMPERATURE, neighbors_after=0.0)
    method = NNCLR(TinyCNN(width, rng, detrend=False), config, rng)
    method.support_set.enqueue(queue(), np.arange(QUEUE))
    return method


def make_step(width: int, batch: int = BATCH, method: Method | None = None) -> Callable[[], float]:
    """A function that makes one step and returns its loss."""
    keep_freed_memory()
    method = method or make_method(width)
    optimizer = SGD(method.parameters(), RATE, MOMENTUM, weight_decay=DECAY)
    task, ids = Task(method, optimizer, steps=LONG), np.arange(batch)
    pair = views(batch)
    return lambda: train_step(task, pair, ids).value


@plain_numbers
def flops(width: int, batch: int = BATCH) -> float:
    """Floating-point operations of the matrix products in one step.

    Each forward product has two backward ones, but for that of the first layer, which has one.
    """
    sizes = [(32, 3, width), (16, width, 2 * width), (8, 2 * width, 4 * width),
             (4, 4 * width, 8 * width)]
    forward = [size * size * 9 * inputs * outputs for size, inputs, outputs in sizes]
    heads = 8 * width * HIDDEN + HIDDEN * HIDDEN + 2 * HIDDEN * DIM + DIM * HIDDEN
    return 2 * 2 * batch * (3 * sum(forward) - forward[0] + 3 * heads + QUEUE * DIM)
