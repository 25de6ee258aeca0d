"""Lesson 06: batch norm backward, its two modes, and a last layer that starts without opinions."""
import math

import numpy as np

from tinynnclr import kernels, ops
from tinynnclr.kernels.norm import batch_norm_grad_naive
from tinynnclr.nn.init import kaiming_normal

from ..check import exercise


def batch_norm_grad(g: np.ndarray, x: np.ndarray, weight: np.ndarray,
                    eps: float = 1e-5) -> tuple[np.ndarray, ...]:
    """(dL/dx (..., c), dL/dweight (c,), dL/dbias (c,)) of batch norm of x (..., c), g = dL/dy."""
    return kernels.normalize_grad(g, x, weight, np.zeros_like(weight), *kernels.moments(x), eps)


def batch_norm_mode(x: np.ndarray, weight: np.ndarray, bias: np.ndarray, running_mean: np.ndarray,
                    running_var: np.ndarray, training: bool, momentum: float = 0.1,
                    eps: float = 1e-5) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(y (..., c), new running_mean (c,), new running_var (c,)) of the package's batch norm."""
    mean, var = running_mean.copy(), running_var.copy()
    y = ops.batch_norm(x, weight, bias, running_mean=mean, running_var=var, training=training,
                       momentum=momentum, eps=eps)
    return y.numpy(), mean, var


