"""Lesson 16: weights of neighbours, the loss with weights inside the logarithm, constants."""
import numpy as np

from tinynnclr.methods.losses import soft_neighbor_loss
from tinynnclr.tensor import Tensor

from ..check import exercise


def _unit(rows):
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def attention_weights(z: np.ndarray, rows: np.ndarray, temperature: float) -> np.ndarray:
    """Softmax over K of cos(z_i, rows_ik) / temperature: z (b, d), rows (b, K, d) -> (b, K)."""
    scores = (_unit(z)[:, None] * _unit(rows)).sum(axis=2) / temperature
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


def soft_loss(p: np.ndarray, keys: np.ndarray, weights: np.ndarray, temperature: float) -> float:
    """The package's loss, weights inside the logarithm: p (b, d), keys (b, k, d), weights."""
    return soft_neighbor_loss(Tensor(p), keys, weights, temperature).item()


def soft_grad(z: np.ndarray, own: np.ndarray, rows: np.ndarray, attention: float,
              temperature: float) -> np.ndarray:
    """dloss/dz (b, d), with z as prediction and, as a constant, as query of the weights.

    rows (b, K, d) are weighted by attention; own (b, d) has the weight 1.
    """
    weights = np.insert(attention_weights(z, rows, attention), 0, 1, axis=1)
    leaf = Tensor(z, requires_grad=True)
    soft_neighbor_loss(leaf, np.concatenate([own[:, None], rows], axis=1), weights,
                       temperature).backward()
    return np.asarray(leaf.grad)


EAST, NORTH = np.array([1.0, 0.0]), np.array([0.0, 1.0])


@exercise("16.a", reference=attention_weights)
def _(trial):
    rng = np.random.default_rng(16)
    one, pair = EAST[None], np.stack([EAST, NORTH])
    cases = (
        (one, NORTH[None, None], 0.5,
         "one neighbour is all there is: its weight is 1, however far it is"),
        (one, np.stack([NORTH, NORTH])[None], 0.5,
         "two neighbours in the same place share equally"),
        (one, pair[None], 1.0,
         "cosines of 1 and 0 at temperature 1: weights e / (e + 1) and 1 / (e + 1)"),
        (one, pair[None], 0.1, "the cosines are divided by the temperature before the exponential: "
         "a low one makes differences large"),
        (pair, np.stack([pair, pair]), 0.5,
         "two anchors: each has K weights that add up to 1, along its own row"),
        (3 * one, pair[None], 0.5, "z came with length 3: only directions count"),
        (one, np.stack([EAST, 5 * (EAST + NORTH)])[None], 0.5, "the second neighbour is long and "
         "not near: scale every row to length 1 before the products"),
        (rng.standard_normal((4, 6)), rng.standard_normal((4, 3, 6)), 0.2,
         "four anchors, three neighbours each, in any direction"))
    with np.errstate(all="ignore"):
        for z, rows, temperature, hint in cases:
            trial.equal(trial(z, rows, temperature), attention_weights(z, rows, temperature), z=z,
                        rows=rows, temperature=temperature, hint=hint)
        z, rows = pair.astype(np.float32), np.stack([pair, -pair]).astype(np.float32)
        trial.equal(trial(z, rows, 0.005), attention_weights(z, rows, 0.005), z=z, rows=rows,
                    temperature=0.005, hint="1 / 0.005 is 200, and exp(200) is infinite in "
                    "float32; subtract each row's own largest score before the exponential")


