"""Exact nearest-neighbour search that keeps only the best rows of the bank."""
import numpy as np

from .engine.checks import as_array, expect_one_type, is_whole, plain_numbers
from .engine.compile import jit
from .engine.parallel import get_num_threads, parallel
from .engine.simd import KC, column_max, contract, pack, panel_width

BLOCK = 24  # bank rows at a time, whole tiles: they and a panel of queries fit the first cache


def nearest_naive(queries, bank, k=1, ids=None, exclude=None):
    """All similarities as one matrix, sorted; "stable" keeps the lowest index among equals."""
    similarities = queries @ bank.T
    if exclude is not None:
        ids = np.arange(len(bank)) if ids is None else ids
        similarities[ids == np.asarray(exclude)[:, None]] = -np.inf
    indices = np.argsort(-similarities, axis=1, kind="stable")[:, :k]
    return indices, np.take_along_axis(similarities, indices, axis=1)


@jit
def _keep_best(scores, rows, row0, width, nr, top, best, index):
    """best, index (k, nr): each column's k largest scores so far, sorted, first of equals first.

    scores (rows, nr). Few columns of a block have a new best, so the largest of each is found
    first, for all columns at once: top (nr,), scratch.
    """
    k = len(best)
    column_max(scores, rows, top)
    for j in range(width):
        if not top[j] > best[k - 1, j]:
            continue
        for i in range(rows):
            score = scores[i * nr + j]
            if score > best[k - 1, j]:
                place = k - 1
                while place > 0 and score > best[place - 1, j]:
                    best[place, j], index[place, j] = best[place - 1, j], index[place - 1, j]
                    place -= 1
                best[place, j], index[place, j] = score, row0 + i


@jit
def _exclude(scores, rows, ids, width, nr, unwanted):
    """The score is -inf, which is never kept, where the row's id is the query's unwanted one."""
    for i in range(rows):
        for j in range(width):
            if ids[i] == unwanted[j]:
                scores[i * nr + j] = -np.inf


@jit
def _nearest(start, stop, queries, n, d, bank, size, ids, exclude, best, index):
    """Panels of queries start to stop against every block of the bank; best, index (panels, k, nr).

    ids (size,) and exclude (n,), or both empty.
    """
    nr = panel_width(queries)
    first, last = start * nr, min(stop * nr, n)
    panels = np.empty((stop - start) * nr * d, queries.dtype)
    pack(queries, first * d, 1, d, d, last - first, panels)  # B is the queries' transpose
    scores, top = np.empty(BLOCK * nr, queries.dtype), np.empty(nr, queries.dtype)
    bank_off, score_off = np.arange(BLOCK) * d, np.arange(BLOCK) * nr
    for row in range(0, size, BLOCK):
        rows = min(BLOCK, size - row)
        for panel in range(start, stop):
            width = min(nr, n - panel * nr)
            for k0 in range(0, max(d, 1), KC):  # for d = 0, the sum 0 must be written
                contract(bank, row * d + k0, bank_off[:rows], 1, 0, 1, 0, min(KC, d - k0), 1,
                         panels, (panel - start) * nr * d + k0 * nr, nr, 1, scores, 0, score_off,
                         nr, k0 > 0)
            if len(exclude):
                _exclude(scores, rows, ids[row:], width, nr, exclude[panel * nr:])
            _keep_best(scores, rows, row, width, nr, top, best[panel], index[panel])


def _integers(name, values, size, exclude):
    """int64 (size,), or empty where nothing is excluded; row numbers where ids are not given."""
    if exclude is None and values is None:
        return np.empty(0, np.int64)
    values = (np.arange(size, dtype=np.int64) if values is None
              else as_array("nearest", name, values))
    if values.shape != (size,) or values.dtype.kind not in "iu":
        raise ValueError(f"nearest: {name}: expected {size} integers, got shape {values.shape} "
                         f"{values.dtype}")
    if values.max(initial=0) >= 2**63:
        raise ValueError(f"nearest: {name}: expected less than 2**63, got {values.max()}")
    return np.ascontiguousarray(values, np.int64)


@plain_numbers
def nearest(queries: np.ndarray, bank: np.ndarray, k: int = 1, *, ids: np.ndarray | None = None,
            exclude: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """The k rows of bank (q, d) with the largest inner product with each query (b, d), best first.

    Returns (indices (b, k) int64, similarities (b, k)); for rows of length 1 the similarity is the
    cosine. Ties go to the lowest index. No b x q matrix is written. exclude (b,): query i skips the
    rows of the bank whose ids (q,), their numbers unless given, are exclude[i]. A similarity of NaN
    or -inf is never nearest: a query that has no other gets index 0 and NaN. Raises ValueError for
    shapes or dtypes that do not fit, and unless 1 <= k <= q.
    """
    expect_one_type("nearest", queries=queries, bank=bank)
    if queries.ndim != 2 or bank.ndim != 2 or queries.shape[1] != bank.shape[1]:
        raise ValueError(f"nearest: expected queries (b, d) and bank (q, d), got {queries.shape} "
                         f"and {bank.shape}")
    if not is_whole(k, 1, len(bank)):
        raise ValueError(f"nearest: k: expected 1 to {len(bank)} (the rows of the bank), got {k}")
    n, d = queries.shape
    ids, exclude = (_integers(name, values, size, exclude) for name, values, size
                    in (("ids", ids, len(bank)), ("exclude", exclude, n)))
    nr = panel_width(queries)
    panels = -(-n // nr)
    best = np.full((panels, k, nr), -np.inf, queries.dtype)
    index = np.full((panels, k, nr), -1, np.int64)
    queries, bank = np.ascontiguousarray(queries).reshape(-1), np.ascontiguousarray(bank)
    parallel(_nearest, panels, queries, n, d, bank.reshape(-1), len(bank), ids, exclude, best,
             index, grain=max(1, -(-panels // get_num_threads())))
    index = index.transpose(0, 2, 1).reshape(panels * nr, k)[:n]
    best = best.transpose(0, 2, 1).reshape(panels * nr, k)[:n]
    best[index < 0] = np.nan
    return np.maximum(index, 0), best
