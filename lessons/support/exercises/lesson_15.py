"""Lesson 15: a ring of ranks, the schedule of the ball, and InfoNCE over a ring."""
import numpy as np

from tinynnclr.methods import losses
from tinynnclr.methods.method import Progress
from tinynnclr.methods.negatives import Negatives, select_negatives
from tinynnclr.tensor import Tensor

from ..check import exercise


class _Asked:
    """The options that Negatives reads."""

    negatives, ring_inner = "ball", 0.0

    def __init__(self, outer, until, kind):
        self.ring_outer, self.anneal_until, self.anneal = outer, until, kind


def ring_mask(similarities: np.ndarray, ids: np.ndarray, outer: float, inner: float) -> np.ndarray:
    """The package's ring (b, n); its bounds are shares of the n - 1 candidates but the own row."""
    own = np.arange(similarities.shape[1]) == ids[:, None]
    return select_negatives(similarities, outer, inner, fixed=True, itself=own)


def ball_share(step: int, total: int, outer: float, until: float, kind: str) -> float:
    """The package's share of the candidates in the ball at this step of a run of `total`."""
    negatives = Negatives(_Asked(outer, until, kind))
    return negatives.ball(Progress(step, total))


def ring_loss(positive: np.ndarray, others: np.ndarray, allowed: np.ndarray,
              temperature: float) -> float:
    """The package's InfoNCE of positive (b,) against the allowed (b, n) of others (b, n)."""
    return losses.info_nce_loss(Tensor(positive[:, None].copy()), Tensor(others), temperature,
                                allowed).item()


def _ranks(row):
    """What the marked ones of similarities 0 .. 99 are by rank, 0 the nearest."""
    return sorted((len(row) - 1 - np.flatnonzero(row)).tolist())


@exercise("15.a", reference=ring_mask)
def _(trial):
    rng = np.random.default_rng(15)
    # row 0 is the anchor's own and the nearest of all
    with_own = np.insert(np.arange(100.0), 0, 1000.0)[None]
    first = np.array([0])
    cases = [
        (np.array([[9.0, 3.0, 1.0, 2.0, 0.0]]), first, 0.5, 0.0, "four candidates besides one's "
         "own row, and half of them: the two nearest, which are 3 and 2"),
        (np.array([[9.0, 3.0, 1.0, 2.0, 0.0]]), first, 0.75, 0.25,
         "of four candidates the nearest one (3) is too near, and the ring reaches to the third"),
        (with_own, first, 0.1, 0.01, "ranks 1 to 9 of 0, 1, ... 99: floor(0.01 * 100) = 1 is left "
         "out at the near end, and floor(0.1 * 100) = 10 is where it stops; the own row has no "
         "rank"),
        (with_own[:, ::-1].copy(), np.array([100]), 0.1, 0.01,
         "the same with the own row last: `ids` says where"),
        (with_own, first, 0.1, 0.1,
         "both bounds are the same, and one negative must be left: the next rank, 10"),
        (with_own, first, 1.0, 0.0, "a ring from 0 to everything: all but the own row"),
        (with_own, first, 0.29, 0.0, "0.29 * 100 is 28.999... in floating point, but the answer is "
         "29 candidates: add 1e-9 before rounding down"),
        (with_own, first, 0.6, 0.29,
         "the inner bound needs its 1e-9, too: 29 are left out, not 28"),
        (np.array([[9.0, 1.0]]), first, 0.5, 0.0,
         "one other: half of one is none, and one negative must be left"),
        (np.arange(10.0)[None], np.array([3]), 0.9, 0.5,
         "nine candidates besides one's own row: half of them is 4, half of ten would be 5")]
    two = np.array([[9.0, 5.0, 6.0, 7.0, 8.0], [4.0, 3.0, 0.0, 2.0, 1.0]])
    cases.insert(2, (two, np.array([0, 0]), 0.5, 0.25, "two anchors, one with lower similarities: "
                     "each row has its own bounds"))
    own = np.array([2, 0, 6])
    cases.append((rng.standard_normal((3, 41)), own, 0.5, 0.1, "three anchors and a bank of 41: "
                  "the shares are of the 40 others in the bank, not of the batch"))
    cases.append((rng.standard_normal((200, 700)), np.arange(200), 0.5, 0.1,
                  "200 anchors, a bank of 700: np.partition(s, at) puts the number at place `at` "
                  "right, and may leave all others out of order"))
    for s, ids, outer, inner, hint in cases:
        _ring(trial, s, ids, outer, inner, hint)
    _does_not_sort(trial, rng)


