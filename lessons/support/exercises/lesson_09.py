"""Lesson 09: alignment and uniformity by one product, a diagnosis, the effective rank."""
import numpy as np

from tinynnclr.metrics.geometry import alignment as alignment_of
from tinynnclr.metrics.geometry import effective_rank
from tinynnclr.metrics.geometry import uniformity as uniformity_of

from ..check import exercise


def plane(z1: np.ndarray, z2: np.ndarray) -> tuple[float, float]:
    """(alignment of the pairs, uniformity of all 2b rows) of z1, z2 (b, d)."""
    return alignment_of(z1, z2), uniformity_of(np.concatenate([z1, z2]))


def diagnose(loss: np.ndarray, alignment: np.ndarray, uniformity: np.ndarray, exam: float) -> str:
    """"collapsed", "shortcut" or "healthy", from curves (n,) of a run and the exam's alignment."""
    if uniformity[-1] > -0.2:
        return "collapsed"
    return "shortcut" if exam >= 2 * alignment[-1] else "healthy"


@exercise("09.a", reference=plane)
def _(trial):
    rng = np.random.default_rng(9)
    east, north = np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])
    cases = (
        (east, east, "one pair on one spot: distance 0, and the mean over the pairs of different "
         "rows is exp(0)"),
        (east, north, "one pair at a right angle: squared distance 2, so alignment 2; two rows are "
         "one pair, counted exp(-2 * 2). A row is no pair with itself: its exp(0) = 1 must stay "
         "out of the mean"),
        (east, -east, "opposite: distance 2, squared 4"),
        (3 * east, 0.5 * north, "lengths do not count: scale each row to length 1 first"),
        (np.concatenate([east, north]), np.concatenate([east, -east]),
         "two pictures: alignment is the mean over pairs (0 and 2), uniformity looks at all four "
         "rows together: the mean of the exponentials first, then one logarithm"),
        (rng.standard_normal((5, 3)), rng.standard_normal((5, 3)), "five pairs in any direction"))
    with np.errstate(all="ignore"):
        for z1, z2, hint in cases:
            got = trial(z1, z2)
            trial.true(isinstance(got, tuple) and len(got) == 2, "expected a pair of numbers: "
                       "alignment, uniformity", got=got)
            for name, value, right in zip(("alignment", "uniformity"), got, plane(z1, z2),
                                          strict=True):
                trial.equal(value, right, rtol=1e-6, atol=1e-7, hint=f"{name}: {hint}", z1=z1,
                            z2=z2)
        z1 = rng.standard_normal((128, 64))
        z2 = z1 + 0.5 * rng.standard_normal((128, 64))
        got = trial.allocates(4_000_000, z1, z2, hint="256 x 256 distances are 0.5 MB, 256 x 256 "
                              "differences of rows of 64 are 34 MB: get the distances of unit rows "
                              "from their dot products")
        trial.equal(np.array(got), plane(z1, z2), rtol=1e-6, hint="128 pairs", z1=z1, z2=z2)


def _curve(*values):
    return np.array(values)


