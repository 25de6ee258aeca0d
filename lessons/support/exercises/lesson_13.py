"""Lesson 13: kNN and a linear probe without test information, a paired interval."""
import math

import numpy as np

from tinynnclr import kernels
from tinynnclr.metrics.confidence import mean_and_interval
from tinynnclr.metrics.knn import centred_unit_rows, vote
from tinynnclr.metrics.linear_probe import fit_softmax

from ..check import exercise


def knn_classes(train: np.ndarray, labels: np.ndarray, queries: np.ndarray, own: np.ndarray, k: int,
                temperature: float) -> np.ndarray:
    """Classes (m,) of queries (m, d) by votes of k nearest rows of train, without row own[i]."""
    rows, queries = centred_unit_rows(train, queries)
    indices, cosines = kernels.nearest(queries, rows, min(k, len(train)), exclude=own)
    cosines[np.isnan(cosines)] = -np.inf  # where all others are there already: no votes
    return vote(indices, cosines, labels, temperature)


def probe_probabilities(train: np.ndarray, labels: np.ndarray, test: np.ndarray,
                        strength: float) -> np.ndarray:
    """(m, classes): softmax of a linear probe of test (m, d), fitted on train (n, d)."""
    mean, scale = train.mean(axis=0), 1 / np.maximum(train.std(axis=0), train.dtype.type(1e-6))
    w = fit_softmax((train - mean) * scale, labels, int(labels.max()) + 1, strength)
    logits = (test - mean) * scale @ w[:-1] + w[-1]
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    return p / p.sum(axis=1, keepdims=True)


def conclude(first: dict[int, float], second: dict[int, float],
             margin: float) -> tuple[str, float, float]:
    """(word, low, high): conclusion from the paired 95 % interval of first - second, in points."""
    both = sorted(first.keys() & second.keys())
    if len(both) < 2:
        return "too few seeds", math.nan, math.nan
    mean, half = mean_and_interval([100 * (first[seed] - second[seed]) for seed in both])
    low, high = mean - half, mean + half  # type: ignore[operator]
    if low > 0:
        return "better", low, high
    if high < 0:
        return "worse", low, high
    return "alike" if -margin < low and high < margin else "cannot tell", low, high


LINE = np.array([[-2.0, 0], [2, 0], [0.3, 2], [-0.3, -2]])  # centred already
# the first, then two, near (1, 0)
CROWD = np.array([[3.0, 0.1], [3, 3], [3.1, 3], [-3, -2], [-3.1, -2.1], [-3, -2]])
# the first asks; centred already
NEAR = np.array([[4.0, 0], [3, 0.5], [3, 0.9], [3, 1], [-6.5, -1.2], [-6.5, -1.2]])
APART = np.array([[-4.0, 0], [2, 1], [2, -1]])  # centred already


EAST, FOUR, NO_ROW = np.array([[1.0, 0]]), np.arange(4), np.array([-1])
CROWD_LABELS = np.array([1, 0, 0, 2, 2, 2])
VOTES = (
    (LINE, FOUR, EAST, NO_ROW, 1, 0.1,
     "one neighbour: the row that points most nearly the same way gives its class"),
    (np.array([[1.0, 0.1], [2, 9], [-3, -9.1]]), FOUR[:3], np.array([[1.0, 0.3]]), NO_ROW, 1, 0.1,
     "a long row is not a near one: scale each to length 1"),
    (LINE, FOUR, LINE, FOUR, 1, 0.1, "every query is a row of train: leave it out before the "
     "nearest is taken, however near it is"),
    (LINE, np.array([0, 1, 1, 0]), LINE[[1]], NO_ROW, 1, 0.1,
     "own is -1: no row is the query itself, so the nearest counts, even at the same place"),
    (CROWD, CROWD_LABELS, EAST, NO_ROW, 3, 0.1,
     "the nearest outvotes two farther ones: each neighbour has exp(cosine / temperature) votes"),
    (CROWD, CROWD_LABELS, EAST, NO_ROW, 3, 10.0,
     "at a high temperature votes are almost equal, and two beat one"),
    (NEAR, np.array([2, 0, 1, 1, 3, 3]), NEAR[[0]], np.array([0]), 3, 10.0,
     "three others vote: leave the query's own row out before the k nearest are taken, not "
     "afterwards"),
    (APART, np.array([0, 1, 1]), APART[[0]], np.array([0]), 2, 0.1, "both others point away: a "
     "similarity of 0 leaves the own row the nearest of all; minus infinity does not"),
    (LINE + 50, FOUR, EAST + 50, NO_ROW, 1, 0.1, "far from the origin all rows point the same way: "
     "subtract the mean of train first, from both"),
    (LINE, FOUR, np.array([[1.0, 0.2], [3, 0.1], [9, 0.3]]), -np.ones(3, int), 1, 0.1,
     "three queries on one side: subtract the mean of train; their own mean depends on the other "
     "queries"),
    (LINE, FOUR, LINE[[1]], np.array([1]), 20, 0.1,
     "k is larger than the number of rows: all others vote"),
    (LINE, FOUR, LINE, np.array([0, -1, 2, -1]), 1, 0.1,
     "two of the four queries are rows of train: use own query by query"),
    (LINE, np.array([0, 0, 1, 1]), LINE[[3, 1]], np.array([-1, 1]), 20, 10.0,
     "k is larger than the number of rows, and one query is a row of train: three vote there, all "
     "four elsewhere"),
    (np.tile([[1.0, 0], [-1, 0]], (2, 1)), np.array([3, 0, 1, 0]), EAST, NO_ROW, 2, 0.1,
     "classes 1 and 3 have as many votes: the lower class"),
    *((np.tile([[1.0, 0], [-1, 0]], (30, 1)), np.arange(60)[::-1].copy(), EAST, NO_ROW, k, 0.1,
       "of 30 equal cosines the lowest rows vote: np.argsort keeps equals in order with "
       "kind=\"stable\" only; here each votes for another class, so the lowest of these classes "
       "wins") for k in (5, 20)))


