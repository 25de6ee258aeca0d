"""A data set in memory: images, labels and class names; and its batches."""
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from ..kernels.engine.checks import plain_numbers
from .digests import digest


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
        names = [] if self.class_names is None else self.class_names
        object.__setattr__(self, "class_names", tuple(names))
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
        return {"images": f"{len(self)} {digest(self.images)}",
                "labels": f"{len(self)} {digest(self.labels.astype('<i8'))}",
                "class names": f"{len(self.class_names)} {digest(names)}"}

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


@plain_numbers
def batches(order: np.ndarray, batch_size: int, first: int = 0) -> Iterator[np.ndarray]:
    """The full batches of an order of samples, from batch number `first` on."""
    for start in range(first * batch_size, len(order) - batch_size + 1, batch_size):
        yield order[start:start + batch_size]
