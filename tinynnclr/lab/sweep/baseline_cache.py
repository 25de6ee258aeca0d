"""The baselines of many runs, in one file: each is computed once, because it takes seconds."""
import contextlib
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ... import __version__
from ...config import Config
from ...datasets.dataset import Dataset
from ...evaluate import encoder_accuracies, pixel_accuracies
from ...models.encode import encode
from ...nn import Module
from ...storage.atomic import HeldOpen, expect_ours, write_text
from ...storage.validate import ACCURACIES, expect

Accuracies = dict[str, float]


class BaselineCache:
    """The accuracies of raw pixels and of random weights, stored in the file `path`.

    A key ends in a digest of everything that the accuracies depend on: images, labels, options of
    the evaluation, and for random weights the features of the first test images.
    """

    def __init__(self, path: Path):
        self.path = path
        expect_ours([path], lambda path: '"raw pixels, ' in path.read_text(encoding="utf-8"),
                    "--out ")
        try:
            self.stored = json.loads(path.read_text(encoding="utf-8"))
            expect(self.stored, dict.fromkeys(self.stored, ACCURACIES), path.name)
        except (FileNotFoundError, ValueError, TypeError, RecursionError):  # damaged: start anew
            self.stored = {}

    def of(self, config: Config, encoder: Module,
           data: tuple[Dataset, Dataset]) -> dict[str, Accuracies]:
        """{"pixels", "random"} for a run before its first step: its encoder has random weights."""
        options = f"{__version__} {config.knn_k} {config.knn_temperature} {config.probe_strength}"
        data_digest = digest(options.encode(), *(array for part in data for array
                                                 in (part.images, part.labels)))
        weights_digest = digest(data_digest.encode(), encode(encoder, data[1].images[:64]))
        name = f"random weights, {config.encoder}, width {config.width}, seed {config.seed}"
        return {"pixels": self._look_up(f"raw pixels, {data_digest}",
                                        lambda: pixel_accuracies(config, *data)),
                "random": self._look_up(f"{name}, {weights_digest}",
                                        lambda: encoder_accuracies(config, encoder, *data))}

    def _look_up(self, key: str, compute: Callable[[], Accuracies]) -> Accuracies:
        if key not in self.stored:
            self.stored[key] = compute()
            with contextlib.suppress(HeldOpen):  # the next run writes the file
                write_text(self.path, json.dumps(self.stored, indent=1) + "\n")
        return self.stored[key]


def digest(*parts: bytes | np.ndarray) -> str:
    """Sixteen hexadecimal digits of the parts' SHA-256."""
    sha = hashlib.sha256()
    for part in parts:
        sha.update(np.ascontiguousarray(part).data if isinstance(part, np.ndarray) else part)
    return sha.hexdigest()[:16]
