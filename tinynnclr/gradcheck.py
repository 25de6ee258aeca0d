"""Checks a gradient: it must agree with the slope of the function, by finite differences."""
from collections.abc import Callable

import numpy as np

from .kernels.engine.checks import plain_numbers
from .tensor import Tensor, real


def _slope(fn, arrays, which, direction, cotangent, eps):
    """d/dt of <cotangent, fn(..., array + t direction, ...)> at t = 0, by central differences."""
    values = []
    for sign in (1, -1):
        moved = [a + sign * eps * direction if i == which else a for i, a in enumerate(arrays)]
        values.append(float((fn(*(Tensor(a) for a in moved)).data * cotangent).sum()))
    return (values[0] - values[1]) / (2 * eps)


@plain_numbers
def gradcheck(fn: Callable, *arrays: np.ndarray, rng: np.random.Generator | None = None,
              eps: float = 1e-6, tolerance: float = 1e-6, directions: int = 3) -> None:
    """Check the gradient of fn(*Tensors) -> Tensor with respect to every input, in float64.

    The output is multiplied by a *random* cotangent and summed: a plain sum of a softmax or a batch
    norm is constant, so a backward of zeros would pass. For each input the slope along a few random
    directions must agree with the gradient to `tolerance`, relative to their size or absolute;
    otherwise AssertionError names the input and its worst element.

    >>> gradcheck(lambda x: x * x, np.array([1.0, 2.0]))  # no error: the gradient is right
    """
    if directions < 1:
        raise ValueError(f"gradcheck: directions: expected at least 1, got {directions}")
    rng = rng or np.random.default_rng(0)
    arrays = tuple(real("gradcheck", a).astype(np.float64) for a in arrays)
    leaves = [Tensor(a.copy(), requires_grad=True) for a in arrays]
    out = fn(*leaves)
    cotangent = rng.standard_normal(out.shape)
    try:
        out.backward(cotangent)
    except TypeError as error:  # a vjp's result of another shape or type
        raise AssertionError(str(error)) from None
    for which, (array, leaf) in enumerate(zip(arrays, leaves, strict=True)):
        if leaf.grad is None or leaf.grad.shape != array.shape:
            got_shape = None if leaf.grad is None else leaf.grad.shape
            raise AssertionError(f"input {which}: expected a gradient of shape {array.shape}, got "
                                 f"{got_shape}")
        for _ in range(directions):
            direction = rng.standard_normal(array.shape)
            wanted = _slope(fn, arrays, which, direction, cotangent, eps)
            got = float((leaf.grad * direction).sum())
            size = max(1.0, abs(wanted), float(np.linalg.norm(leaf.grad)))
            if not abs(got - wanted) <= tolerance * size:
                raise AssertionError(f"input {which}: slope {wanted:.9g}, gradient {got:.9g}; "
                                     + _worst_element(fn, arrays, which, leaf.grad, cotangent, eps))


def _worst_element(fn, arrays, which, grad, cotangent, eps):
    slopes = np.empty_like(grad)
    for index in np.ndindex(grad.shape):
        direction = np.zeros_like(grad)
        direction[index] = 1
        slopes[index] = _slope(fn, arrays, which, direction, cotangent, eps)
    worst = np.unravel_index(np.argmax(np.abs(slopes - grad)), grad.shape)
    return (f"worst at {tuple(map(int, worst))}: slope {slopes[worst]:.9g}, gradient "
            f"{grad[worst]:.9g}")
