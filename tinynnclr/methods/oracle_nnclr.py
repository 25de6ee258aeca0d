"""An experiment, not a method: NNCLR whose neighbours are chosen by the labels, with a set
precision.

    loss = NNCLR's, with NN(z) = a row of the queue, of z's class with probability oracle_precision

The positive is a random row of the queue of the anchor's own class with probability
`oracle_precision`, else one of another class; both views of an image get the same one. With
`oracle_nearest` it is the nearest of that kind, each view's own. All else is NNCLR's. It answers
how often a neighbour must be right before it helps.
"""
from dataclasses import dataclass

import numpy as np

from .. import kernels
from ..config import option
from ..datasets.dataset import Dataset
from ..kernels.l2_normalize import unit_rows
from ..models import Encoder
from ..tensor import Tensor
from .nnclr import NNCLR


class OracleNNCLR(NNCLR):
    """NNCLR that reads the labels of `data` to choose its positives; left out of `compare --methods
    all`.
    """

    name = "oracle_nnclr"

    @dataclass(frozen=True)
    class Config(NNCLR.Config):
        """The options of NNCLR, and how good its neighbours are."""

        oracle_precision: float = option(1.0, "share of neighbours of the anchor's class, chosen "
                                         "by the labels", least=0, most=1)
        oracle_nearest: bool = option(False,
                                      "the nearest one of that kind rather than a random one")

    experiment = uses_labels = True

    def __init__(self, encoder: Encoder, config, rng: np.random.Generator, data: Dataset):
        super().__init__(encoder, config, rng, data)
        self.labels_of = (data.labels,)  # in a tuple: no buffer
        self.anchors: tuple = ()  # the labels of the batch

    def loss(self, x1: np.ndarray, x2: np.ndarray, ids: np.ndarray) -> Tensor:
        """NNCLR's loss of two views (b, h, w, 3) of the samples `ids` (b,), with the neighbours
        that the dial gives.
        """
        self.anchors = (self.labels_of[0][ids],)
        return super().loss(x1, x2, ids)

    def lookup(self, z: Tensor) -> tuple[np.ndarray | Tensor, np.ndarray | None]:
        """A row of the queue for each row of z, a constant, and where it was; z itself while
        neighbours are off.
        """
        if self.waiting():
            return z, None
        # so that a resumed run draws the same
        rng = np.random.default_rng((self.config.seed, int(self.steps[0])))
        queued = self.labels_of[0][self.support_set.ids]
        liking = kernels.matmul(unit_rows(z.numpy()),
                                self.support_set.rows.T) if self.config.oracle_nearest else None
        found = oracle_rows(self.anchors[0], queued, self.config.oracle_precision, rng, liking)
        return self.support_set.rows[found], found


def oracle_rows(anchors: np.ndarray, queued: np.ndarray, agreement: float, rng: np.random.Generator,
              liking: np.ndarray | None = None) -> np.ndarray:
    """For each label of anchors (b,) an index into queued (q,) labels, of its own class with that
    probability.

    Of the kind that is drawn, the one with the largest liking (b, q), numbers in [-1, 1], or a
    random one; where there is none of it, of all.
    """
    same = rng.random(len(anchors)) < agreement
    fits = (queued == anchors[:, None]) == same[:, None]  # (b, q)
    liking = rng.random(fits.shape) if liking is None else liking
    return (liking + 3 * fits).argmax(axis=1)
