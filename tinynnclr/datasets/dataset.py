"""Dataset: images, labels and class names; digests that show whether data have changed; batches."""
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from ..kernels.engine.checks import plain_numbers


@dataclass(frozen=True)
class Dataset:
    """Images (n, h, w, 3) uint8 and labels (n,) int64, which are indices of class_names."""

    images: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]
    options: dict = field(default_factory=dict, repr=False, compare=False)  # how a run loads it

    def __post_init__(self):
        for name in ("images", "labels"):
            array = np.asarray(getattr(self, name))
            object.__setattr__(self, name, array)
        object.__setattr__(self, "class_names", tuple([] if self.class_names is None else self.class_names))
        if self.images.dtype != np.uint8 or self.images.ndim != 4 or self.images.shape[-1] != 3:
            raise ValueError(f"images: expected uint8 (n, h, w, 3), got {self.images.dtype} "
                             f"{self.images.shape}")
        if self.labels.shape != (len(self.images),):
            raise ValueError(f"labels: expected shape ({len(self.images)},), got "
                             f"{self.labels.shape}")
        if self.labels.dtype.kind not in "iu":
            raise ValueError(f"labels: expected integers, got {self.labels.dtype}")
        if not self.class_names:
            raise ValueError("class_names: expected at least one name")
        if len(self) and not 0 <= self.labels.min() <= self.labels.max() < len(self.class_names):
            raise ValueError(f"labels: expected 0 to {len(self.class_names) - 1}, indices of "
                             f"class_names, got {self.labels.min()} to {self.labels.max()}")
        if 0 not in self.images.strides:  # a view that is turned or cut becomes an array
            object.__setattr__(self, "images", np.ascontiguousarray(self.images))
        # sums of int8 would overflow
        object.__setattr__(self, "labels", self.labels.astype(np.int64, copy=False))

    @cached_property
    def digests(self) -> dict[str, str]:
        """The count and a digest of the bytes of "images", "labels" and "class names"."""
        names = np.array(json.dumps([str(name) for name in self.class_names]).encode())
        return {"images": f"{len(self)} {_digest(self.images)}",
                "labels": f"{len(self)} {_digest(self.labels.astype('<i8'))}",
                "class names": f"{len(self.class_names)} {_digest(names)}"}

    def __len__(self):
        return len(self.labels)

    def __repr__(self):
        height, width = self.images.shape[1:3]
        return (f"Dataset({self.name}: {len(self):,} images of {height} x {width}, "
                f"{len(self.class_names)} classes)")

    @property
    def name(self) -> str:
        """What `datasets.load` was asked for; "arrays" for other data."""
        return self.options.get("dataset", "arrays")

    def take(self, n: int) -> "Dataset":
        """The first n images, or all if n is larger."""
        if n < 0:
            raise ValueError(f"take: n: expected at least 0, got {n}")
        if n >= len(self):
            return self
        options = {"dataset": self.name} if self.options else {}
        return replace(self, images=self.images[:n], labels=self.labels[:n], options=options)


def digests(train: Dataset, test: Dataset | None = None) -> dict[str, str]:
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


def _digest(array):
    """A digest of the shape and the bytes."""
    digest = hashlib.blake2b(repr(array.shape).encode(), digest_size=12)
    # without a copy, which an array of no axes or no numbers needs
    digest.update(np.ascontiguousarray(array).data.cast("B") if array.size and array.ndim
                  else array.tobytes())
    return digest.hexdigest()


@plain_numbers
def batches(order: np.ndarray, batch_size: int, first: int = 0) -> Iterator[np.ndarray]:
    """The full batches of an order of samples, from batch number `first` on."""
    for start in range(first * batch_size, len(order) - batch_size + 1, batch_size):
        yield order[start:start + batch_size]


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
