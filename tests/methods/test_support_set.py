"""The queue against a plain list of (row, id, batch), and its search against the obvious one."""
from collections import deque

import numpy as np
import pytest
from one_line import fails
from small import unit

from tinynnclr.methods import SupportSet


def rows_of(rng, n, dim=5):
    return (rng.standard_normal((n, dim)) * rng.uniform(0.1, 9, (n, 1))).astype(np.float32)


def in_order(queue):
    """(rows, ids, ages) from the oldest to the newest."""
    places = (int(queue.counts[0]) + np.arange(len(queue))) % len(queue)
    return queue.rows[places], queue.ids[places], queue.age(places)


@pytest.mark.parametrize(("size", "batches"), [(8, [4] * 5), (7, [3] * 9), (5, [5] * 3),
                                               (5, [8] * 3), (5, [13, 2, 7]), (6, [1] * 15),
                                               (1, [1, 3, 1]), (4, [0, 2, 0, 4]), (9, "random"),
                                               (16, "random"), (33, "random")])
def test_it_is_a_queue(size, batches, rng):
    queue = SupportSet(size, 5, rng)
    model = deque([(row, -1, 0) for row in queue.rows.copy()], maxlen=size)
    if batches == "random":
        batches = rng.integers(0, 2 * size, 40)
    seen = clock = 0
    for b in batches:
        z, ids, clock = rows_of(rng, b), rng.integers(0, 1000, b), clock + 1
        queue.enqueue(z, ids)
        model.extend(zip(unit(z), ids, [clock] * b, strict=True))
        seen += b
        rows, got_ids, ages = in_order(queue)
        np.testing.assert_allclose(rows, [row for row, _, _ in model], rtol=1e-6, atol=1e-7)
        assert got_ids.tolist() == [i for _, i, _ in model]
        assert ages.tolist() == [clock - born + 1 for _, _, born in model]
        assert queue.filled == min(seen, size)
        assert (queue.ids >= 0).sum() == queue.filled
        np.testing.assert_allclose(np.linalg.norm(queue.rows, axis=1), 1, atol=1e-6)


def test_it_begins_with_random_directions():
    queue, same, other = (SupportSet(2000, 8, np.random.default_rng(seed)) for seed in (0, 0, 1))
    np.testing.assert_allclose(np.linalg.norm(queue.rows, axis=1), 1, atol=1e-6)
    assert queue.rows.dtype == np.float32
    assert np.linalg.norm(queue.rows.mean(axis=0)) < 5 / np.sqrt(2000)  # no direction is preferred
    assert (queue.filled, len(queue), set(queue.ids)) == (0, 2000, {-1})
    np.testing.assert_array_equal(queue.rows, same.rows)
    assert not np.array_equal(queue.rows, other.rows)


def test_the_queue_owns_its_rows(rng):
    queue, z, ids = SupportSet(6, 5, rng), rows_of(rng, 4), np.arange(4)
    queue.enqueue(z, ids)
    before = queue.state_dict()
    z[:], ids[:] = 7, 7
    found, indices = queue.nearest(rows_of(rng, 3))
    found[:], indices[:] = 9, 9
    for array in queue.state_dict().values():
        array[...] = 8
    assert all(np.array_equal(before[name], array) for name, array in queue.state_dict().items())


@pytest.mark.parametrize(("size", "b"), [(1, 3), (7, 1), (64, 16), (300, 33)])
def test_nearest(size, b, rng):
    queue, z = SupportSet(size, 5, rng), rows_of(rng, b)
    found, indices = queue.nearest(z)
    cosines = unit(z) @ queue.rows.T.astype(np.float64)
    np.testing.assert_array_equal(indices, cosines.argmax(axis=1))
    np.testing.assert_array_equal(found, queue.rows[indices])
    # only the direction matters
    np.testing.assert_array_equal(queue.nearest(z * np.float32(1000))[1], indices)
    z[0] *= 10
    np.testing.assert_array_equal(queue.nearest(z)[1], indices)
    np.testing.assert_array_equal(queue.nearest(-z)[1], cosines.argmin(axis=1))


@pytest.mark.parametrize("bad", [0.0, np.nan, np.inf, -np.inf])
def test_a_row_without_direction_is_refused_and_changes_nothing(bad, rng):
    queue = SupportSet(6, 5, rng)
    queue.enqueue(rows_of(rng, 4), np.arange(4))
    before, z = queue.state_dict(), rows_of(rng, 4)
    z[2] = bad
    with np.errstate(invalid="ignore"), fails(FloatingPointError, "enqueue",
                                              "zero, NaN or infinite"):
        queue.enqueue(z, np.arange(4))
    assert all(np.array_equal(before[name], array) for name, array in queue.state_dict().items())


def test_bad_arguments(rng):
    for size, dim in ((0, 4), (-1, 4), (4, 0)):
        with fails(ValueError, "size >= 1 and dim >= 1", f"got {size} and {dim}"):
            SupportSet(size, dim, rng)
    queue = SupportSet(6, 5, rng)
    for z, ids in ((np.ones((3, 4)), np.arange(3)), (np.ones(5), np.arange(1)),
                   (np.ones((3, 5)), np.arange(2)), (np.ones((3, 5)), np.ones((3, 1)))):
        with fails(ValueError, r"expected z \(b, 5\) and b ids"):
            queue.enqueue(z.astype(np.float32), ids)
    with fails(ValueError, "queries", r"\(3, 4\)"):
        queue.nearest(np.ones((3, 4), np.float32))
    assert queue.filled == 0


def test_a_long_run_is_within_its_ranges(rng):
    """Of a million batches, as of one; a place, an id or a birth that cannot be is out of range."""
    queue = SupportSet(6, 5, rng)
    queue.enqueue(rows_of(rng, 4), np.arange(4))
    queue.counts[2] = queue.born[0] = 10**6

    def outside():
        return {name for name, (array, low, high) in queue.ranges(4).items()
                if array.min() < low or array.max() > high}

    assert outside() == set()
    for array, name in ((queue.ids, "ids"), (queue.born, "born")):
        array[0] = 10**7
        assert outside() == {name}
        array[0] = 0
    queue.counts[1] = 7
    assert outside() == {"place and rows filled"}
