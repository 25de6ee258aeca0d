"""Arguments made worse: layouts, types, shapes, values to be refused or computed rightly."""
import copy
import itertools

import numpy as np

COMPILED_ANEW = ("read-only", "unaligned")  # other types to Numba: half a second or more each
NUMBERS = (-1, 0, 1, 2, 3, 7, 1.5, float("nan"), float("inf"), -float("inf"), 1e30, 2**31, 2**40,
           2**63, 2**70, -2**63, "2", None, [1])


def layouts(a):
    """The same numbers, lying elsewhere."""
    yield "Fortran order", np.asfortranarray(a)
    wide = np.zeros([2 * size for size in a.shape], a.dtype)
    strided = wide[tuple(slice(None, None, 2) for _ in a.shape)]
    strided[...] = a
    yield "every second", strided
    yield "reversed", a[..., ::-1].copy()[..., ::-1]
    yield "first row again and again", np.broadcast_to(a[:1], a.shape)
    frozen = a.copy()
    frozen.flags.writeable = False
    yield "read-only", frozen
    odd = np.zeros(a.nbytes + 1, np.uint8)[1:].view(a.dtype).reshape(a.shape)
    odd[...] = a
    yield "unaligned", odd


def emptied(arguments):
    """(what was done, all arguments): each size, and each two, 0 in arrays, shapes, counts.

    Numbers of an array of integers are then 0, the last that an empty axis could hold.
    """
    sizes = sorted({size for value in arguments.values() for size in _sizes(value)} - {0})
    for gone in itertools.chain(itertools.combinations(sizes, 1), itertools.combinations(sizes, 2)):
        yield f"empty: {gone}", {key: _without(value, gone) for key, value in arguments.items()}
    for key, value in arguments.items():  # one argument knows nothing of it
        for gone in sizes:
            if gone in _sizes(value):
                yield f"empty: {gone} in {key}", {k: _without(v, (gone,) if k == key else ())
                                                  for k, v in arguments.items()}


def _sizes(value):
    if isinstance(value, tuple):
        return [size for v in value for size in _sizes(v)]
    if isinstance(value, int) and not isinstance(value, bool):
        return [value]
    return getattr(value, "shape", [])


def _without(value, gone):
    if isinstance(value, tuple):
        return tuple(_without(v, gone) for v in value)
    if isinstance(value, int) and not isinstance(value, bool):
        return 0 if value in gone else value
    if not isinstance(value, np.ndarray):
        return copy.deepcopy(value)
    left = value[tuple(slice(0, 0 if size in gone else None) for size in value.shape)]
    return np.zeros_like(left) if value.dtype.kind in "iu" else left.copy()


def types(a):
    """The same numbers, or nearly, of other types, and no arrays at all."""
    for dtype in ("f4", "f8", "f2", ">f4", ">f8", "g", "c8", "c16", "i8", ">i8", "i4", "u8", "u1",
                  "?", "O", "U8", "M8[s]"):
        if np.dtype(dtype) != a.dtype:
            with np.errstate(all="ignore"):
                yield dtype, (a.astype("i8") if dtype[0] == "M" else a).astype(dtype)
    yield "masked", np.ma.masked_array(a, np.zeros(a.shape, bool))
    if a.ndim == 2:
        yield "a matrix", np.asmatrix(a)
    yield "a list", a.tolist()
    yield "None", None
    yield "text", "text"
    yield "a number", 3


def shapes(a):
    """Too long, too short, empty, of one; an axis too many, one too few."""
    for axis, size in enumerate(a.shape):
        for n in {0, 1, size - 1, size + 1, 3 * size} - {size}:
            yield f"{n} along axis {axis}", np.take(a, np.arange(n) % max(size, 1),
                                                    axis) if size else a
    yield "one more axis in front", a[None]
    yield "one more axis behind", a[..., None]
    yield "no first axis", a[0]
    yield "no last axis", a[..., 0]
    yield "flat", a.reshape(-1)
    yield "no axes", a.reshape(-1)[0:1].reshape(())
    yield "nothing", a.reshape(-1)[:0]


def values(a, rng):
    """One number spoiled: not finite, or out of any range."""
    if a.dtype.kind == "f":
        spoils = (np.nan, np.inf, -np.inf, -0.0)
    else:
        limits = np.iinfo(a.dtype)
        spoils = (limits.min, limits.max, -1 % (limits.max + 1) if limits.min == 0 else -1,
                  limits.max // 2, 0)
    for value in spoils:
        spoiled = a.copy()
        spoiled[tuple(rng.integers(0, size) for size in a.shape)] = value
        yield f"one is {value}", spoiled


def tuples(t):
    """A shape, or another tuple of numbers, with one number wrong, too few or too many of them."""
    yield "too few", t[:-1]
    yield "too many", (*t, 1)
    yield "a list", list(t)
    yield "None", None
    yield "a number", 4
    yield "text", "text"
    for i in range(len(t)):
        for value in (-1, 0, 1, t[i] + 1, 1.5, float("nan"), 2**40, 2**63, 2**70, "2", None):
            yield f"number {i} is {value!r}", (*t[:i], value, *t[i + 1:])


def spoils(value, rng):
    """(what was done, the worse value) of an argument; none of a flag or a generator."""
    if isinstance(value, np.ndarray):
        for family in (layouts, types, shapes):
            yield from family(value)
        yield from values(value, rng)
    elif isinstance(value, tuple) and isinstance(value[0], np.ndarray):
        for i, array in enumerate(value):
            for what, spoiled in spoils(array, rng):
                yield f"{what} in {i}", (*value[:i], spoiled, *value[i + 1:])
    elif isinstance(value, tuple):
        yield from tuples(value)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        for number in NUMBERS:
            yield f"{number!r}", number
