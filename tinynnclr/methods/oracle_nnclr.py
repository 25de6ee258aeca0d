"""An experiment, not a method: NNCLR with neighbours that the labels select.

    loss = NNCLR's, with NN(z) = a row of the queue, of z's class with probability oracle_precision

The positive is a random row of the queue of the anchor's own class with probability
`oracle_precision`, else one of another class; both views of an image get the same one. With
`oracle_nearest` it is the nearest row of that kind to each view. With `top_k` and `top_k_mean` it
is the mean of k such rows. Everything else is as in NNCLR. It measures how often a neighbour must
be of the anchor's class before it helps.
"""
from dataclasses import dataclass

import numpy as np

from .. import kernels
from ..config import option
from ..datasets.dataset import Dataset
from ..kernels.l2_normalize import unit_rows
from ..models import Encoder
from .method import Progress
from .nnclr import NNCLR


class OracleNNCLR(NNCLR):
    """NNCLR with positives selected by the labels of `data`; not included in `--methods all`."""

    name = "oracle_nnclr"
    experiment = uses_labels = True

    @dataclass(frozen=True)
    class Config(NNCLR.Config):
        """The options of NNCLR, and the fraction of neighbours of the anchor's class."""

        oracle_precision: float = option(1.0, "fraction of neighbours of the anchor's class, "
                                         "selected by the labels", least=0, most=1)
        oracle_nearest: bool = option(False, "use the nearest row of that kind, not a random one")

    def __init__(self, encoder: Encoder, config, rng: np.random.Generator, data: Dataset):
        super().__init__(encoder, config, rng, data)
        self.data = data

    def search(self, z: np.ndarray, ids: np.ndarray,
               progress: Progress) -> tuple[np.ndarray, np.ndarray]:
        """A row of the queue for each row of z (b, d), selected by labels, and its index (b,)."""
        # the seed includes the step: both views get the same rows, and so does a resumed run
        rng = np.random.default_rng((self.config.seed, progress.step))
        labels = self.data.labels
        similarities = (kernels.matmul(unit_rows(z), self.support_set.rows.T)
                        if self.config.oracle_nearest else None)
        indices = oracle_rows(labels[ids], labels[self.support_set.ids],
                              self.config.oracle_precision, rng, similarities, self.config.top_k)
        return self.one_of(self.support_set.rows[indices], indices, progress)


def oracle_rows(anchors: np.ndarray, queued: np.ndarray, precision: float, rng: np.random.Generator,
                similarities: np.ndarray | None = None, k: int = 1) -> np.ndarray:
    """For each label in anchors (b,) k indices (b, k) into queued (q,), each of its class with that
    probability.

    They are different rows: the most similar ones (similarities: (b, q)) or random ones of the kind
    that is drawn, or of all rows if no more are of that kind.
    """
    same = rng.random((len(anchors), k)) < precision
    of_class = queued == anchors[:, None]  # (b, q)
    order = rng.random(of_class.shape) if similarities is None else similarities.copy()
    chosen = np.empty(same.shape, np.int64)
    for i in range(k):
        of_kind = of_class == same[:, i:i + 1]
        chosen[:, i] = (order + 3 * of_kind).argmax(axis=1)  # the order is within [-1, 1]
        order[np.arange(len(anchors)), chosen[:, i]] = -10  # a row is taken once
    return chosen
