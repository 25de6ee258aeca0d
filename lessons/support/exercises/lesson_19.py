"""Lesson 19: mutual neighbours, a paired difference with its interval, a permutation test."""
from collections.abc import Callable

import numpy as np

from tinynnclr.kernels.l2_normalize import unit_rows

from ..capstone import mutual_neighbor, paired
from ..check import exercise

EAST, NORTH = np.array([1.0, 0.0]), np.array([0.0, 1.0])


def permutation_p(choose: Callable, z: np.ndarray, queue: np.ndarray, judge: Callable,
                  shuffles: int) -> float:
    """p-value of "the rule does not use the queue's order", by `judge`(positives) -> a number.

    (1 + shuffled queues whose positives are at least as good as the real one's) / (1 + shuffles),
    of z (b, d) and queue (q, d). The real queue goes with default_rng(0); shuffle s = 1, 2, ...
    with rng = default_rng(s), which draws the order first.
    """
    real, as_good = judge(choose(z, queue, np.random.default_rng(0))), 0
    for s in range(1, shuffles + 1):
        rng = np.random.default_rng(s)
        order = rng.permutation(len(queue))
        as_good += judge(choose(z, queue[order], rng)) >= real
    return float((1 + as_good) / (1 + shuffles))


def _at(*degrees):
    """Unit rows (n, 2) at these angles, in degrees."""
    return np.stack([np.array([np.cos(a), np.sin(a)]) for a in np.radians(degrees)])


@exercise("19.a", reference=mutual_neighbor)
def _(trial):
    rng = np.random.default_rng(19)
    big = unit_rows(rng.standard_normal((40, 3)))
    cases = (
        (_at(0), _at(10), "one query, one row: there is no other, so they are mutual neighbours"),
        (_at(0), _at(10, 90),
         "the row at 10 degrees is nearest to the query, and nothing is nearer to that row"),
        (_at(0), _at(20, 30), "the row at 20 degrees is nearer to the row at 30: your own view. A "
         "row is not its own neighbour"),
        (_at(0, 15), _at(10, 90), "the row at 10 degrees is nearest to both, and the second is "
         "nearer to it: the first keeps its own view"),
        (_at(15, 0), _at(10, 90),
         "as before, in the other order: the distance counts, not the order"),
        (_at(0, 0), _at(10, 90), "two queries in the same place: the first counts"),
        *((np.stack([NORTH] * n + [EAST] * 40), np.array([[0.8, 0.6], NORTH]),
           "many queries in the same place: the first of them. np.argsort keeps equals in order "
           "with kind=\"stable\" only") for n in (5, 20)),
        (EAST[None], np.stack([NORTH, -EAST]),
         "the other row is as near to the nearest row as the query: equal is allowed"),
        (EAST[None], np.stack([EAST, EAST]),
         "the queue holds the nearest row twice, and its copy is no nearer to it than the query"),
        (_at(0, 40), _at(20, 70, 28), "the nearest row of the query at 0 degrees, at 20, is not "
         "mutual: no other row is searched for"),
        (big[:8], big[8:], "eight queries, 32 rows in space"))
    for z, queue, hint in cases:
        z, queue = z.astype(np.float32), queue.astype(np.float32)
        given = z.copy(), queue.copy()
        got = trial._call((*given, np.random.default_rng(0)), {})
        shown = {"z": z, "queue": queue}
        trial.true(isinstance(got, np.ndarray), "positives are constants: expected an array, got "
                   f"{type(got).__name__}", **shown)
        trial.equal(got, mutual_neighbor(z, queue, rng), hint=hint, **shown)
        trial.true(got.dtype == z.dtype, "z came as float32, so positives must be float32: got "
                   f"{got.dtype}", **shown)
        trial.true(np.array_equal(given[0], z) and np.array_equal(given[1], queue),
                   "z or the queue was changed, and the next step would train on it: build a new "
                   "array", **shown)


def _rows(knn, steps=100, seeds=None):
    return [{"seed": s, "steps": steps, "knn": k}
            for s, k in zip(seeds or range(len(knn)), knn, strict=True)]