def _ring(trial, s, ids, outer, inner, hint):
    """Compare a ring; of a row of 100 candidates, show the ranks."""
    expected, got = ring_mask(s, ids, outer, inner), trial(s, ids, outer, inner)
    shown = {"ids": ids, "outer": outer, "inner": inner}
    if s.shape == np.shape(got) == (1, 101) and not np.array_equal(got, expected):
        order = 1 if ids[0] == 0 else -1
        ranks, expected_ranks = (_ranks(np.delete(np.asarray(mask, bool)[0], ids[0])[::order])
                                 for mask in (got, expected))
        trial.fail(hint, expected_ranks=expected_ranks, ranks=ranks,
                   own_row_chosen=bool(np.asarray(got)[0, ids[0]]), **shown)
    trial.equal(got, expected, similarities=s, hint=hint, **shown)


def _does_not_sort(trial, rng):
    """The answer may call neither np.sort nor np.argsort, nor these methods."""
    calls = []
    kept = {name: getattr(np, name) for name in ("sort", "argsort")}
    s, ids = rng.standard_normal((4, 64)), np.array([1, 9, 30, 63])

    def counted(name):
        def count(*args, **kwargs):
            calls.append(f"np.{name}")
            return kept[name](*args, **kwargs)

        return count

    class Watched(np.ndarray):
        """Counts its own methods as well."""

        def sort(self, *args, **kwargs):
            calls.append(".sort")
            return super().sort(*args, **kwargs)

        def argsort(self, *args, **kwargs):
            calls.append(".argsort")
            return super().argsort(*args, **kwargs)

    try:
        for name in kept:
            setattr(np, name, counted(name))
        got = trial(s.view(Watched), ids, 0.5, 0.1)
    finally:
        for name, function in kept.items():
            setattr(np, name, function)
    trial.equal(got, ring_mask(s, ids, 0.5, 0.1), similarities=s, ids=ids,
                hint="four anchors, a bank of 64")
    trial.true(not calls, "right ranks, but the rows were sorted: a ring has two edges, and "
               "np.partition finds each without putting the rest in order",
               sorted_by=sorted(set(calls)))


