"""Lesson 11: a search that holds little, the k best in order, and three ways to be near."""
from typing import Any

import numpy as np

from tinynnclr.kernels import nearest
from tinynnclr.kernels.l2_normalize import unit_rows

from ..check import Trial, exercise

# a step of NNCLR: two views of 256 images, the queue, an embedding
QUERIES, ROWS, DIM = 512, 4096, 64


def nearest_one(queries: np.ndarray, bank: np.ndarray) -> np.ndarray:
    """The row of bank (q, d) with the largest inner product with each query (b, d): (b,) int64."""
    return nearest(queries, bank)[0][:, 0]


def top_k(scores: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The places (k,) of the k largest of scores (n,), best first, and these scores (k,)."""
    # one number each: 1 x score
    indices, values = nearest(np.ones((1, 1), scores.dtype), scores[:, None], k)
    return indices[0], values[0]


def winners(queries: np.ndarray, bank: np.ndarray) -> np.ndarray:
    """(b, 3) int64: the row of bank (q, d) nearest to each query, by product, cosine and distance.

    |q - s|^2 = |q|^2 - 2 (q.s - |s|^2 / 2): the nearest has the largest product of (q, 1) and
    (s, -|s|^2 / 2).
    """
    ones = np.ones((len(queries), 1), queries.dtype)
    halves = (bank * bank).sum(1, keepdims=True) / -2
    return np.stack([nearest_one(queries, bank), nearest_one(unit_rows(queries), unit_rows(bank)),
                     nearest_one(np.hstack([queries, ones]), np.hstack([bank, halves]))], 1)


@exercise("11.a", reference=nearest_one)
def _(trial):
    one = np.ones((1, 1), np.float32)
    for numbers, hint in (
            ([1, 2], "the largest similarity wins"),
            ([-2, -1], "all similarities are below zero, and one of them is still the largest"),
            ([-2e30, -1e30], "far below zero, and one of them is still the largest"),
            ([5], "one row is the nearest of one"),
            ([3] * 40, "of 40 equal rows the first one wins"),
            ([3, 3], "of two equal rows the first one wins"),
            ([0, 3, 1, 3], "of two equal rows the first one wins")):
        bank = np.array(numbers, np.float32)[:, None]
        trial.equal(trial(one, bank), nearest_one(one, bank), hint=hint, queries=one, bank=bank)
    for size in (5, 33, 65, 129, 1001):
        bank = np.zeros((size, 1), np.float32)
        bank[-1] = 1
        trial.equal(trial(one, bank), [size - 1], queries=one, bank=bank,
                    hint=f"the last of {size} rows is the nearest; does the last, shorter block "
                    "count?")
    rng = np.random.default_rng(11)
    for b, size, d in ((3, 7, 2), (2, 64, 1), (20, 200, 3), (65, 1000, 4)):
        queries, bank = whole_numbers(rng, b, d), whole_numbers(rng, size, d)
        trial.equal(trial(queries, bank), nearest_one(queries, bank), queries=queries, bank=bank,
                    hint="many rows tie here: the lowest index wins, also if the two are in "
                    "different blocks")
    queries, bank = whole_numbers(rng, QUERIES, DIM), whole_numbers(rng, ROWS, DIM)
    # sees what NumPy and Numba allocate, both through Python
    got = trial.allocates(2**19, queries, bank, hint="The matrix of all similarities takes "
                          f"{4 * QUERIES * ROWS:,}: keep the best so far instead, and no more than "
                          "a small block of the rest.")
    trial.equal(got, nearest_one(queries, bank), queries=queries, bank=bank)
    for size, broken in ((3, [0]), (3, [1]), (200, [0, 70, 199])):
        queries, bank = whole_numbers(rng, 4, 3), whole_numbers(rng, size, 3)
        bank[broken, 1] = np.nan
        trial.equal(trial(queries, bank), nearest_one(queries, bank), queries=queries, bank=bank,
                    hint="a row with a NaN in it is never nearest, and it must not hide the rows "
                    "around it")


@exercise("11.b", reference=top_k)
def _(trial):
    for numbers, k, hint in (
            ([5], 1, "one score is the best of one"),
            ([1, 2], 1, "the largest comes first"),
            ([2, 1], 2, "the largest comes first"),
            ([1, 2], 2, "the largest comes first"),
            ([-2, -1], 2, "scores below zero count too"),
            ([-2e30, -1e30], 1, "scores far below zero count too"),
            ([3] * 40, 30, "of 40 equal scores the first stays in front, and all others in order"),
            ([3, 3], 1, "of two equal scores the first stays in front"),
            ([3, 3], 2, "of two equal scores the first stays in front"),
            ([3, 1, 2], 2, "a new score may belong between two earlier ones"),
            ([1, 2, 3], 2, "a new best pushes all others one place down"),
            ([2, 3, 2, 2], 2, "of equals at the end of the list the first one stays")):
        see(trial, np.array(numbers, np.float32), k, hint)
    rng = np.random.default_rng(11)
    for size, k in ((8, 3), (40, 5), (40, 40), (1000, 7)):
        see(trial, rng.integers(-4, 5, size).astype(np.float32), k,
            "many scores are equal: best first, and the lowest index first among equals")
    scores = rng.standard_normal(100_000, np.float32)
    hint = "There is an array as long as the scores: let them pass one by one, and keep k."
    places, values = unpacked(trial, trial.allocates(2**14, scores, 5, hint=hint), scores)
    trial.equal(places, top_k(scores, 5)[0], scores=scores)
    trial.equal(values, top_k(scores, 5)[1], scores=scores)


@exercise("11.c", reference=winners)
def _(trial):
    query = np.array([[1, 0]], np.float32)
    for rows, hint in (
            ([[-2, 1]], "one row is nearest by every measure"),
            ([[1, 0], [0, 1]], "the first row is the query itself"),
            ([[1, 0], [3, 2]], "the second row is longer, which matters for the dot product only"),
            ([[3, 2], [0.25, 0], [1, 0.5]], "three measures, three winners: the long row, the one "
             "with the same direction, the close one"),
            ([[-3, 0], [-0.5, -0.5]],
             "no row has the query's direction: the cosine chooses the smaller angle")):
        bank = np.array(rows, np.float32)
        trial.equal(trial(query, bank), winners(query, bank), hint=hint, queries=query, bank=bank)
    rng = np.random.default_rng(11)
    for b, size, d, unit in (
            (2, 4, 2, False), (9, 40, 5, False), (30, 300, 16, False), (9, 40, 5, True)):
        queries, bank = clear(rng, b, size, d, unit)
        trial.equal(trial(queries, bank), winners(queries, bank), queries=queries, bank=bank,
                    hint="columns: dot product, cosine, distance"
                    + ("; these rows have length 1" if unit else ""))


def see(trial: Trial, scores: np.ndarray, k: int, hint: str) -> None:
    """An answer's indices and values for these scores."""
    places, values = unpacked(trial, trial(scores, k), scores)
    wanted = top_k(scores, k)
    trial.equal(places, wanted[0], hint=f"indices: {hint}", scores=scores, k=k)
    trial.equal(values, wanted[1], hint=f"values: {hint}", scores=scores, k=k)


def unpacked(trial: Trial, got: Any, scores: np.ndarray) -> Any:
    """What an answer returned, which must be a pair."""
    trial.true(isinstance(got, (tuple, list)) and len(got) == 2, "it must return two arrays, "
               "(indices, values)", scores=scores, got=got)
    return got


def whole_numbers(rng: np.random.Generator, n: int, d: int) -> np.ndarray:
    """(n, d) float32 of small whole numbers, whose sums are exact in any order."""
    return rng.integers(-3, 4, (n, d)).astype(np.float32)


def clear(rng: np.random.Generator, b: int, size: int, d: int,
          unit: bool) -> tuple[np.ndarray, np.ndarray]:
    """queries (b, d) and bank (size, d) whose second-best rows are too far behind for rounding."""
    bank = rng.standard_normal((size, d)) * rng.uniform(0.3, 3, (size, 1))
    queries = rng.standard_normal((50 * b, d))
    if unit:
        queries, bank = unit_rows(queries), unit_rows(bank)
    dot = queries @ bank.T
    cosine = unit_rows(queries) @ unit_rows(bank).T
    distance = np.sqrt(((queries[:, None] - bank) ** 2).sum(-1))
    gaps = [np.diff(np.sort(scores, axis=1)[:, -2:], axis=1)[:, 0] for scores
            in (dot, cosine, -distance)]
    fine = np.min(gaps, axis=0) > 1e-3
    return queries[fine][:b].astype(np.float32), bank.astype(np.float32)