@exercise("13.a", reference=knn_classes)
def _(trial):
    rng = np.random.default_rng(13)
    cases = (*VOTES,
             (rng.standard_normal((30, 5)), rng.integers(3, size=30), rng.standard_normal((12, 5)),
              np.full(12, -1), 7, 0.1, "twelve queries, thirty rows of five numbers"))
    with np.errstate(all="ignore"):
        for train, labels, queries, own, k, temperature, hint in cases:
            arguments = (train, labels, queries, own, k, temperature)
            trial.equal(trial(*arguments), knn_classes(*arguments), train=train, labels=labels,
                        queries=queries, own=own, k=k, temperature=temperature, hint=hint)
        train, queries = CROWD.astype(np.float32), EAST.astype(np.float32)
        arguments = (train, CROWD_LABELS, queries, NO_ROW, 3, 0.005)
        trial.equal(trial(*arguments), knn_classes(*arguments), train=train, labels=CROWD_LABELS,
                    queries=queries, temperature=0.005, hint="1 / 0.005 is 200, and exp(200) is "
                    "infinite in float32; subtract each query's largest cosine before the "
                    "exponential")


@exercise("13.b", reference=probe_probabilities)
def _(trial):
    rng, sides = np.random.default_rng(13), np.array([0, 0, 1, 1])
    flat = np.array([[-2.0], [-1], [1], [2]])
    cloud, which = rng.standard_normal((40, 3)), rng.integers(3, size=40)
    cloud[np.arange(40), which] += 1.5
    cases = (
        (flat, sides, np.array([[3.0]]), 0.1, "one feature, two classes, one picture"),
        (flat + 7, sides, np.array([[7.0], [7.2]]), 0.1,
         "the features lie around 7: subtract the mean of train from train and from test"),
        (flat * 0.01, sides, np.array([[0.005]]), 0.1, "the same features, a hundred times "
         "smaller: divide by the spread of train, or the weight decay holds small ones down"),
        (flat, np.array([0, 1, 1, 1]), np.array([[-1.5]]), 0.1,
         "one class is rarer: the last row of the weights is the bias, and belongs to the logits"),
        (np.column_stack([flat, np.full(4, 5.0)]), sides, np.array([[0.5, 5.0], [-0.5, 5.0]]), 0.1,
         "one feature is constant, so its spread is 0: divide by no less than 0.000001"),
        (cloud * [1, 30, 0.2] + [0, 5, 1], which, np.array([[1.0, 4, 1], [0, 80, 1], [0, 0, 1.5]]),
         0.01, "three classes, three features of different spread"),
        (flat, sides, np.array([[1e5], [-1.0]]), 0.1, "a distant picture has logits whose exp is "
         "infinite: subtract each row's own largest logit before exp"),
        (flat, sides, np.array([[-1e5]]), 0.1, "a distant picture on the other side"))
    with np.errstate(all="ignore"):
        alone, together = (trial(flat, sides, test, 0.1) for test
                           in (np.array([[3.0]]), np.array([[3.0], [9]])))
        trial.equal(np.asarray(alone)[0], np.asarray(together)[0], rtol=0, atol=0.003, train=flat,
                    test=[[3], [9]], hint="the result for the picture at 3 depends on the other "
                    "test pictures: nothing may be fitted on test, not even a mean. Expected: the "
                    "result beside another picture; got: that of the picture alone")
        for train, labels, test, strength, hint in cases:
            trial.equal(trial(train, labels, test, strength),
                        probe_probabilities(train, labels, test, strength), rtol=0, atol=0.003,
                        train=train, labels=labels, test=test, strength=strength, hint=hint)