@exercise("19.b", reference=paired)
def _(trial):
    mine, base = _rows([0.71, 0.75, 0.82]), _rows([0.70, 0.74, 0.80])
    unequal = [*base[:2], {**base[2], "steps": 300}]
    cases = (
        (_rows([0.71]), _rows([0.70]),
         "one seed: a difference of 1 point, and it could be anything: -inf to inf"),
        (_rows([0.71, 0.71]), _rows([0.70, 0.70]),
         "two differences of 1 point exactly: the interval has no width"),
        (_rows([0.71, 0.73]), _rows([0.70, 0.70]), "differences of 1 and 3 points: mean 2, "
         "standard error 1, and Student's t of one degree of freedom, 12.706"),
        (_rows([0.6, 0.8]), _rows([0.59, 0.79]), "the seeds lie far apart, the differences do not: "
         "subtract seed by seed first, then compute the interval of the differences"),
        (mine, base[::-1], "the rows of base came in another order: find the partner by its seed"),
        (base, mine, "mine minus base: here base is better"))
    for first, second, hint in cases:
        trial.equal(trial(first, second), paired(first, second), mine=first, base=second, hint=hint)
    for first, second, message in (
            (mine, _rows([0.70, 0.74, 0.80], seeds=[0, 1, 7]),
             "other seeds, and so other pictures in other views"),
            (mine, base[:2], "a seed that one side lacks"),
            (mine[:2], base, "a seed that the other side lacks"),
            (mine, [*base, base[0]], "a seed that came twice"),
            ([*mine, mine[0]], base, "a seed that came twice on the other side"),
            ([*mine, mine[0]], [*base, base[0]],
             "a seed that came twice on both sides: which belongs to which?"),
            ([{**row, "steps": 300} for row in mine], base,
             "three times the steps: no equal budget"),
            (mine, _rows([0.70, 0.74, 0.80], steps=90), "fewer steps: no equal budget"),
            (mine, unequal, "one row of more steps than the others: no equal budget")):
        trial.calls, trial.checks = trial.calls + 1, trial.checks + 1
        try:
            got = trial.answer([dict(row) for row in first], [dict(row) for row in second])
        except NotImplementedError:
            raise
        except ValueError:
            continue
        except Exception as error:
            trial.fail(f"{message}: expected a ValueError, got {type(error).__name__}: {error}",
                       mine=first, base=second)
        trial.fail(f"{message}: raise a ValueError instead of a number", mine=first, base=second,
                   got=got)


def _by_place(z, queue, rng):
    """A rule that cheats: row i of the queue belongs to query i."""
    return queue[:len(z)].copy()


def _nearest(z, queue, rng):
    return queue[(z @ queue.T).argmax(axis=1)]


def _at_random(z, queue, rng):
    return queue[rng.integers(0, len(queue), len(z))]


@exercise("19.c", reference=permutation_p)
def _(trial):
    z, rng = _at(0, 90, 180), np.random.default_rng(19)
    queue = np.concatenate([_at(5, 95, 185), unit_rows(rng.standard_normal((9, 2)))])

    def judge_of(z):
        return lambda positives: float((positives * z).sum(axis=1).mean().round(6))

    for choose, shuffles, hint in (
            (_nearest, 1, "the nearest row is the same in any order, so every shuffle is as good "
             "as the real queue, and p is (1 + 1) / (1 + 1): equal counts as good"),
            (_nearest, 19, "p is 1 for a rule that does not use the order"),
            (_by_place, 4, "a rule that uses the places is better on the real queue than on any "
             "other: p is 1 / (1 + 4), for the real queue counts as one of five"),
            (_by_place, 99, "the same with 99 shuffles: p is small"),
            (_at_random, 19, "this rule draws: shuffle s is default_rng(s)'s, which draws the "
             "order and goes on to the rule; the real queue goes with default_rng(0)")):
        seen = []

        def spy(z, queue, rng, choose=choose, seen=seen):
            seen.append(queue.copy())
            return choose(z, queue, rng)

        expected = permutation_p(choose, z, queue, judge_of(z), shuffles)
        got = trial.keeps(spy, z, queue.copy(), judge_of(z), shuffles)
        trial.equal(got, expected, rule=choose.__name__.strip("_").replace("_", " "),
                    shuffles=shuffles, hint=hint)
        trial.true(len(seen) == 1 + shuffles, "the rule is called once for the real queue and once "
                   f"a shuffle: expected {1 + shuffles} calls, got {len(seen)}")
        together = all(np.array_equal(np.sort(q, axis=0), np.sort(queue, axis=0))
                       and (q[:, None] == queue[None]).all(axis=2).any(axis=1).all() for q in seen)
        trial.true(together, "a shuffle moves whole rows: none is changed, doubled or lost",
                   queue=queue)
