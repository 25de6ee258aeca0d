"""The optimisers' updates, each in one pass over weight, gradient and state, in place.

All arrays are flat and of one type; `lr` and the other numbers are Python's.
"""
import itertools
import math

import numpy as np

from .engine.checks import expect_floats, expect_like, expect_numbers, is_whole, plain_numbers
from .engine.compile import jit
from .engine.parallel import parallel

GRAIN = 1 << 14  # least numbers of a piece: fewer are not worth a thread


def sgd_naive(weight, grad, velocity, lr, momentum, decay, nesterov):
    """(new weight, new velocity)."""
    d = grad + decay * weight
    velocity = momentum * velocity + d
    return weight - lr * (d + momentum * velocity if nesterov else velocity), velocity


def lars_naive(weight, grad, velocity, lr, momentum, decay, trust):
    """(new weight, new velocity)."""
    velocity = momentum * velocity + lr * trust * (grad + decay * weight)
    return weight - velocity, velocity


def adamw_naive(weight, grad, mean, square, lr, betas, eps, decay, steps):
    """(new weight, new mean, new square); steps counts this one."""
    mean = mean + (1 - betas[0]) * (grad - mean)
    square = square + (1 - betas[1]) * (grad * grad - square)
    m, v = mean / (1 - betas[0] ** steps), square / (1 - betas[1] ** steps)
    return weight - lr * (m / (np.sqrt(v) + eps) + decay * weight), mean, square


@jit
def _sgd(start, stop, weight, grad, velocity, lr, momentum, decay, nesterov):
    for i in range(start, stop):
        d = grad[i] + decay * weight[i]
        velocity[i] = momentum * velocity[i] + d
        weight[i] -= lr * (d + momentum * velocity[i] if nesterov else velocity[i])


@jit
def _lars(start, stop, weight, grad, velocity, rate, momentum, decay):
    for i in range(start, stop):
        velocity[i] = momentum * velocity[i] + rate * (grad[i] + decay * weight[i])
        weight[i] -= velocity[i]


@jit
def _adamw(start, stop, weight, grad, mean, square, lr, b1, b2, eps, decay, mean_scale,
           square_scale):
    one = weight.dtype.type(1)
    for i in range(start, stop):
        mean[i] += (one - b1) * (grad[i] - mean[i])
        square[i] += (one - b2) * (grad[i] * grad[i] - square[i])
        step = mean[i] * mean_scale / (math.sqrt(square[i]) * square_scale + eps)
        weight[i] -= lr * (step + decay * weight[i])


def _update(kernel, weight, arrays, numbers, *flags):
    """Run a kernel over flat views; ValueError where an array does not fit or would be copied."""
    grad, *memory = arrays
    expect_floats("update", weight=weight)
    expect_like("update", weight.shape, weight.dtype, grad=grad,
                **{f"state {i}": array for i, array in enumerate(memory)})
    for array in (weight, *memory):
        if not array.flags.c_contiguous or not array.flags.writeable:
            raise ValueError("update: expected weights and state in C order that can be written, "
                             f"got strides {array.strides}, writeable: {array.flags.writeable}")
    pairs = itertools.combinations((weight, *memory, grad), 2)
    if any(np.may_share_memory(a, b) for a, b in pairs):
        raise ValueError("update: expected a weight, gradient and state that share no memory, got "
                         "two that do")
    parallel(kernel, weight.size, weight.reshape(-1), np.ascontiguousarray(grad).reshape(-1),
             *(m.reshape(-1) for m in memory), *(weight.dtype.type(x) for x in numbers), *flags,
             grain=GRAIN)


@plain_numbers
def sgd(weight: np.ndarray, grad: np.ndarray, velocity: np.ndarray, lr: float, momentum: float,
        decay: float, nesterov: bool) -> None:
    """d = grad + decay * w;  v = momentum * v + d;  w -= lr * (d + momentum * v or, plain, v)."""
    expect_numbers("sgd", lr=lr, momentum=momentum, decay=decay)
    _update(_sgd, weight, (grad, velocity), (lr, momentum, decay), nesterov)


@plain_numbers
def lars(weight: np.ndarray, grad: np.ndarray, velocity: np.ndarray, lr: float, momentum: float,
         decay: float, trust: float) -> None:
    """v = momentum * v + lr * trust * (grad + decay * w);  w -= v."""
    expect_numbers("lars", lr=lr, momentum=momentum, decay=decay, trust=trust)
    _update(_lars, weight, (grad, velocity), (lr * trust, momentum, decay))


@plain_numbers
def adamw(weight: np.ndarray, grad: np.ndarray, mean: np.ndarray, square: np.ndarray, lr: float,
          betas: tuple[float, float], eps: float, decay: float, steps: int) -> None:
    """m, v: running means of grad and grad^2;  w -= lr * (m^ / (sqrt(v^) + eps) + decay * w)."""
    b1, b2 = betas
    expect_numbers("adamw", lr=lr, beta1=b1, beta2=b2, eps=eps, decay=decay)
    if not is_whole(steps, 1) or not 0 <= b1 < 1 or not 0 <= b2 < 1:
        raise ValueError("adamw: expected betas in 0 to 1, not 1 itself, and steps from 1 on, got "
                         f"{betas} and {steps}")
    _update(_adamw, weight, (grad, mean, square),
            (lr, b1, b2, eps, decay, 1 / (1 - b1**steps), 1 / math.sqrt(1 - b2**steps)))
