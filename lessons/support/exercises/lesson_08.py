"""Lesson 08: a stable log-softmax, the gradient of InfoNCE in closed form, NT-Xent without oneself.
"""
import numpy as np

from tinynnclr import ops
from tinynnclr.methods import losses
from tinynnclr.tensor import Node, Tensor

from ..check import exercise


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """The package's log-softmax (b, k) of logits (b, k)."""
    return ops.log_softmax(logits).numpy()


def info_nce_grad(s: np.ndarray, temperature: float) -> np.ndarray:
    """(P - Y) / (b temperature): dloss/ds (b, b) of similarities s, positives on the diagonal."""
    p = np.exp(log_softmax(s / temperature))
    return ((p - np.eye(len(s))) / (len(s) * temperature)).astype(s.dtype)


def nt_xent_matrix(z1: np.ndarray, z2: np.ndarray, temperature: float) -> float:
    """The package's NT-Xent of two views' embeddings (b, d) each, as a number."""
    return losses.nt_xent_loss(Tensor(z1), Tensor(z2), temperature).item()


@exercise("08.a", reference=log_softmax)
def _(trial):
    inf = np.inf
    hints = (
        ([[3.0]], "one candidate is certain: probability 1, logarithm 0"),
        ([[0.0, 0.0]], "two equal candidates: each has ln(1/2)"),
        ([[1.0, 2.0, 4.0], [0.0, -1.0, 3.0]],
         "each row is a separate softmax: its probabilities add up to 1"),
        ([[1e4, 1e4]], "exp(1e4) is infinite: subtract the row's largest logit before any exp"),
        ([[-1e4, -1e4]],
         "exp(-1e4) is 0, and log(0) is minus infinity: subtract the row's largest logit first"),
        ([[0.0, 1.0], [1e4, 1e4 + 1]],
         "the rows differ in size: subtract each row's own largest logit"),
        ([[0.0, -1e4]], "the second is -1e4 and finite: log(softmax) is too late, the 0 is there "
         "already; subtract log(sum(exp)) from the logits instead"),
        ([[0.0, -inf]], "a masked candidate has probability 0, so the other is certain"),
        ([[2.0, -inf, 1.0], [-inf, -inf, -7.0]],
         "a masked candidate stays at -inf, without changing the others"))
    with np.errstate(all="ignore"):  # what overflows is seen in the numbers
        for rows, hint in hints:
            logits = np.array(rows)
            shifted = logits - logits.max(1, keepdims=True)
            expected = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
            trial.equal(trial(logits), expected, logits=logits, rtol=1e-9, atol=1e-9, hint=hint)


def _autograd(s, temperature):
    leaf = Tensor(s.astype(np.float64), requires_grad=True)
    ops.cross_entropy(leaf * (1 / temperature), labels=np.arange(len(s))).backward()
    return leaf.grad


@exercise("08.b", reference=info_nce_grad)
def _(trial):
    rng = np.random.default_rng(8)
    lopsided = np.array([[0.9, -0.5], [0.6, 0.2]])
    cases = (
        (np.array([[0.3]]), 1.0,
         "with one candidate the loss is 0 whatever its similarity, and so is its gradient"),
        (np.array([[0.5, 0.1], [0.1, 0.5]]), 1.0, "the right ones are pulled (a slope below 0), "
         "the wrong ones pushed; the loss is a mean over the rows"),
        (np.array([[0.5, 0.1], [0.1, 0.5]]), 0.5,
         "the temperature enters twice: in the softmax, and as the slope of s / temperature"),
        (lopsided, 0.5, "the candidates of anchor i are the columns of row i: each row of the "
         "gradient adds up to 0"),
        (rng.uniform(-1, 1, (5, 5)), 0.2, "five anchors, so each counts a fifth"))
    with np.errstate(all="ignore"):
        for s, temperature, hint in cases:
            trial.equal(trial(s, temperature), _autograd(s, temperature), rtol=1e-7, atol=1e-10,
                        s=s, temperature=temperature, hint=hint)
        steep = np.array([[1, 0.99], [0.95, 1]])
        trial.equal(trial(steep, 0.01), _autograd(steep, 0.01), rtol=1e-9, atol=1e-12, s=steep,
                    temperature=0.01, hint="near, but not exact: at this temperature the slope "
                    "changes within the smallest step; write the formula, with no differences of "
                    "losses")
        for rows in ([[1, 0.9], [0.95, 1]], [[1, -1], [0.95, 1]], [[1, 0.9], [-0.99, -1]]):
            sharp = np.array(rows, np.float32)
            trial.equal(trial(sharp, 0.01), _autograd(sharp, 0.01), rtol=1e-3, atol=1e-3, s=sharp,
                        temperature=0.01, hint="1 / 0.01 is 100, and float32's exp is infinite "
                        "from 89 on and 0 below -104: the softmax needs 08.a's trick, each row "
                        "with its own largest logit")
    before = Node("probe").order
    trial(lopsided, 0.5)
    recorded = Node("probe").order - before - 1
    trial.true(recorded == 0, "right numbers, but by autograd: write the formula, (probabilities - "
               "one-hot labels) / (b temperature)",
               values_recorded=recorded)


@exercise("08.c", reference=nt_xent_matrix)
def _(trial):
    rng = np.random.default_rng(8)
    one, east, north = np.ones((1, 2)), np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])
    spread = np.concatenate([east, north])
    tilted = np.array([[0.8, 0.6], [0.6, 0.8]])
    cases = (
        (one, one, 1.0, "one picture, two views: the only candidate is the right one, and the loss "
         "is 0. A masked candidate has probability 0; one with a logit of 0 still has a share, "
         "exp(0) = 1"),
        (np.ones((2, 2)), np.ones((2, 2)), 0.5,
         "all rows are equal: a random choice among 2b - 1 = 3 candidates costs ln 3"),
        (spread, spread, 1.0, "two pictures, each view equal to its partner: anchor i's right "
         "answer is the other view of picture i, b rows away in the stack z1, z2"),
        (spread, spread, 0.5,
         "the similarities are divided by the temperature: a low one makes the differences large"),
        (spread, tilted, 0.5,
         "all 2b views are anchors, those of z2 as well, and the loss is their mean"),
        (3 * spread, np.array([[4.0, 3.0], [0.3, 0.4]]), 0.5,
         "only directions count: scale every row to length 1"),
        (rng.standard_normal((3, 4)), rng.standard_normal((3, 4)), 0.2,
         "three pictures, in any direction"),
        (rng.standard_normal((16, 8)), rng.standard_normal((16, 8)), 0.05,
         "sixteen pictures, at a sharp temperature"))
    with np.errstate(all="ignore"):
        for z1, z2, temperature, hint in cases:
            expected, got = nt_xent_matrix(z1, z2, temperature), trial(z1, z2, temperature)
            if isinstance(got, float | np.floating) and np.isposinf(got):
                hint = "infinite: the positive is masked. Is it the anchor itself?"
            trial.equal(got, expected, z1=z1, z2=z2, temperature=temperature, hint=hint)