# (loss, alignment, uniformity, exam), rounded from runs of the lesson's network and of others
CURVES = (
    ("healthy", (_curve(5.8, 5.2, 4.8, 4.6), _curve(0.93, 0.41, 0.46, 0.50),
                 _curve(-1.9, -1.1, -1.6, -1.9), 0.48),
     "spread out, its partners close, and at the exam as close: nothing is wrong with this "
     "one"),
    ("collapsed", (_curve(3.0, 0.4, 0.1, 0.06), _curve(0.91, 0.13, 0.03, 0.02),
                   _curve(-1.8, -0.3, -0.06, -0.04), 0.02),
     "its partners are the closest of all, but so are all rows: uniformity ends at 0"),
    ("shortcut", (_curve(5.5, 4.4, 3.6, 3.4), _curve(0.9, 0.41, 0.46, 0.48),
                  _curve(-1.9, -1.7, -2.5, -2.7), 1.30),
     "its own views agree and are well spread; at the exam partners are nearly three times "
     "as far apart"),
    ("collapsed", (_curve(5.54, 5.54, 5.54, 5.54), _curve(0.02, 0.01, 0.01, 0.01),
                   _curve(-0.03, -0.02, -0.02, -0.02), 0.01),
     "a loss that stays at chance, ln 255, is as bad as one that falls to 0: all rows are in one "
     "place"),
    ("healthy", (_curve(5.10, 4.98, 4.93, 4.91), _curve(1.30, 1.25, 1.22, 1.21),
                 _curve(-3.3, -3.2, -3.2, -3.2), 1.25),
     "the loss hardly moves, which is no fault: it is spread out, and the exam agrees with "
     "its own views"),
    ("healthy", (_curve(4.2, 2.1, 1.4, 1.1), _curve(0.9, 0.3, 0.2, 0.15),
                 _curve(-2.0, -2.6, -3.1, -3.3), 0.17),
     "close partners and a low loss are no fault if the exam agrees and all is spread out"),
    ("shortcut", (_curve(5.5, 5.2, 5.0, 4.9), _curve(0.3, 0.2, 0.2, 0.2),
                  _curve(-1.1, -1.2, -1.3, -1.4), 0.60),
     "its loss is high; still, at the exam partners are three times as far apart as on its "
     "own views"),
    ("healthy", (_curve(5.5, 5.3, 4.9, 4.5), _curve(0.03, 0.1, 0.3, 0.4),
                 _curve(-0.05, -0.3, -1.2, -2.0), 0.45),
     "it began in one place and spread out later: look at the end of the curves"),
    ("collapsed", (_curve(4.9, 4.9, 5.3, 5.54), _curve(0.5, 0.4, 0.1, 0.002),
                   _curve(-2.0, -1.8, -0.4, -0.004), 0.01),
     "it began well and ended in one place, where a ratio of two tiny distances means nothing: "
     "test for the collapse first"),
    ("healthy", (_curve(4.0, 1.2, 0.6, 0.4), _curve(0.9, 0.2, 0.08, 0.05),
                 _curve(-2.0, -2.6, -3.1, -3.2), 0.06),
     "very close partners are no collapse if all other rows are far away: look at the "
     "uniformity"),
    ("collapsed", (_curve(5.4, 5.3), _curve(0.5, 0.1), _curve(-1.5, -0.15), 0.15),
     "a uniformity of -0.15 is above -0.2: all sit in nearly one spot"),
    ("healthy", (_curve(5.4, 5.3), _curve(0.5, 0.4), _curve(-1.5, -0.8), 0.5),
     "a uniformity of -0.8 is far from -0.2: no collapse"),
    ("shortcut", (_curve(5.4, 5.3), _curve(0.5, 0.25), _curve(-1.5, -1.8), 0.5),
     "exactly twice as large at the exam as at the end of the run: at least twice is enough"),
    ("healthy", (_curve(5.4, 5.3), _curve(0.1, 0.4), _curve(-1.5, -1.8), 0.5),
     "the exam is compared with the last alignment, not with an earlier one"),
    ("healthy", (_curve(5.3), _curve(0.4), _curve(-1.5), 0.5),
     "curves of one value: it is the last"))


@exercise("09.b", reference=diagnose)
def _(trial):
    for right, given, hint in CURVES:
        got = trial(*given)
        trial.true(got == right, hint, expected=right, got=got, loss=given[0], alignment=given[1],
                   uniformity=given[2], exam=given[3])


@exercise("09.c", reference=effective_rank)
def _(trial):
    rng = np.random.default_rng(9)
    left, right = (np.linalg.qr(rng.standard_normal((n, n)))[0] for n in (6, 4))
    turned = left[:, :2] @ np.diag([3.0, 1.0]) @ right[:2]
    cases = (
        (np.array([[2.0]]), "a single number is one direction"),
        (np.eye(3), "three directions of equal strength"),
        (np.diag([2.0, 2.0, 0.0]), "two equal directions and none in the third. A singular value "
         "of 0 has share 0, and 0 times ln 0 must count nothing"),
        (np.ones((3, 2)), "three equal rows are one direction"),
        (np.diag([3.0, 1.0]), "strengths 3 and 1 have shares 3/4 and 1/4: of the singular values "
         "themselves, not of their squares; and the entropy of natural logarithms goes back "
         "through exp"),
        (np.diag([1.0, 1e-3, 1e-3]),
         "two directions a thousand times weaker add a little, not two"),
        (turned, "the same strengths 3 and 1, in rotated directions of six rows of four numbers"),
        (turned.T.copy(), "more columns than rows"),
        (turned + 2, "nothing is centred: a mean that all rows share is a direction, too"),
        (np.array([[5.0, 0.0], [0.0, 1.0]]),
         "rows are not scaled: a long one is a strong direction"),
        (rng.standard_normal((20, 5)), "twenty rows, five numbers each"))
    with np.errstate(all="ignore"):
        for z, hint in cases:
            trial.equal(trial(z), effective_rank(z), rtol=1e-6, atol=1e-9, z=z, hint=hint)
        z = rng.standard_normal((1500, 8))
        got = trial.allocates(1_000_000, z, hint="z has 96 kB, a matrix of 1500 x 1500 has 18 MB: "
                              "no product of rows with rows, and of the decomposition only the "
                              "singular values are needed")
        trial.equal(got, effective_rank(z), rtol=1e-6, hint="1500 rows of 8", z=z)
