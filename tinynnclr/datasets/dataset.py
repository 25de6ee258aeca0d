"""What every data set is once it is loaded: images, labels and the names of the classes."""
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..kernels.engine.checks import plain_numbers


@dataclass(frozen=True)
class Dataset:
    """images (n, h, w, 3) uint8, labels (n,) int64 in [0, len(class_names)), class_names a tuple of
    str.
    """

    images: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]

    def __post_init__(self):
        if self.images.dtype != np.uint8 or self.images.ndim != 4 or self.images.shape[-1] != 3:
            raise ValueError(f"images: expected uint8 (n, h, w, 3), got {self.images.dtype} "
                             f"{self.images.shape}")
        if self.labels.shape != (len(self.images),):
            raise ValueError(f"labels: expected shape ({len(self.images)},), got "
                             f"{self.labels.shape}")
        if self.labels.dtype.kind not in "iu":
            raise ValueError(f"labels: expected integers, got {self.labels.dtype}")
        # sums of int8 would overflow
        object.__setattr__(self, "labels", self.labels.astype(np.int64, copy=False))

    @cached_property
    def digests(self) -> dict[str, str]:
        """{"images", "labels", "class names"}: for each, the count and a digest of the bytes in
        their order.
        """
        names = np.array(json.dumps([str(name) for name in self.class_names]).encode())
        return {name: f"{count} {_digest(array)}" for name, count, array in (
            ("images", len(self), self.images), ("labels", len(self), self.labels.astype("<i8")),
            ("class names", len(self.class_names), names))}

    def __len__(self):
        return len(self.labels)

    def take(self, n: int) -> "Dataset":
        """The first n images (all of them where n is larger)."""
        return Dataset(self.images[:n], self.labels[:n], self.class_names)


def digests(train: Dataset, test: Dataset | None = None) -> dict[str, str]:
    """The digests that a run stores: {"training images", "training labels", "class names", "test
    images", ...}.
    """
    found = {name if name == "class names" else f"training {name}": text for name,
             text in train.digests.items()}
    if test:
        found |= {f"test {name}": test.digests[name] for name in ("images", "labels")}
    return found


def changes(before: dict[str, str], now: dict[str, str]) -> str:
    """The digests that both have and that differ, as text; "" if they are all equal."""
    found = []
    for name in before:
        if before[name] != now.get(name, before[name]):
            then, count = (str(digest).partition(" ")[0] for digest in (before[name], now[name]))
            found.append(f"{name} ({then} then, {count} now)" if then != count else
                         f"{name} (still {count}, but different ones or another order)")
    return ", ".join(found)


def _digest(array):
    """A digest of the shape and the bytes."""
    blake = hashlib.blake2b(repr(array.shape).encode(), digest_size=12)
    blake.update(np.ascontiguousarray(array).data.cast("B") if array.size and array.ndim
                 else array.tobytes())
    return blake.hexdigest()


@plain_numbers
def batches(order: np.ndarray, batch_size: int, first: int = 0) -> Iterator[np.ndarray]:
    """The whole batches of an order of samples, from batch number `first` on; a short rest is left
    out.
    """
    for start in range(first * batch_size, len(order) - batch_size + 1, batch_size):
        yield order[start:start + batch_size]


def expect_same_data(where: Any, before: Any, now: dict[str, str]) -> None:
    """Raise ValueError if the digests of a run's data (`datasets.dataset.digests`) have changed
    since it began.

    before: the digests that the run stored; None, from an earlier version, is not compared.
    """
    if before is not None and not (isinstance(before, dict)
                                   and all(isinstance(v, str) for v in before.values())):
        raise ValueError(f"{where}: data: expected a table of digests, got {repr(before)[:60]}")
    changed = changes(before or {}, now)
    if changed:
        raise ValueError(f"{where}: the data are not those of this run: {changed}; restore the "
                         "data, or train a new run with another --out")
