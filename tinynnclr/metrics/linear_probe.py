"""Linear probe: a softmax classifier on frozen features, fitted by L-BFGS."""
import warnings
from collections.abc import Callable

import numpy as np

from .. import kernels
from ..kernels.engine.checks import plain_numbers
from .checks import expect_labelled, expect_number, one_scale


@plain_numbers
def lbfgs(fn: Callable, start: np.ndarray, iterations: int = 1000, memory: int = 10,
          tolerance: float = 1e-5, precondition: Callable = np.copy) -> np.ndarray:
    """Minimise fn(w) -> (value, gradient) from `start` with L-BFGS.

    Stops when the gradient's length is `tolerance` times its first, or when a step lowers the value
    by less than the rounding error of the first value; warns after `iterations` steps. The
    curvature is estimated from the last `memory` steps and from `precondition`, which multiplies a
    gradient by a first estimate of the inverse curvature. Source: Nocedal & Wright 2006, algorithm
    7.4.
    """
    w = start
    value, grad = fn(start)
    first = float(np.linalg.norm(grad))
    rounding = np.finfo(grad.dtype).eps * abs(value)
    steps: list[tuple] = []  # (change of w, change of gradient, 1 / their product)
    for _ in range(iterations):
        if np.linalg.norm(grad) <= tolerance * first:
            return w
        direction = _quasi_newton(grad, steps, precondition)
        rate = 1.0 if steps else 1.0 / max(first, 1e-12)
        reached = _line_search(fn, w, value, grad, direction, rate)
        if reached is None:
            return w
        candidate, new_value, new_grad = reached
        if value - new_value <= rounding:
            return candidate
        s, y = candidate - w, new_grad - grad
        if (s * y).sum() > 1e-10:
            steps = [*steps, (s, y, 1 / (s * y).sum())][-memory:]
        w, value, grad = candidate, new_value, new_grad
    warnings.warn(f"lbfgs: stopped after {iterations} steps, before it converged: the gradient is "
                  f"{np.linalg.norm(grad) / first:.1g} of its first, expected {tolerance:g}; raise "
                  "iterations", RuntimeWarning, stacklevel=2)
    return w


def _quasi_newton(grad, steps, precondition):
    """The gradient times the estimated inverse curvature (two-loop recursion)."""
    direction = grad.copy()
    weights = []
    for s, y, rho in reversed(steps):
        weights.append(rho * (s * direction).sum())
        direction -= weights[-1] * y
    direction = precondition(direction)
    if steps:
        s, y, rho = steps[-1]
        direction *= 1 / (rho * (y * precondition(y)).sum())
    for (s, y, rho), weight in zip(steps, reversed(weights), strict=True):
        direction += s * (weight - rho * (y * direction).sum())
    return direction


def _line_search(fn, w, value, grad, direction, rate):
    """(w, value, gradient) after a step that lowers the value enough; None if there is none."""
    slope = -float((grad * direction).sum())
    for _ in range(20):
        candidate = w - grad.dtype.type(rate) * direction
        new_value, new_grad = fn(candidate)
        if new_value <= value + 1e-4 * rate * slope:
            return candidate, new_value, new_grad
        rate *= 0.5
    return None


@plain_numbers
def fit_softmax(x: np.ndarray, labels: np.ndarray, classes: int, strength: float,
                iterations: int = 1000) -> np.ndarray:
    """Weights (d + 1, classes) of a softmax classifier of rows x (n, d); the last row is the bias.

    They minimise the mean cross-entropy + strength/2 |weights|^2. Raises as `linear_accuracy`, and
    warns if L-BFGS has not converged after `iterations` steps.
    """
    expect_labelled("fit_softmax", x=(x, labels))
    expect_number("fit_softmax", "strength", strength, least=0)
    expect_number("fit_softmax", "iterations", iterations, least=1)
    x = np.column_stack([x, np.ones(len(x), x.dtype)])  # (n, d + 1)
    rows = np.arange(len(x))

    def value_and_grad(w):
        logits = kernels.matmul(x, w)
        logits -= logits.max(axis=1, keepdims=True)
        p = np.exp(logits)
        total = p.sum(axis=1, keepdims=True)
        cross_entropy = (np.log(total[:, 0]) - logits[rows, labels]).mean(dtype=np.float64)
        value = cross_entropy + strength / 2 * (w[:-1] ** 2).sum()
        p /= total
        p[rows, labels] -= 1
        # this product reads x row by row
        grad = kernels.matmul(p.T, x).T * x.dtype.type(1 / len(x))
        grad[:-1] += x.dtype.type(strength) * w[:-1]
        return float(value), grad

    return lbfgs(value_and_grad, np.zeros((x.shape[1], classes), x.dtype), iterations,
                 tolerance=1e-4, precondition=inverse_curvature(x, strength))


def inverse_curvature(x: np.ndarray, strength: float) -> Callable:
    """The function grad (d, classes) -> (x^T x / 2n + strength)^-1 grad, for rows x (n, d).

    It inverts an upper bound on the curvature of the loss. Neighbouring pixels are nearly equal, so
    the loss is a thousand times steeper in one direction than in another, and plain gradients would
    need thousands of steps. Source: Böhning 1992, "Multinomial logistic regression algorithm".
    """
    n, d = x.shape
    scaled = x * x.dtype.type(1 / np.sqrt(2 * n))
    if n < d:  # the Woodbury identity for few rows cancels digits
        scaled = scaled.astype(np.float64)
        small = kernels.matmul(scaled, scaled.T)
    else:
        small = kernels.matmul(scaled.T, scaled)
    # all curvature is above 0, with rounding errors, too
    ridge = strength + np.finfo(x.dtype).eps * np.trace(small)
    inverse = np.linalg.inv(small + np.eye(len(small)) * ridge)  # in float64

    def apply(grad):
        exact = grad.astype(np.float64)
        if n >= d:
            return kernels.matmul(inverse, exact).astype(grad.dtype)
        projected = kernels.matmul(inverse, kernels.matmul(scaled, exact))  # (n, classes)
        return ((grad - kernels.matmul(scaled.T, projected)) / ridge).astype(grad.dtype)

    return apply


def linear_accuracy(train: np.ndarray, train_labels: np.ndarray, test: np.ndarray,
                    test_labels: np.ndarray, strength: float = 1e-3,
                    iterations: int = 1000) -> float:
    """Test accuracy of a softmax classifier on features (n, d), standardised as the training set.

    Raises FloatingPointError for features that are not finite, ValueError for labels that do not
    fit.
    """
    expect_labelled("linear_accuracy", train=(train, train_labels), test=(test, test_labels))
    train, test = one_scale(train, test)
    mean = train.mean(axis=0)
    scale = np.float32(1) / np.maximum(train.std(axis=0), np.float32(1e-6))
    classes = int(max(train_labels.max(), test_labels.max())) + 1
    w = fit_softmax((train - mean) * scale, train_labels, classes, strength, iterations)
    predicted = (kernels.matmul((test - mean) * scale, w[:-1]) + w[-1]).argmax(axis=1)
    return float((predicted == test_labels).mean())
