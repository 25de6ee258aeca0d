"""Lesson 00: an example, label match without oneself, its chance level, nearest neighbours."""
import numpy as np

from tinynnclr.kernels import nearest
from tinynnclr.kernels.l2_normalize import unit_rows

from ..check import exercise


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    """The cosine of the angle between a (d,) and b (d,)."""
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


def label_match(found: np.ndarray, labels: np.ndarray) -> float:
    """Share of the neighbours found (n, k), without the picture itself, with its label of (n,)."""
    other = found != np.arange(len(found))[:, None]
    return float((labels[found] == labels[:, None])[other].mean())


def chance(labels: np.ndarray) -> float:
    """sum n_c (n_c - 1) / (n (n - 1)): the share of ordered pairs with one label; labels (n,)."""
    n, counts = len(labels), np.unique(labels, return_counts=True)[1]
    return float((counts * (counts - 1)).sum() / (n * (n - 1)))


def nearest_others(h: np.ndarray, k: int) -> np.ndarray:
    """The k rows nearest to each row of h (n, d) by cosine, without itself: (n, k) int64.

    Equal cosines are ordered by index.
    """
    rows = unit_rows(h)
    return nearest(rows, rows, k, exclude=np.arange(len(h)))[0]


@exercise("00.example", reference=cosine)
def _(trial):
    for a, b, hint in (
            ([1], [1], "the same direction: 1"),
            ([1], [2],
             "the same direction; the second is only longer, and its length must not count"),
            ([2], [-3], "opposed"),
            ([1, 0], [0, 5], "at right angles"),
            ([1, 0], [3, 4], "the second has length 5"),
            ([2, -1, 2], [4, 4, -7], "their lengths are 3 and 9")):
        a, b = np.array(a, float), np.array(b, float)
        trial.equal(trial(a, b), cosine(a, b), hint=hint, a=a, b=b)


@exercise("00.a", reference=label_match)
def _(trial):
    itself = "a picture that is its own neighbour is left out: neither right nor wrong"
    for found, labels, hint in (
            ([[1], [0]], [0, 0], "both neighbours have the query's label"),
            ([[1], [0]], [0, 1], "no neighbour has the query's label"),
            ([[1], [0], [1]], [3, 3, 5],
             "the neighbours of 0 and 1 have the same label, that of 2 has another"),
            ([[0, 1], [1, 0]], [0, 1], itself), ([[0, 1], [1, 0]], [0, 0], itself),
            ([[1, 0], [0, 1]], [0, 1],
             "the picture itself may be in any place, not only in the first"),
            ([[1, 2], [0, 2], [0, 1]], [0, 0, 1],
             "no picture is its own neighbour, so every neighbour counts"),
            ([[0, 1], [1, 2], [0, 1]], [0, 0, 1], "rows 0 and 1 contain themselves, row 2 does "
             "not: four neighbours remain, with equal weights")):
        found, labels = np.array(found), np.array(labels)
        trial.equal(trial(found, labels), label_match(found, labels), hint=hint, found=found,
                    labels=labels)
    rng = np.random.default_rng(0)
    for n, k, classes in ((6, 2, 2), (40, 5, 3), (500, 6, 10)):
        found, labels = rng.integers(0, n, (n, k)), rng.integers(0, classes, n)
        trial.equal(trial(found, labels), label_match(found, labels), found=found, labels=labels,
                    hint="some rows contain themselves; each remaining neighbour counts once")


@exercise("00.b", reference=chance)
def _(trial):
    for labels, hint in (
            ([0, 0], "the only other picture has the same label: always right"),
            ([0, 1], "the only other picture has another label: always wrong. The picture itself "
             "cannot be drawn"),
            ([0, 0, 1], "each 0 has one 0 among two others, and the 1 has none"),
            ([1, 0, 1, 0], "each has one of its own label among three others"),
            ([0, 0, 0, 1], "classes differ in size: each 0 has two of three, the 1 none"),
            ([5, 2, 5, 2, 5], "labels need not begin at 0, and some may be absent"),
            ([-1, 7, 7], "a label is a name: any integer will do")):
        labels = np.array(labels)
        trial.equal(trial(labels), chance(labels), hint=hint, labels=labels)
    rng = np.random.default_rng(0)
    for n, classes in ((12, 3), (300, 10), (2000, 10)):
        # low labels are common
        labels = np.minimum(rng.integers(0, classes, n), rng.integers(0, classes, n))
        trial.equal(trial(labels), chance(labels), hint="classes of several sizes: a frequent "
                    "label is drawn more often, and for more pictures", labels=labels)


@exercise("00.c", reference=nearest_others)
def _(trial):
    for rows, k, hint in (
            ([[1], [2]], 1, "of two rows each has the other"),
            ([[1], [-1]], 1,
             "the only other row points the opposite way, and it is still the nearest"),
            ([[1, 0], [0, 1], [5, 0]], 1,
             "row 2 has the direction of row 0; its length does not count"),
            ([[1, 1, 1, 1], [9, 0, 0, 0], [0, 1, 0, 0]], 1, "the cosine ignores that row 1 is "
             "long: both others are equally near to row 0, so the first"),
            ([[1], [1], [1]], 1, "all are the same: the lowest index that is not the row itself"),
            ([[1], [1], [1]], 2,
             "all are the same: every other row, in order, and never the row itself"),
            ([[1, 0], [0, 1], [0, -1], [-1, 0]], 3,
             "best first; rows 1 and 2 are equally far from row 0"),
            ([[0, 2], [1, 0], [3, 0], [0, -1], [1, 0]], 2,
             "rows 1, 2 and 4 have one direction: the others come in order of index")):
        h = np.array(rows, np.float32)
        trial.equal(trial(h, k), nearest_others(h, k), hint=hint, h=h, k=k)
    for h in (np.ones((40, 1), np.float32), np.tile(np.eye(3, dtype=np.float32), (20, 1))):
        for k in (1, 5, len(h) - 1):
            trial.equal(trial(h, k), nearest_others(h, k), h=h, k=k,
                        hint=f"{len(h)} rows, most of them equals, in order of index: np.sort and "
                        "np.argsort keep that order with kind=\"stable\", not without")
    rng = np.random.default_rng(0)
    for n, d, k in ((5, 2, 1), (6, 3, 5), (6, 3, 5), (40, 8, 5)):
        h = clear(rng, n, d)
        trial.equal(trial(h, k), nearest_others(h, k), hint="rows of any length in any direction, "
                    "no ties", h=h, k=k)


def clear(rng: np.random.Generator, n: int, d: int) -> np.ndarray:
    """(n, d) float32 rows of several lengths, whose cosines differ by more than rounding."""
    while True:
        h = (rng.standard_normal((n, d)) * rng.uniform(0.3, 3, (n, 1))).astype(np.float32)
        rows = unit_rows(h.astype(np.float64))
        # itself and the six nearest others: more than are asked for
        cosines = np.sort(rows @ rows.T, axis=1)[:, -7:]
        if np.diff(cosines, axis=1).min() > 1e-5:
            return h