EVEN = {0: 0.90, 1: 0.91}
DRIFT, ABOVE = {0: 0.70, 1: 0.80, 2: 0.90, 3: 0.75}, {0: 0.711, 1: 0.812, 2: 0.913, 3: 0.762}
FIVE = dict(enumerate((0.930, 0.911, 0.922, 0.914, 0.925)))
PAIRS = (
    ({0: 0.9}, {0: 0.5}, 1,
     "one seed is no interval, however large the difference: low and high are NaN"),
    (EVEN, {2: 0.5, 3: 0.6}, 1, "no seed is in both, so nothing can be paired"),
    ({0: 0.92, 1: 0.94}, EVEN, 1, "two seeds, differences of 2 and 3 points: their mean is 2.5, "
     "their spread (n - 1) is 0.71, that of the mean 0.71 / sqrt(2) = 0.5, and Student's factor "
     "for two is 12.7; so the interval holds 0, and is wide"),
    (ABOVE, DRIFT, 1, "four seeds that move together: take the differences seed by seed, then "
     "their spread. A difference of two means would hide it"),
    (DRIFT, ABOVE, 1, "the same the other way round: first minus second, in points"),
    (dict(reversed(list(ABOVE.items()))), DRIFT, 1,
     "the seeds come in another order: pair them by seed, not by place"),
    ({**ABOVE, 7: 0.1, 8: 0.1}, {**DRIFT, 9: 0.9}, 1, "only the seeds that both have"),
    ({seed: a + 0.0002 * (-1) ** seed for seed, a in FIVE.items()}, FIVE, 1,
     "the whole interval lies within the margin on both sides of 0: alike"),
    ({seed: a + 0.01 + 0.011 * (-1) ** seed for seed, a in FIVE.items()}, FIVE, 1,
     "the interval holds 0 and reaches beyond the margin: these seeds are too few to tell, which "
     "is not alike"),
    (dict(enumerate((0.55, 0.513, 0.545, 0.50, 0.53))),
     dict(enumerate((0.52, 0.511, 0.52, 0.511, 0.505))), 1,
     "the mean difference is above 0, and the interval holds 0"),
    ({seed: a + 0.002 + 0.0001 * (-1) ** seed for seed, a in FIVE.items()}, FIVE, 1,
     "better wins over alike: the whole interval is above 0, though below the margin"),
    ({seed: a - 0.002 + 0.0001 * (-1) ** seed for seed, a in FIVE.items()}, FIVE, 1,
     "worse wins over alike as well: the whole interval is below 0, though within the margin"),
    (EVEN, EVEN, 1,
     "the same accuracies twice: the interval is 0 alone, which is neither above nor below 0"),
    (EVEN, EVEN, 0, "a margin of 0: no interval lies within it, so nothing is alike"),
    (dict(enumerate((0.931, 0.923, 0.933))), dict(enumerate((0.92, 0.917, 0.924))), 1,
     "three seeds: 4.303 of their standard errors (spread / sqrt(3), the spread with n - 1), not "
     "1.96"))


@exercise("13.c", reference=conclude)
def _(trial):
    for first, second, margin, hint in PAIRS:
        shown = {"first": first, "second": second, "margin": margin}
        got, (word, low, high) = trial(first, second, margin), conclude(first, second, margin)
        trial.true(isinstance(got, tuple) and len(got) == 3, "expected (word, low, high)", got=got,
                   **shown)
        trial.equal(np.array(got[1:]), np.array((low, high)), rtol=1e-3, atol=1e-6, hint=hint,
                    **shown)
        trial.true(got[0] == word, hint, expected=word, got=got[0], interval=np.array((low, high)),
                   **shown)
