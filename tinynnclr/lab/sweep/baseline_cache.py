"""The floors of many runs: each is worked out once and kept in a file, for raw pixels alone take
seconds to judge.
"""
import contextlib
import hashlib
import json
from pathlib import Path

import numpy as np

from ... import __version__
from ...config import Config
from ...datasets.dataset import Dataset
from ...evaluate import judge_encoder, judge_pixels
from ...models.encode import encode
from ...nn import Module
from ...storage.atomic import HeldOpen, expect_ours, write_text
from ...storage.validate import ACCURACIES, expect


class FloorCache:
    """kNN and linear probe of raw pixels and of random weights, as `evaluate.judge_floors` has
    them.

    A key ends in a digest of all that the numbers depend on, so that other data never meet old
    floors: images, labels and the judge's options, and for random weights what they make of the
    first test images.
    """

    def __init__(self, path: Path, config: Config, data: tuple[Dataset, Dataset]):
        self.path, self.config, self.data = path, config, data
        judge = f"{__version__} {config.knn_k} {config.knn_temperature} {config.probe_strength}"
        self.digest = digest(judge.encode(), *(array for part in data for array
                                               in (part.images, part.labels)))
        expect_ours([path], lambda path: '"raw pixels, ' in path.read_text(encoding="utf-8"),
                    "--out ")
        try:
            self.known = json.loads(path.read_text(encoding="utf-8"))
            expect(self.known, dict.fromkeys(self.known, ACCURACIES), path.name)
        except (FileNotFoundError, ValueError, TypeError, RecursionError):  # damaged: judged again
            self.known = {}

    def of(self, config: Config, encoder: Module) -> dict[str, dict[str, float]]:
        """{"pixels", "random"} of a run that has not begun: its encoder is still at its random
        weights.
        """
        seen = digest(self.digest.encode(), encode(encoder, self.data[1].images[:64]))
        name = f"random weights, {config.encoder}, width {config.width}, seed {config.seed}"
        return {"pixels": self._look_up(f"raw pixels, {self.digest}",
                                        lambda: judge_pixels(self.config, *self.data)),
                "random": self._look_up(f"{name}, {seen}",
                                        lambda: judge_encoder(self.config, encoder, *self.data))}

    def _look_up(self, key, judge):
        if key not in self.known:
            self.known[key] = judge()
            with contextlib.suppress(HeldOpen):  # it is a cache: the next run writes it
                write_text(self.path, json.dumps(self.known, indent=1) + "\n")
        return self.known[key]


def digest(*parts: bytes | np.ndarray) -> str:
    """Sixteen digits that tell whether any of it has changed."""
    sha = hashlib.sha256()
    for part in parts:
        sha.update(np.ascontiguousarray(part).data if isinstance(part, np.ndarray) else part)
    return sha.hexdigest()[:16]
