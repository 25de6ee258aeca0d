"""Lesson 12: the loss of a step, its lower bound for shared neighbours, one of the k nearest."""
import numpy as np

from tinynnclr.kernels import nearest
from tinynnclr.kernels.l2_normalize import unit_rows
from tinynnclr.methods.losses import nnclr_loss
from tinynnclr.tensor import Tensor

from ..check import Trial, exercise


def symmetric_loss(z1: Tensor, z2: Tensor, p1: Tensor, p2: Tensor, queue: np.ndarray,
                   temperature: float) -> Tensor:
    """1/2 l(NN(z1), p2) + 1/2 l(NN(z2), p1): all (b, d); queue (q, d), rows of length 1."""
    n1, n2 = (queue[nearest(unit_rows(z.numpy()), queue)[0][:, 0]] for z in (z1, z2))
    return (nnclr_loss(n1, p2, temperature) + nnclr_loss(n2, p1, temperature)) * 0.5


def lowest_loss(found: np.ndarray) -> float:
    """mean_i ln m_i, the smallest possible loss; m_i anchors of `found` share i's neighbour."""
    _, which, counts = np.unique(found, return_inverse=True, return_counts=True)
    return float(np.log(counts[which]).mean())


def random_of_top(z: np.ndarray, queue: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
    """Places (b,): for each row of z (b, d) one of its k nearest rows of queue, at random."""
    places = nearest(unit_rows(z), queue, k)[0]
    return places[np.arange(len(z)), rng.integers(0, k, len(z))]


EAST, NORTH = np.array([1.0, 0.0]), np.array([0.0, 1.0])
DIAGONAL = unit_rows(np.array([[1.0, 1.0]]))[0]


@exercise("12.a", reference=symmetric_loss)
def _(trial):
    rng = np.random.default_rng(12)
    both, compass = np.stack([EAST, NORTH]), np.stack([EAST, NORTH, -EAST, -NORTH])
    near = unit_rows(np.array([[0.9, 0.3], [0.2, 0.8]]))
    cases = (
        (EAST[None], EAST[None], DIAGONAL[None], EAST[None], compass, 0.5,
         "one anchor, one candidate: nothing to confuse it with, so the loss is 0. The rows of the "
         "queue are no candidates"),
        (both, both, both, both, compass, 0.5, "each row equals its neighbour: both halves are the "
         "same, and the loss is their mean, not their sum"),
        (near, near, both, both, compass, 0.5, "the positive is the row found in the queue, not "
         "the query z; nothing enters the queue before the search"),
        (both, both, both[::-1], both[::-1], compass, 0.5,
         "the query is z, not p: here p points elsewhere"),
        (both, -both, both, both[::-1], compass, 0.5,
         "the neighbours of view 1 belong to the predictions of view 2, and the other way round"),
        (both, near, near, both, np.stack([EAST, DIAGONAL]), 0.5, "the two halves are not alike "
         "here: l(NN(z1), p2) and l(NN(z2), p1), half of each. In the table of a half, a row is a "
         "neighbour and a column a prediction, and the softmax runs along the row"),
        (5 * near, 0.3 * both, 4 * both, 0.2 * near, compass, 0.5,
         "z and p come with any length: in the loss, only directions count"),
        (both, near, near, both, EAST[None], 0.5,
         "the only row of a queue is the neighbour of all anchors"),
        (*(rng.standard_normal((5, 4)) for _ in range(4)), unit_rows(rng.standard_normal((9, 4))),
         0.2, "five anchors, nine rows, in any direction"))
    for *arrays, queue, temperature, hint in cases:
        _value(trial, arrays, queue, temperature, hint)
    for *arrays, queue, temperature, _ in cases:
        _gradients(trial, arrays, queue, temperature)


NAMES = ("z1", "z2", "p1", "p2")


def _answer(trial: Trial, arrays: list, queue: np.ndarray,
            temperature: float) -> tuple[dict, Tensor]:
    """z1, z2, p1 and p2 as leaves of a graph, and the loss that an answer makes of them."""
    leaves = {name: Tensor(a.copy(), requires_grad=True)
              for name, a in zip(NAMES, arrays, strict=True)}
    loss = trial.keeps(*leaves.values(), queue.copy(), temperature)
    trial.true(isinstance(loss, Tensor), "it must return the Tensor that `backward` can start "
               "from, not its number", got=loss)
    return leaves, loss


def _value(trial: Trial, arrays: list, queue: np.ndarray, temperature: float, hint: str) -> None:
    z1, z2, p1, p2 = arrays
    _, loss = _answer(trial, arrays, queue, temperature)
    expected = (_half(z1, p2, queue, temperature)[0] + _half(z2, p1, queue, temperature)[0]) / 2
    trial.equal(loss.data, expected, hint=hint, **dict(zip(NAMES, arrays, strict=True)),
                queue=queue, temperature=temperature)


def _gradients(trial: Trial, arrays: list, queue: np.ndarray, temperature: float) -> None:
    """Nothing may come back to z1 and z2; to p1 and p2 what was worked out by hand."""
    z1, z2, p1, p2 = arrays
    leaves, loss = _answer(trial, arrays, queue, temperature)
    shown = {**dict(zip(NAMES, arrays, strict=True)), "queue": queue, "temperature": temperature}
    trial.true(loss.node is not None, "the value is right, but it has no gradient: p1 and p2 must "
               "stay Tensors up to the loss", **shown)
    loss.backward()
    for name in ("z1", "z2"):
        grad = leaves[name].grad
        trial.true(grad is None or not np.any(grad), "the value is right, but a gradient reaches "
                   f"{name} around the predictor: the neighbour is a constant, an array that was "
                   "looked up", gradient=grad, **shown)
    for name, z, p in (("p1", z2, p1), ("p2", z1, p2)):
        grad = leaves[name].grad
        trial.equal(np.zeros(p.shape) if grad is None else grad,
                    _half(z, p, queue, temperature)[1] / 2, **shown,
                    hint=f"the value is right, but the gradient in {name} is not (P - Y) / (2 b t) "
                    "times the neighbours, taken through the scaling of p to length 1")


def _half(z: np.ndarray, p: np.ndarray, queue: np.ndarray,
          temperature: float) -> tuple[float, np.ndarray]:
    """l(NN(z), p) and its gradient in p, (b, d): softmax minus truth, in closed form."""
    n, b = queue[(z @ queue.T).argmax(axis=1)], len(z)
    length = np.linalg.norm(p, axis=1, keepdims=True)
    u = p / length
    e = np.exp(n @ u.T / temperature)
    shares = e / e.sum(axis=1, keepdims=True)
    du = (shares - np.eye(b)).T @ n / (b * temperature)
    grad = (du - (du * u).sum(axis=1, keepdims=True) * u) / length
    return float(-np.log(np.diag(shares)).mean()), grad


@exercise("12.b", reference=lowest_loss)
def _(trial):
    rng = np.random.default_rng(12)
    cases = (
        ([3], "one anchor: its share can be all there is, so 0"),
        ([0, 1], "different neighbours make different rows: each may give all of its share to its "
         "own column, so 0"),
        ([7, 7], "one neighbour for two: their rows are the same row, so the two right columns "
         "share 1 between them. The best is one half each, ln 2"),
        ([5, 5, 2], "two anchors share, the third is alone: ln 2, ln 2 and 0, and the mean over "
         "the three anchors"),
        ([4, 4, 4, 4, 4],
         "a queue of one row: all rows of the table are equal, and ln 5 is what a guess costs"),
        ([1, 1, 1, 2], "three share and one is alone: each of the three pays ln 3. Count by "
         "anchors: the mean over neighbours, or the logarithm of a mean, is another number"),
        ([900, 3, 900, 41],
         "only sharing counts: neither the places in the queue nor their order matter"))
    for found, hint in cases:
        trial.equal(trial(np.array(found)), lowest_loss(np.array(found)), found=np.array(found),
                    hint=hint)
    for b, q in ((40, 10), (128, 60)):
        found = rng.integers(0, q, b) ** 2 // q  # the lower places are found more often
        trial.equal(trial(found), lowest_loss(found), found=found,
                    hint=f"{b} anchors, some neighbours more popular")


@exercise("12.c", reference=random_of_top)
def _(trial):
    rng = np.random.default_rng(12)
    # seen from EAST: 0, 2, 1, 3
    near = unit_rows(np.array([[1.0, 0.1], [0.0, 1.0], [1.0, -0.4], [-1.0, 0.0]]))
    for z, k, hint in (
            (EAST[None], 1, "the nearest alone: the largest dot product"),
            (np.stack([EAST, NORTH]), 1, "the nearest of each of the two"),
            (EAST[None], 2, "rows 0 and 2 are the two most similar"),
            (EAST[None], 4, "k is the whole queue: any row may come"),
            (np.stack([EAST, NORTH, -EAST]), 3, "three anchors, each with its own three nearest")):
        for seed in range(6):
            _within(trial, z, near, k, seed, hint)
    z, queue = rng.standard_normal((400, 6)), unit_rows(rng.standard_normal((50, 6)))
    for k in (2, 4):
        _within(trial, -z, queue, k, 0, "400 anchors")
        places = _within(trial, z, queue, k, 0, "400 anchors")
        order = nearest(unit_rows(z), queue, k)[0]
        shares = np.array([(places == order[:, rank]).mean() for rank in range(k)])
        trial.true(bool(np.abs(shares - 1 / k).max() < 0.1), f"of {k} neighbours, each is taken by "
                   f"about one anchor in {k}, and every anchor draws for itself",
                   shares_of_nearest_to_farthest=shares)
        again = trial(z, queue, k, np.random.default_rng(0))
        trial.true(np.array_equal(places, again), "the same seed must give the same choice, or no "
                   "run can be repeated: draw from the rng that is given", first=places,
                   again=np.asarray(again))


def _within(trial: Trial, z: np.ndarray, queue: np.ndarray, k: int, seed: int,
            hint: str) -> np.ndarray:
    """The places that an answer returns, each of which must be among its anchor's k nearest."""
    got = trial(z, queue, k, np.random.default_rng(seed))
    allowed, places = nearest(unit_rows(z), queue, k)[0], np.asarray(got)
    trial.true(places.shape == (len(z),) and places.dtype.kind in "iu",
               f"it must return one place for each anchor, integers of shape ({len(z)},)", z=z,
               queue=queue, k=k, got=got)
    trial.true(bool((places[:, None] == allowed).any(axis=1).all()), hint, z=z, queue=queue, k=k,
               got=places, expected_one_of_each_row=allowed)
    return places
