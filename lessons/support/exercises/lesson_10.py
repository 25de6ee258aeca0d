"""Lesson 10: a ring buffer, the nearest row of a minimum age, rows that a queue may hold."""
from collections import deque
from types import SimpleNamespace

import numpy as np

from ..check import exercise


def enqueue(queue: SimpleNamespace, z: np.ndarray, ids: np.ndarray) -> None:
    """Write rows z (b, d) and ids (b,) into queue.rows (size, d), .ids, .born from .pointer on."""
    size, b = len(queue.rows), len(z)
    kept = min(b, size)
    places = (queue.pointer + np.arange(b - kept, b)) % size
    queue.clock += 1
    queue.rows[places], queue.ids[places] = z[b - kept:], ids[b - kept:]
    queue.born[places] = queue.clock
    queue.pointer = (queue.pointer + b) % size


def nearest_older(z: np.ndarray, rows: np.ndarray, born: np.ndarray, clock: int,
                  at_least: int) -> np.ndarray:
    """Places (b,) of the rows (size, d) nearest to z (b, d) with an age of at_least or more.

    The age of a row is clock - born + 1; the place is -1 where no row is old enough.
    """
    fine = clock - born + 1 >= at_least
    if not fine.any():
        return np.full(len(z), -1)
    return np.where(fine, z @ rows.T, -np.inf).argmax(axis=1)


def entries(z: np.ndarray) -> np.ndarray:
    """z (b, d) scaled to rows of length 1, a new array; FloatingPointError where there is none."""
    # no square of a float32 is too large here
    length = np.linalg.norm(z.astype(np.float64), axis=1, keepdims=True)
    if not (np.isfinite(length) & (length > 0)).all():
        raise FloatingPointError("entries: a row has no direction: it is zero, NaN or infinite")
    return (z / length).astype(np.float32)


def _ring(size, dim=1):
    return SimpleNamespace(rows=np.zeros((size, dim), np.float32), ids=np.full(size, -1),
                           born=np.zeros(size, int), pointer=0, clock=0)


@exercise("10.a", reference=enqueue)
def _(trial):
    rng = np.random.default_rng(10)
    cases = (
        (2, [1], "the first row goes to place 0, and the clock is then 1"),
        (3, [1, 1], "the pointer moves on by b, and each row's born is the number of its batch, "
         "the first being 1"),
        (2, [1, 1, 1], "the queue is full and the pointer was at 0 again: the third row takes the "
         "place of the first"),
        (2, [2, 1], "a batch that ends at the last place leaves the pointer at 0"),
        (3, [2, 2], "the second batch does not fit before the end: its rest continues at place 0"),
        (1, [2], "more rows than places: the last one stays"),
        (3, [4], "more rows than places: the last `size` rows stay, and the oldest of them is "
         "where the pointer is"),
        (3, [2, 5],
         "more rows than places, from the middle: every place is written, by the last three"),
        (2, [5], "more than twice as many rows as places"),
        (3, [2, 0, 2], "an empty batch changes no row, but the clock advances"),
        (7, [3] * 9, "batches of 3 in 7 places, round and round"),
        (9, rng.integers(0, 18, 40).tolist(), "40 batches of any size up to twice the queue"),
        (16, rng.integers(0, 32, 40).tolist(), "40 batches of any size up to twice the queue"))
    for size, batches, hint in cases:
        _enqueue_all(trial, size, batches, hint)
    big = _ring(4096, 64)
    for _ in range(3):
        trial.allocates(200_000, big, np.ones((100, 64), np.float32), np.arange(100),
                        hint="Right rows, but all 4,096 were copied to let 100 in (1 MB): write "
                        "only the places that change, and leave the rest where they are.")


def _enqueue_all(trial, size, batches, hint):
    """Compare a queue with a deque after every batch."""
    queue, first = _ring(size), 0
    line = deque([(0, -1, 0)] * size, maxlen=size)  # (row, id, born), the reference
    for clock, b in enumerate(batches, start=1):
        ids = np.arange(first, first + b)
        z, first = (ids[:, None] + 0.5).astype(np.float32), first + b
        line.extend((i + 0.5, i, clock) for i in ids.tolist())
        shown = {"places": size, "batches_so_far": batches[:clock]}
        trial._call((queue, z, ids), {})
        # the caller's arrays, which may change: the queue holds numbers of its own
        z[:], ids[:] = -7, -7
        pointer = queue.pointer
        trial.true(isinstance(pointer, int | np.integer) and 0 <= pointer < size,
                   f"the pointer must be a whole number from 0 to {size - 1}. {hint}",
                   pointer=pointer, **shown)
        order = (pointer + np.arange(size)) % size  # oldest first
        rows, expected_ids, born = zip(*line, strict=True)
        for name, expected in (("ids", expected_ids), ("rows", rows), ("born", born)):
            array = np.asarray(getattr(queue, name))
            got = array.reshape(size, -1)[order, 0] if array.size == size else array
            trial.equal(got, np.array(expected), hint=f"queue.{name}, from the pointer on "
                        f"(oldest first): {hint}", **shown)
        trial.equal(queue.clock, clock, hint="the clock counts batches", **shown)


