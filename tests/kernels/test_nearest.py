"""The neighbour search: exact, lowest index among equals, blind to NaN."""
import numpy as np
import pytest
from guarded import any_layout, nothing_outside, same_bytes
from one_line import fails

from tinynnclr.kernels import nearest
from tinynnclr.kernels.engine.simd import KC, VECTOR_BYTES
from tinynnclr.kernels.nearest import BLOCK, nearest_naive

NR = 2 * VECTOR_BYTES // 4  # queries of a panel, in float32

pytestmark = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["f4", "f8"])


def unit(x):
    return (x / np.linalg.norm(x, axis=-1, keepdims=True)).astype(x.dtype)


def draw(rng, dtype, b, q, d):
    return tuple(unit(rng.standard_normal((n, d)).astype(dtype)) for n in (b, q))


def check(queries, bank, k=1):
    """Against all similarities in float64: right values, in order, each that of its row."""
    indices, similarities = nearest(queries, bank, k)
    assert indices.shape == similarities.shape == (len(queries), k)
    assert indices.dtype == np.int64
    assert similarities.dtype == queries.dtype
    _, wanted = nearest_naive(queries.astype(np.float64), bank.astype(np.float64), k)
    atol = 8 * np.finfo(queries.dtype).eps * max(1, np.abs(wanted).max(initial=0))
    np.testing.assert_allclose(similarities, wanted, rtol=0, atol=atol)
    own = (queries.astype(np.float64)[:, None] * bank.astype(np.float64)[indices]).sum(-1)
    np.testing.assert_allclose(similarities, own, rtol=0, atol=atol)
    assert (np.diff(similarities, axis=1) <= 0).all()
    assert (np.diff(np.sort(indices, axis=1), axis=1) > 0).all()  # no row twice


@pytest.mark.parametrize("k", [1, 2, 7])
@pytest.mark.parametrize(("b", "q", "d"), [(1, 7, 1), (3, 8, 2), (NR - 1, BLOCK - 1, 5),
                                           (NR, BLOCK, 16), (NR + 1, BLOCK + 1, 17),
                                           (2 * NR + 3, 3 * BLOCK + 5, 32), (5, 2 * BLOCK, KC),
                                           (5, BLOCK + 2, KC + 1), (NR + 1, BLOCK + 1, 2 * KC + 3)])
def test_against_all_similarities(rng, dtype, b, q, d, k):
    check(*draw(rng, dtype, b, q, d), k)


def test_equals_the_naive_twin_on_random_shapes(rng, dtype):
    check(*draw(rng, dtype, NR + 1, BLOCK + 3, 6), BLOCK + 3)  # k is all rows
    for b, q, d in rng.integers(1, 150, (15, 3)):
        # in fewer dimensions near-equals may swap places by rounding
        queries, bank = draw(rng, dtype, b, q, d + 2)
        k = int(rng.integers(1, min(q, 12) + 1))
        indices, similarities = nearest(queries, bank, k)
        naive_indices, naive_similarities = nearest_naive(queries, bank, k)
        np.testing.assert_allclose(similarities, naive_similarities, rtol=0, atol=1e-6)
        same = indices == naive_indices
        gap = np.abs(similarities - (queries[:, None] * bank[naive_indices]).sum(-1))
        assert (same | (gap < 1e-6)).all()  # another row only where the two are equal to rounding


@pytest.mark.parametrize("k", [1, 4])
def test_a_tie_goes_to_the_lowest_index(rng, dtype, threads, k):
    queries, bank = draw(rng, dtype, 4 * NR + 1, 4 * BLOCK, 9)
    places = [3 * BLOCK + 5, BLOCK - 1, BLOCK, 3 * BLOCK - 1, 17]  # in every block of the bank
    bank[:] *= dtype(0.25)  # the duplicates are the nearest of all
    for query in range(len(queries)):  # one duplicated row for queries of every panel
        bank[places] = queries[query]
        for n in (1, 3):
            threads(n)
            indices, _ = nearest(queries[query:query + 1], bank, k)
            assert indices[0].tolist() == sorted(places)[:k]
    bank[places] = unit(queries.sum(0))
    indices, similarities = nearest(np.tile(bank[17], (len(queries), 1)), bank, k)
    assert (indices == sorted(places)[:k]).all()
    assert (similarities == similarities[0, 0]).all()


@pytest.mark.parametrize("k", [1, 3])
def test_zero_queries_tie_with_every_row(dtype, k):
    indices, similarities = nearest(np.zeros((NR + 2, 5), dtype), np.ones((BLOCK + 9, 5), dtype), k)
    assert (indices == np.arange(k)).all()
    assert not similarities.any()


@pytest.mark.parametrize("k", [1, 5])
def test_rows_of_nan_are_never_nearest(rng, dtype, k):
    queries, bank = draw(rng, dtype, NR + 5, 2 * BLOCK + 8, 7)
    broken = [0, 1, BLOCK - 1, BLOCK, 2 * BLOCK + 7]
    bank[broken, 3] = np.nan
    indices, similarities = nearest(queries, bank, k)
    assert not np.isin(indices, broken).any()
    good = np.delete(np.arange(len(bank)), broken)
    wanted, values = nearest(queries, bank[good], k)
    np.testing.assert_array_equal(indices, good[wanted])
    np.testing.assert_array_equal(similarities, values)