@exercise("15.b", reference=ball_share)
def _(trial):
    cases = (
        (0, 100, 0.1, 1.0, "linear", "the first step: the ball still holds everything"),
        (50, 100, 0.1, 1.0, "linear", "half-way in a straight line from 1 to 0.1"),
        (100, 100, 0.1, 1.0, "linear", "arrived at `outer`"),
        (25, 100, 0.1, 0.5, "linear",
         "until = 0.5: it arrives after half of the run, so step 25 is half-way"),
        (99, 100, 0.1, 0.5, "linear", "long after arriving it stays at `outer`: p is at most 1"),
        (0, 100, 0.1, 0.5, "exponential",
         "the first step of the exponential: outer to the power of 0"),
        (25, 100, 0.1, 0.5, "exponential",
         "half-way outer^0.5: at every step the same factor, not difference"),
        (99, 100, 0.1, 0.5, "exponential", "the exponential, too, ends at `outer`"),
        (0, 100, 0.1, 0.5, "step", "in steps: everything at first"),
        (12, 100, 0.1, 0.5, "step",
         "p = 0.24 is in the first of four quarters: nothing has changed yet"),
        (13, 100, 0.1, 0.5, "step",
         "p = 0.26 is past the first quarter: linear's value at p = 0.25"),
        (25, 100, 0.1, 1.0, "step", "p = 0.25 exactly begins the second quarter"),
        (75, 100, 0.1, 1.0, "step", "p = 0.75 exactly begins the last quarter"),
        (49, 100, 0.1, 0.5, "step", "p = 0.98 is in the last quarter: linear's value at p = 0.75"),
        (99, 100, 0.1, 0.5, "step", "after the last quarter: `outer`"),
        (0, 100, 0.2, 0.0, "linear",
         "until = 0: there is no way to go, and the ball is small from the first step"),
        (0, 100, 0.2, 0.0, "exponential",
         "until = 0, and the exponential is small from the first step, too"),
        (0, 100, 0.2, 0.0, "step", "until = 0, and so is step"),
        (0, 10, 0.2, 0.1, "linear", "a way of one step: the first step still holds everything"))
    for step, total, outer, until, kind, hint in cases:
        trial.equal(trial(step, total, outer, until, kind),
                    ball_share(step, total, outer, until, kind), rtol=1e-9, atol=1e-12, step=step,
                    total=total, outer=outer, until=until, kind=kind, hint=hint)


@exercise("15.c", reference=ring_loss)
def _(trial):
    rng = np.random.default_rng(15)
    positive, others = np.array([0.5]), np.array([[0.2, -0.1, 0.4]])
    ring = np.array([[False, True, False]])
    everyone = np.ones((1, 3), bool)
    cases = [
        (positive, others[:, :1], everyone[:, :1], 1.0, "one negative: ln(1 + exp(0.2 - 0.5))"),
        (positive, others, everyone, 1.0,
         "a ring of everything is InfoNCE: the positive and all the others compete"),
        (positive, others, ring, 1.0, "one of three is in the ring: the others take no share at "
         "all, and a logit of 0 takes exp(0) = 1"),
        (positive, others, ~everyone, 1.0,
         "the ring is empty: the positive is the only candidate, and the loss is 0"),
        (positive, others, ring, 0.1,
         "temperature 0.1: similarities are divided by it, before the mask"),
        (np.array([0.9, -0.3]), np.array([[0.1, 0.8, 0.2], [0.5, 0.6, -0.2]]),
         np.array([[True, False, False], [True, True, False]]), 0.2,
         "two anchors with rings of different sizes: the loss is the mean over the anchors"),
        (rng.uniform(-1, 1, 4), rng.uniform(-1, 1, (4, 50)), np.ones((4, 50), bool), 0.07,
         "a ring of everything, four anchors, 50 candidates"),
        (rng.uniform(-1, 1, 4), rng.uniform(-1, 1, (4, 50)), rng.random((4, 50)) < 0.2, 0.07,
         "a ring of some"),
        (np.array([1.0]), np.array([[0.5, 1.0, -1.0]]), np.array([[True, True, False]]), 0.001,
         "temperature 0.001: exp(1 / 0.001) is infinite. Subtract the largest logit first, as in "
         "08.a"),
        (np.array([1.0, -1.0]), np.array([[0.5, 1.0], [-1.0, -0.999]]), np.ones((2, 2), bool),
         0.001, "two anchors of very different size: subtract each row's own largest logit"),
        (np.array([-1.0, -1.0]), np.array([[1.0, -0.999], [1.0, 0.9]]),
         np.array([[False, True], [False, False]]), 0.001, "a candidate that is not allowed has "
         "the largest logit, which must not be subtracted: mask first")]
    with np.errstate(all="ignore"):
        for p, o, allowed, temperature, hint in cases:
            trial.equal(trial(p, o, allowed, temperature), ring_loss(p, o, allowed, temperature),
                        rtol=1e-6, atol=1e-6, positive=p, others=o, allowed=allowed,
                        temperature=temperature, hint=hint)
