"""An experiment, not a method: NNCLR that searches among whole images, and uses the surest.

    loss = NNCLR's, with NN = the queue's row of the image with the most similar f, by cosine
    f = features h of the image without augmentation, with the encoder in evaluation mode

The cosine is of features minus the mean of the queue's, with `whitened` also divided by their
standard deviation along each principal axis. Both views of an image get the same neighbour. With
`surest` below 1 only that share of the batch, with the highest cosines, has its neighbour as the
positive; the others have their own view as a constant. Everything else is as in NNCLR. More of the
neighbours are of the image's class than in NNCLR; it measures whether this helps.
"""
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .. import distributed, kernels
from ..config import option
from ..datasets.dataset import Dataset
from ..kernels.l2_normalize import unit_rows
from ..models import Encoder
from ..models.images import to_float
from ..tensor import no_grad
from .method import START, Progress, Step
from .nnclr import NNCLR


class FeatureNNCLR(NNCLR):
    """NNCLR with neighbours by features of the images of `data`; not included in `--methods all`.
    """

    name = "feature_nnclr"
    experiment = True

    @dataclass(frozen=True)
    class Config(NNCLR.Config):
        """The options of NNCLR, and those of the search."""

        whitened: bool = option(True, "whiten the features of the search; else only centre them")
        surest: float = option(1.0, "share of the batch that uses its neighbour: the most similar",
                               above=0, most=1)

    def __init__(self, encoder: Encoder, config, rng: np.random.Generator, data: Dataset):
        super().__init__(encoder, config, rng, data)
        self.data = data
        self.features = np.zeros((config.queue_size, encoder.features), np.float32)  # of the queue
        self.queries: tuple[np.ndarray, ...] = ()

    def forward(self, views: Sequence[np.ndarray], ids: np.ndarray,
                progress: Progress = START) -> Step:
        """As in NNCLR; the step's second key is what the queue will be searched by."""
        self.queries = (self.features_of(ids),)  # in a tuple, so it is not saved
        step = super().forward(views, ids, progress)
        step.keys = (*step.keys, *self.queries)
        return step

    def features_of(self, ids: np.ndarray) -> np.ndarray:
        """Features (b, features) of whole images; no running statistic moves."""
        self.encoder.eval()
        with no_grad():
            h = self.encoder(to_float(self.data.images[ids])).numpy()
        self.encoder.train()
        return h

    def search(self, z: np.ndarray, ids: np.ndarray,
               progress: Progress) -> tuple[np.ndarray, np.ndarray]:
        """The positive (b, d) of each row of z (b, d), and the index (b,) of its neighbour."""
        queries, rows = comparable(self.queries[0], self.features, self.config.whitened)
        indices, cosines = kernels.nearest(queries, rows, self.config.top_k)
        positives, chosen = self.one_of(self.support_set.rows[indices], indices, progress)
        if self.config.surest < 1:
            sure = cosines[:, 0] >= np.quantile(cosines[:, 0], 1 - self.config.surest)
            positives = np.where(sure[:, None], positives, unit_rows(z))
        return positives, chosen

    def after_step(self, step: Step) -> None:
        """As in NNCLR; the features enter their queue at the same places."""
        place = int(self.support_set.counts[0])
        super().after_step(step)
        h = distributed.all_gather(step.keys[1])
        size = len(self.features)
        kept = min(len(h), size)
        self.features[(place + np.arange(len(h) - kept, len(h))) % size] = h[len(h) - kept:]


def comparable(queries: np.ndarray, rows: np.ndarray,
               whitened: bool) -> tuple[np.ndarray, np.ndarray]:
    """queries (b, d) and rows (q, d), centred by the rows' mean, whitened, and of length 1.

    Variances below a hundredth of the largest are raised to it, so that noise is not magnified.
    """
    mean = rows.mean(axis=0)
    queries, rows = queries - mean, rows - mean
    if whitened:
        variances, axes = np.linalg.eigh(np.cov(rows.T))
        axes = (axes / np.sqrt(variances + 0.01 * variances.max())).astype(rows.dtype)
        queries, rows = kernels.matmul(queries, axes), kernels.matmul(rows, axes)
    return unit_rows(queries), unit_rows(rows)