def test_nothing_but_nan(rng, dtype):
    queries, bank = draw(rng, dtype, NR + 3, 5, 4)
    queries[NR] = np.nan
    for k in (1, 3):
        indices, similarities = nearest(queries, bank, k)
        assert not indices[NR].any()
        assert np.isnan(similarities[NR]).all()
        assert np.isfinite(np.delete(similarities, NR, axis=0)).all()
    bank[1:] = np.nan
    indices, similarities = nearest(queries[:1], bank, 3)
    assert indices.tolist() == [[0, 0, 0]]
    np.testing.assert_array_equal(np.isnan(similarities), [[False, True, True]])


def test_large_numbers_are_not_taken_for_none(dtype):
    bank = np.full((3, 2), -1e18, dtype)
    indices, similarities = nearest(np.full((1, 2), 1e18, dtype), bank, 3)
    assert indices.tolist() == [[0, 1, 2]]
    np.testing.assert_allclose(similarities, -2e36, rtol=1e-6)


def test_empty_queries_and_no_features(dtype):
    indices, similarities = nearest(np.ones((0, 3), dtype), np.ones((4, 3), dtype), 2)
    assert indices.shape == similarities.shape == (0, 2)
    indices, similarities = nearest(np.ones((3, 0), dtype), np.ones((70, 0), dtype), 2)
    assert (indices == [0, 1]).all()  # every similarity is an empty sum
    assert not similarities.any()


@pytest.mark.parametrize("k", [1, 3])
def test_same_bytes_for_any_number_of_threads(rng, dtype, threads, k):
    queries, bank = draw(rng, dtype, 9 * NR + 3, 3 * BLOCK + 1, 20)
    bank[50:] = bank[:len(bank) - 50]  # ties, too
    same_bytes(threads, lambda: nearest(queries, bank, k))


def test_any_layout_gives_the_same_bytes_and_is_left_alone(rng, dtype):
    any_layout(lambda queries, bank: nearest(queries, bank, 2), *draw(rng, dtype, 19, 70, 10))


@pytest.mark.parametrize("k", [1, 2])
@pytest.mark.parametrize(("b", "q", "d"), [(1, 2, 1), (NR, BLOCK, 8), (NR + 1, BLOCK + 1, KC + 3)])
def test_reads_and_writes_nothing_outside(rng, dtype, monkeypatch, b, q, d, k):
    nothing_outside(monkeypatch, nearest, lambda queries, bank: nearest(queries, bank, k),
                    *draw(rng, dtype, b, q, d))


def test_arguments_that_do_not_fit(dtype):
    ones = np.ones((2, 3), dtype)
    for bank, options, words in (
            (np.ones((4, 2), dtype), {}, [r"\(2, 3\)", r"\(4, 2\)", r"\(b, d\)"]),
            (ones[0], {}, [r"\(3,\)"]), (ones[:0], {}, ["k: expected 1 to 0"]),
            (np.ones((4, 3), np.int64), {}, ["bank: expected float32 or float64", "int64"]),
            (ones, {"k": 0}, ["k: expected 1 to 2", "got 0"]),
            (ones, {"k": -1}, ["k: expected 1 to 2", "got -1"]),
            (ones, {"k": 3}, ["k: expected 1 to 2", "got 3"]),
            (ones, {"exclude": np.arange(3)}, ["exclude", "2 integers", r"\(3,\)"]),
            (ones, {"ids": np.ones(2), "exclude": np.arange(2)}, ["ids", "2 integers", "float64"])):
        with fails(ValueError, "nearest", *words):
            nearest(ones, bank, **options)
    with fails(ValueError, "nearest", "one type", "queries float", "bank float"):
        nearest(ones, ones.astype({np.float32: np.float64, np.float64: np.float32}[dtype]))


@pytest.mark.parametrize("k", [1, 3])
def test_excluded_rows_are_no_candidates(rng, dtype, k):
    queries, bank = draw(rng, dtype, 2 * NR + 3, 2 * BLOCK + 5, 9)
    ids, exclude = rng.integers(0, 6, len(bank)), rng.integers(0, 6, len(queries)).astype(np.int32)
    indices, similarities = nearest(queries, bank, k, ids=ids, exclude=exclude)
    assert (ids[indices] != exclude[:, None]).all()
    wanted, values = nearest_naive(queries.astype(np.float64), bank.astype(np.float64), k, ids,
                                   exclude)
    np.testing.assert_array_equal(indices, wanted)
    np.testing.assert_allclose(similarities, values, rtol=0, atol=1e-6)


def test_all_rows_excluded(rng, dtype):
    queries, bank = draw(rng, dtype, 2, 3, 4)
    indices, similarities = nearest(queries, bank, 2, ids=np.array([5, 5, 5]),
                                    exclude=np.array([5, 1]))
    assert indices[0].tolist() == [0, 0]
    assert np.isnan(similarities[0]).all()
    assert np.isfinite(similarities[1]).all()