def quiet_head(features: int, classes: int,
               rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(weight (features, classes), bias (classes,)): He's initialisation / 140, and zeros."""
    return kaiming_normal((features, classes), rng, gain=1e-4), np.zeros(classes, np.float32)


def _several(trial, got, names):
    """got must be as many values as there are names."""
    trial.true(isinstance(got, tuple | list) and len(got) == len(names),
               f"expected {len(names)} values: {', '.join(names)}", got=got)
    return got


@exercise("06.a", reference=batch_norm_grad)
def _(trial):
    rng = np.random.default_rng(6)
    column, one = np.array([[0.0], [1.0], [5.0]]), np.ones(1)
    cases = (
        (np.array([[1.0], [0.0]]), np.array([[0.0], [2.0]]), one, 1e-5,
         "of two rows one becomes -1 and the other 1, whatever they were: a change of x changes "
         "almost nothing, so dL/dx is almost 0. Mean and variance change with x"),
        (np.ones((3, 1)), column, one, 1e-5,
         "g is the same everywhere, and the sum of y is 0 whatever x is: its gradient is 0"),
        (np.array([[1.0], [0.0], [0.0]]), column, one, 1e-5, "three rows: take from g its mean, "
         "and from what is left its part along xhat, which is a mean as well"),
        (np.array([[1.0], [0.0], [0.0]]), column, 3 * one, 1e-5,
         "weight 3: x is felt three times as much, and dL/dweight as before"),
        (np.array([[1.0], [0.0], [0.0]]), 0.01 * column, one, 0.01,
         "a large eps: it is added to the variance wherever the variance is used"),
        (rng.standard_normal((5, 2)), rng.standard_normal((5, 2)) * [1, 9] + [0, 4],
         np.array([1.0, -2.0]), 1e-5, "two channels: each has its own mean and variance"),
        (rng.standard_normal((2, 3, 2, 2)), rng.standard_normal((2, 3, 2, 2)), np.array([0.5, 2.0]),
         1e-5, "pictures: each pixel of each picture is a row of its channel"))
    for g, x, weight, eps, hint in cases:
        wanted = batch_norm_grad_naive(g, x, weight, np.zeros_like(weight), eps)
        names = ("dL/dx", "dL/dweight", "dL/dbias")
        for name, ours, expected in zip(names, _several(trial, trial(g, x, weight, eps), names),
                                        wanted, strict=True):
            trial.equal(ours, expected, rtol=1e-4, atol=2e-5, hint=f"{name}: {hint}", g=g, x=x,
                        weight=weight, eps=eps)
    g, x = rng.standard_normal((300, 2)), rng.standard_normal((300, 2))
    got = trial.allocates(100_000, g, x, np.ones(2), 1e-5, hint="The table of how each row moves "
                          "each other has 300 x 300 numbers a channel: two means give the same")
    trial.equal(got[0], batch_norm_grad_naive(g, x, np.ones(2), np.zeros(2))[0],
                hint="300 rows of 2 channels")


@exercise("06.b", reference=batch_norm_mode)
def _(trial):
    rng = np.random.default_rng(6)
    names = ("y", "the new running_mean", "the new running_var")
    zero, one = np.zeros(1), np.ones(1)
    cases: tuple
    pair, pictures = np.array([[0.0], [2.0]]), 3 + 2 * rng.standard_normal((2, 3, 2, 2))
    two = (np.array([2.0, 0.5]), np.array([1.0, -1.0]), np.array([0.5, -3.0]),
           np.array([4.0, 0.25]))
    cases = (
        (pair, (one, zero, zero, one), True, 0.1, "in training. The batch has mean 1 and variance "
         "1; divided by m - 1 the variance is 2. The running numbers go a tenth of the way: to 0.1 "
         "and 1.1"),
        (np.array([[7.0]]), (one, zero, 5 * one, 4 * one), False, 0.1,
         "in evaluation, one picture alone: (7 - 5) / 2 is 1, and the running numbers stay"),
        (pair, (one, zero, 5 * one, 4 * one), False, 0.1,
         "in evaluation, two pictures: each as if it were alone"),
        (pair, (one, zero, 5 * one, 4 * one), True, 0.1,
         "in training y does not depend on the running numbers"),
        (pair, (one, zero, 5 * one, 4 * one), True, 0.75, "momentum is how far the running numbers "
         "move towards the batch's: here three quarters of the way"),
        (pictures, two, True, 0.1,
         "pictures in training: one mean and variance for each channel, over pictures and pixels"),
        (pictures[:1], two, False, 0.1, "a picture in evaluation, two channels"),
        (pictures, two, True, 0.1, "in training, with a large eps: it is added to the variance",
         2.0),
        (pictures, two, False, 0.1, "in evaluation, with a large eps: it is added to the variance",
         2.0))
    with np.errstate(all="ignore"):
        for x, (weight, bias, mean, var), training, momentum, hint, *eps in cases:
            got = _several(trial, trial(x, weight, bias, mean, var, training, momentum, *eps),
                           names)
            wanted = _both_modes(x, weight, bias, mean, var, training, momentum, *eps)
            for name, ours, expected in zip(names, got, wanted, strict=True):
                trial.equal(ours, expected, hint=f"{name}, {hint}", x=x, weight=weight, bias=bias,
                            running_mean=mean, running_var=var, training=training,
                            momentum=momentum)


def _both_modes(x, weight, bias, running_mean, running_var, training, momentum, eps=1e-5):
    """What batch_norm_mode must be, in NumPy."""
    rows = x.reshape(-1, x.shape[-1])
    mean, var = (rows.mean(axis=0), rows.var(axis=0)) if training else (running_mean, running_var)
    y = (x - mean) / np.sqrt(var + eps) * weight + bias
    if not training:
        return y, running_mean, running_var
    return (y, (1 - momentum) * running_mean + momentum * mean,
            (1 - momentum) * running_var + momentum * rows.var(axis=0, ddof=1))


def _gradient(h, weight, bias, labels):
    """The mean loss of scores h @ weight + bias, and its gradient by h."""
    scores = h @ weight + bias
    scores -= scores.max(axis=1, keepdims=True)
    shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    truth = np.eye(weight.shape[1])[labels]
    return -np.log((shares * truth).sum(axis=1)).mean(), (shares - truth) @ weight.T / len(h)


@exercise("06.c", reference=quiet_head)
def _(trial):
    rng = np.random.default_rng(6)
    for features, classes in ((4, 2), (128, 10), (512, 100), (4096, 4)):
        head = trial(features, classes, np.random.default_rng(0))
        weight, bias = (np.asarray(a, np.float64) for a
                        in _several(trial, head, ("weight", "bias")))
        twin, other = (trial(features, classes, np.random.default_rng(seed)) for seed in (0, 1))
        trial.true(np.array_equal(twin[0], head[0]) and not np.array_equal(other[0], head[0]),
                   "the weights must be drawn from rng alone: the same seed gives the same "
                   "weights, another seed others", features=features,
                   classes=classes)
        trial.true(weight.shape == (features, classes) and bias.shape == (classes,),
                   f"expected shapes ({features}, {classes}) and ({classes},), got {weight.shape} "
                   f"and {bias.shape}")
        # as after ReLU; mean square 1
        h = np.maximum(rng.standard_normal((500, features)), 0) * math.sqrt(2)
        labels = rng.integers(0, classes, 500)
        loss, grad = _gradient(h, weight, bias, labels)
        trial.true(abs(loss - math.log(classes)) < 0.01 * math.log(classes),
                   f"the first loss is {loss:.3f}, and ln {classes} is {math.log(classes):.3f}: "
                   "the scores differ too much. They are sums over all features, so more features "
                   "need smaller weights; and the bias counts, too", features=features,
                   classes=classes, weight=weight, bias=bias)
        loud = rng.standard_normal((features, classes)) * math.sqrt(2 / features)
        share = np.linalg.norm(grad) / np.linalg.norm(_gradient(h, loud, 0 * bias, labels)[1])
        trial.true(share > 1e-3, "the first loss is right, but of the gradient dL/dh a share of "
                   f"{share:.0e} gets through, and 1e-03 must: it is (softmax - truth) @ weight.T, "
                   "whose rows of (softmax - truth) add up to 0; the columns of weight must differ",
                   features=features, classes=classes, weight=weight)