@exercise("16.b", reference=soft_loss)
def _(trial):
    rng = np.random.default_rng(16)
    p, near = np.stack([EAST, NORTH]), np.stack([EAST + 0.2 * NORTH, NORTH - 0.3 * EAST])
    far = np.stack([0.5 * EAST + NORTH, EAST])
    two, own_and_two = np.stack([near, far], axis=1), np.stack([p, near, far], axis=1)
    cases = (
        (EAST[None], EAST[None, None], np.ones((1, 1)), 0.5,
         "one anchor, one key: nothing to confuse it with, so 0"),
        (p, near[:, None], np.ones((2, 1)), 0.5, "one key of weight 1 for each anchor is NNCLR's "
         "case: the keys of all anchors are candidates, and one is right"),
        (p, two, np.full((2, 2), 0.5), 0.5, "flat weights: minus the logarithm of the mean share "
         "of all columns, the first included; not the mean of the logarithms, and not the share of "
         "a mean key"),
        (p, own_and_two, np.array([[1.0, 0.7, 0.3], [1.0, 0.2, 0.8]]), 0.5,
         "the own key has weight 1 and counts like the rest: the weights add up to 2"),
        (p[:1], two[:1], np.array([[1.0, 0.0]]), 0.5,
         "weight 0 removes a neighbour from the positives, not from the candidates"),
        (2 * p, 3 * two, np.full((2, 2), 0.5), 0.2,
         "only directions count: scale p and all keys to length 1"),
        (rng.standard_normal((5, 6)), rng.standard_normal((5, 4, 6)), rng.uniform(0, 1, (5, 4)),
         0.2, "five anchors with four keys each, in any direction"))
    cases += ((-cases[-1][0], *cases[-1][1:]),)
    with np.errstate(all="ignore"):
        for p, keys, weights, temperature, hint in cases:
            trial.equal(trial(p, keys, weights, temperature),
                        soft_loss(p, keys, weights, temperature), p=p, keys=keys, weights=weights,
                        temperature=temperature, hint=hint)


def _slopes(z, own, rows, attention, temperature):
    """The expected gradient, by finite differences of losses with constant weights."""
    weights = np.insert(attention_weights(z, rows, attention), 0, 1, axis=1)
    keys, grad = np.concatenate([own[:, None], rows], axis=1), np.zeros(z.shape)
    for i in np.ndindex(z.shape):
        step = np.zeros(z.shape)
        step[i] = 1e-5
        grad[i] = (soft_loss(z + step, keys, weights, temperature)
                   - soft_loss(z - step, keys, weights, temperature)) / 2e-5
    return grad


@exercise("16.c", reference=soft_grad)
def _(trial):
    rng = np.random.default_rng(16)
    z, own = _unit(np.stack([EAST + 0.3 * NORTH, NORTH])), np.stack([EAST, NORTH + 0.4 * EAST])
    near, far = own[:, ::-1] * [1, -1] + own, own + 0.5 * NORTH
    two = np.stack([near, far], axis=1)
    cases = (
        (z[:1], own[:1], own[:1, None], 0.5, 0.5,
         "own key and neighbour are equal, and there is no other candidate: the gradient is 0"),
        (z, own, near[:, None], 0.5, 0.5, "one neighbour, whose weight is 1 whatever z is, and the "
         "own key, which has 1 as well; the loss is a mean over the anchors"),
        (z, own, two, 1e6, 0.5,
         "two neighbours at so warm a temperature that each has half, whatever z is"),
        (z, own, two, 0.1, 0.5, "now the weights differ: they are a softmax of cosines over "
         "`attention`, computed from z's numbers once. Where z moves they stay: keep them out of "
         "what autograd records"),
        (3 * z, own, two, 0.1, 0.5, "z came with length 3: the loss scales it to length 1, and the "
         "gradient must go through that"),
        (rng.standard_normal((4, 5)), rng.standard_normal((4, 5)), rng.standard_normal((4, 3, 5)),
         0.1, 0.2, "four anchors, three neighbours each, in any direction"))
    for z, own, rows, attention, temperature, hint in cases:
        trial.equal(trial(z, own, rows, attention, temperature),
                    _slopes(z, own, rows, attention, temperature), rtol=1e-5, atol=1e-6, z=z,
                    own=own, rows=rows, attention=attention, temperature=temperature, hint=hint)