@exercise("10.b", reference=nearest_older)
def _(trial):
    rng = np.random.default_rng(10)
    east, north, west = [1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]
    almost = [0.8, 0.6]
    cases: tuple = (
        ([east], [north, east], [1, 1], 1, 1, "age 1 or more: every row counts"),
        ([east], [east, almost], [2, 1], 2, 2,
         "row 0 came with batch 2, the current one: its age is 1, too young"),
        ([east], [east, almost, north], [2, 1, 1], 3, 2,
         "row 0 is 2 steps old, 3 - 2 + 1, and that is old enough"),
        ([east], [almost, north, east], [1, 1, 2], 2, 2,
         "the place is counted in all rows, young ones included"),
        ([east], [east, west], [2, 1], 2, 2, "the only row that is old enough has cosine -1, and "
         "it wins: a row that does not count must score below any cosine, -1 too"),
        ([east, north], [east, north], [1, 1], 1, 2, "no row is old enough: -1, for each query"),
        ([east], [east, north, north, almost], [2, 1, 1, 2], 2, 2, "two equals: the lower place"),
        ([east, north], [east, almost, north, west], [3, 1, 2, 3], 3, 2,
         "after a wrap, the newest rows are at both ends of the array: only `born` identifies "
         "them"))
    cases += tuple(([east], [east] * (young + 40), [2] * young + [1] * 40, 2, 2,
                    "40 rows are old enough and equal: the lowest place; np.argsort keeps their "
                    "order with kind=\"stable\" only") for young in (5, 20))
    for z, rows, born, clock, at_least, hint in cases:
        z, rows, born = np.array(z, np.float32), np.array(rows, np.float32), np.array(born)
        expected = nearest_older(z, rows, born, clock, at_least)
        trial.equal(trial(z, rows, born, clock, at_least), expected, z=z, rows=rows, born=born,
                    clock=clock, at_least=at_least, hint=hint)
    _older_in_any_order(trial, rng)


def _older_in_any_order(trial, rng):
    """Random rows; the answer gets the arrays themselves and may not change them."""
    for size, dim, queries, at_least in (
            (3, 2, 1, 2), (9, 8, 5, 2), (50, 8, 5, 3), (50, 8, 5, 1), (50, 8, 5, 1)):
        rows, z = (entries(rng.standard_normal((n, dim)).astype(np.float32)) for n
                   in (size, queries))
        born = 6 - np.arange(size) % 6
        rng.shuffle(born)
        rows[born == 6] = z[0]  # the youngest are the first query itself
        kept = z.copy(), rows.copy(), born.copy()
        got = trial.answer(z, rows, born, 6, at_least)
        trial.true(all(np.array_equal(a, b) for a, b in zip(kept, (z, rows, born), strict=True)),
                   "the places may be right, but the arguments were changed, and the queue has "
                   "lost those rows. Exclude them in the similarities instead",
                   at_least=at_least, rows_before=kept[1], rows_afterwards=rows)
        trial.equal(got, nearest_older(z, rows, born, 6, at_least), z=z, rows=rows, born=born,
                    clock=6, at_least=at_least, hint=f"{size} rows of ages 1 to {min(size, 6)}, in "
                    "any order")


@exercise("10.c", reference=entries)
def _(trial):
    rng = np.random.default_rng(10)
    cases = (
        ([[3.0, 4.0]], "the length of (3, 4) is 5"),
        ([[3.0, 4.0], [0.0, 2.0]], "each row has its own length"),
        ([[1e-5, 0.0]], "a short row has a direction as well as any: length 1"),
        ([[0.0, 2e-15]], "a row of length 2e-15 has a direction as well as any: length 1"),
        ([[3e14, 4e14]], "a long row has a direction as well as any: length 1"),
        ([[-2.0, 0.0], [0.6, 0.8]], "signs stay; a row of length 1 stays as it is"),
        (np.zeros((0, 2)), "no rows, nothing to refuse"),
        (rng.standard_normal((20, 8)), "twenty rows"))
    with np.errstate(all="ignore"):
        for z, hint in cases:
            z = np.array(z, np.float32)
            expected, got = entries(z), trial(z)
            trial.equal(got, expected, z=z, hint=hint)
            trial.true(getattr(got, "dtype", None) == np.float32, "right numbers, but no float32: "
                       "the queue would hold twice the bytes", z=z,
                       dtype=getattr(got, "dtype", type(got)))
        _is_a_copy(trial)
        _refuses(trial)


def _is_a_copy(trial):
    """The result shares no memory with z, which stays unchanged."""
    for z in ([[3.0, 4.0]], [[0.6, 0.8]], [[1.0, 0.0], [0.0, 1.0]]):
        z = np.array(z, np.float32)
        kept = z.copy()
        got = trial.answer(z)
        trial.true(np.array_equal(z, kept), "right numbers, but they were written into z "
                   "itself, which belongs to the caller", z_before=kept, z_afterwards=z)
        before = got.copy()
        z[:] = 7
        trial.true(np.array_equal(got, before), "right numbers, but the result shares z's memory: "
                   "it changed when z was overwritten after the call",
                   result=before, result_afterwards=got)


def _refuses(trial):
    """Rows without a direction raise FloatingPointError."""
    bad = (
        ([[0.0, 0.0]], "zero"),
        ([[1.0, 0.0], [0.0, 0.0]], "zero, one of two rows"),
        ([[np.nan, 1.0]], "NaN"),
        ([[np.inf, 1.0]], "infinite"),
        ([[1.0, 0.0], [-np.inf, np.nan], [0.0, 1.0]], "the middle one"))
    for z, what in bad:
        z = np.array(z, np.float32)
        try:
            got = trial.answer(z.copy())
        except FloatingPointError:
            trial.true(True, "")
        except Exception as error:
            trial.fail(f"refused, but as {type(error).__name__}: expected a FloatingPointError",
                       z=z)
        else:
            trial.fail(f"a row without direction ({what}) was let in: expected a "
                       "FloatingPointError", z=z, got=got)
