"""Digests of a run's data, which show later whether the data have changed."""
import hashlib
from typing import Any

import numpy as np


def digests(train: Any, test: Any = None) -> dict[str, str]:
    """The digests that a run stores, named "training images", "class names", "test labels", ..."""
    named = {name if name == "class names" else f"training {name}": digest
             for name, digest in train.digests.items()}
    if test:
        named |= {f"test {name}": test.digests[name] for name in ("images", "labels")}
    return named


def changes(before: dict[str, str], now: dict[str, str]) -> str:
    """The names in both tables whose digests differ, as text; "" if there are none."""
    changed = []
    for name in before:
        if before[name] != now.get(name, before[name]):
            old, new = (str(digest).partition(" ")[0] for digest in (before[name], now[name]))
            changed.append(f"{name} ({old} then, {new} now)" if old != new else
                           f"{name} (still {new}, but different ones or another order)")
    return ", ".join(changed)


def digest(array: np.ndarray) -> str:
    """A digest of the shape and the bytes."""
    digest = hashlib.blake2b(repr(array.shape).encode(), digest_size=12)
    # without a copy, which an array of no axes or no numbers needs
    digest.update(np.ascontiguousarray(array).data.cast("B") if array.size and array.ndim
                  else array.tobytes())
    return digest.hexdigest()


def expect_same_data(where: Any, before: Any, now: dict[str, str]) -> None:
    """Raise ValueError if the `digests` of a run's data differ from those that it stored.

    before: the stored ones, or None to compare nothing.
    """
    if before is not None and not (isinstance(before, dict)
                                   and all(isinstance(v, str) for v in before.values())):
        raise ValueError(f"{where}: data: expected a table of digests, got {repr(before)[:60]}")
    changed = changes(before or {}, now)
    if changed:
        raise ValueError(f"{where}: the data are not those of this run: {changed}; restore the "
                         "data, or train a new run with another --out")
