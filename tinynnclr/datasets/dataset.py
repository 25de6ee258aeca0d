"""What every data set is once it is loaded: images, labels and the names of the classes."""
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Dataset:
    """images (n, h, w, 3) uint8, labels (n,) int64 in [0, len(class_names)), class_names a tuple of str."""

    images: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]

    def __post_init__(self):
        if self.images.dtype != np.uint8 or self.images.ndim != 4 or self.images.shape[-1] != 3:
            raise ValueError(f"images: expected uint8 (n, h, w, 3), got {self.images.dtype} {self.images.shape}")
        if self.labels.shape != (len(self.images),):
            raise ValueError(f"labels: expected shape ({len(self.images)},), got {self.labels.shape}")
        if self.labels.dtype.kind not in "iu":
            raise ValueError(f"labels: expected integers, got {self.labels.dtype}")
        object.__setattr__(self, "labels", self.labels.astype(np.int64, copy=False))  # sums of an int8 wrap around

    def __len__(self):
        return len(self.labels)

    def take(self, n: int) -> "Dataset":
        """The first n images (all of them where n is larger)."""
        return Dataset(self.images[:n], self.labels[:n], self.class_names)
