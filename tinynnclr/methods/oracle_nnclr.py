"""An experiment, not a method: NNCLR whose neighbours are chosen by the labels.

    loss = NNCLR's, with NN(z) = a row of the queue, of z's class with probability oracle_precision

The positive is a random row of the queue of the anchor's own class with probability
`oracle_precision`, else one of another class; both views of an image get the same one. With
`oracle_nearest` it is the nearest of that kind, each view's own. All else is NNCLR's. It answers
how often a neighbour must be of the same class before it helps.
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
    """NNCLR that reads the labels of `data` to choose its positives; no part of `--methods all`."""

    name = "oracle_nnclr"
    experiment = uses_labels = True

    @dataclass(frozen=True)
    class Config(NNCLR.Config):
        """The options of NNCLR, and how often its neighbours are right."""

        oracle_precision: float = option(1.0, "share of neighbours of the anchor's class, chosen "
                                         "by the labels", least=0, most=1)
        oracle_nearest: bool = option(False, "the nearest one of that kind, not a random one")

    def __init__(self, encoder: Encoder, config, rng: np.random.Generator, data: Dataset):
        super().__init__(encoder, config, rng, data)
        self.data = data

    def search(self, z: np.ndarray, ids: np.ndarray,
               progress: Progress) -> tuple[np.ndarray, np.ndarray]:
        """A row of the queue for each row of z (b, d), chosen by the labels, and its index (b,)."""
        # seeded by the step, so that both views get the same, and a resumed run as well
        rng = np.random.default_rng((self.config.seed, progress.step))
        labels = self.data.labels
        similarities = (kernels.matmul(unit_rows(z), self.support_set.rows.T)
                        if self.config.oracle_nearest else None)
        indices = oracle_rows(labels[ids], labels[self.support_set.ids],
                              self.config.oracle_precision, rng, similarities)
        return self.support_set.rows[indices], indices


def oracle_rows(anchors: np.ndarray, queued: np.ndarray, precision: float, rng: np.random.Generator,
                similarities: np.ndarray | None = None) -> np.ndarray:
    """For each label of anchors (b,) an index into queued (q,): of its class with that probability.

    Of the rows of the kind that is drawn, the most similar one (b, q), or a random one; where there
    is none of that kind, of all.
    """
    same = rng.random(len(anchors)) < precision
    fits = (queued == anchors[:, None]) == same[:, None]  # (b, q)
    order = rng.random(fits.shape) if similarities is None else similarities  # within [-1, 1]
    return (order + 3 * fits).argmax(axis=1)
