"""A file's bytes gone wrong, in the ways that disks, networks and people have; and a JSON value
gone wrong.
"""
import json

HOSTILE = (None, True, -1, 0, 1.5, 10**30, -2**63, 1e308, float("nan"), "", "text", "\n", [], [1],
           {}, {"a": 1})


def mutate(data, other, rng):
    """One to three changes of `data`; `other` is the bytes of a file of another kind."""
    data = bytearray(data)
    for _ in range(rng.integers(1, 4)):
        size = max(len(data), 1)
        at, length = int(rng.integers(size)), int(rng.integers(1,
                                                               64 if rng.random() < 0.8 else size
                                                               + 1))
        piece = data[at:at + length]
        kind = rng.integers(9)
        if kind <= 1 and data:
            data[at] ^= 1 << int(rng.integers(8))
        elif kind == 2:
            del data[at:]
        elif kind == 3:
            data[at:at] = rng.bytes(length) if rng.random() < 0.5 else bytes(length)
        elif kind == 4:
            data[at:at] = piece  # twice
        elif kind == 5:
            del data[at:at + length]
        # a number that was there, or was not, is now at an edge of what its bytes can say
        elif kind == 6:
            width = int(rng.choice([1, 2, 4, 8]))
            value = int(rng.choice([0, 1, 2**31 - 1, 2**31, 2**63 - 1, 2**63],
                                   p=[.3, .1, .15, .15, .15, .15]))
            value = min(value, 2**(8 * width) - 1)
            data[at:at + width] = value.to_bytes(width, "little" if rng.random() < 0.5 else "big")
        elif kind == 7:
            data[at:at + length] = other[at:at + length]
        else:
            data = bytearray((other, b"", data[::-1], data + other)[rng.integers(4)] if rng.random()
                             < 0.3 else data)
    return bytes(data)


def places(value, path=()):
    """The paths of all that is in a JSON value: keys and numbers, from the outside in."""
    yield path
    as_list = enumerate(value) if isinstance(value, list) else ()
    items = value.items() if isinstance(value, dict) else as_list
    for key, inner in items:
        yield from places(inner, (*path, key))


def mutate_json(value, rng):
    """A copy with one thing in it replaced by something hostile, left out, or joined by an unknown
    key.
    """
    value = json.loads(json.dumps(value))
    found = list(places(value))
    path = found[rng.integers(len(found))]
    worse = HOSTILE[rng.integers(len(HOSTILE))]
    if not path:
        return worse
    inside = value
    for key in path[:-1]:
        inside = inside[key]
    kind = rng.integers(6)
    if kind == 0:
        del inside[path[-1]]
    elif kind == 1 and isinstance(inside, dict):
        inside["unknown"] = worse
    else:
        inside[path[-1]] = worse
    return value
