"""DeepCluster: the labels of images are the clusters of what the network itself makes of all
images, epoch by epoch.

    before an epoch:  h = encoder(whole images), all of them
                      rows = unit(whiten(h)),  y = k-means(rows)
                      W, the head, begins anew
                      the epoch's order has as many images of each cluster
    in each step:     loss = 1/2 CE(W norm(encoder(x1)), y) + 1/2 CE(W norm(encoder(x2)), y)

Clusters have no names: cluster 3 of one epoch is not that of the next, so W has nothing to go on
with. Two things could be learned that are worth nothing. With all images in one cluster, any
network is right: k-means leaves no cluster empty. With nearly all of them in a few, those are all
that is learned: the order is flat over clusters. How stable the clusters are is `nmi`, the mutual
information with those of the epoch before: it rises where something is learned.

The paper (AlexNet or VGG, 10,000 clusters of ImageNet, 256 directions) shows one view of an image
in an epoch, and trains W at a constant rate by an optimiser of its own. Here the loop draws two
views, so the loss is the mean of both, and its one optimiser forgets its memory of W when W begins
anew. The paper takes off the last layer of a deep classifier and the ReLU before it, and clusters
what is left; here W is all the classifier there is, on a batch norm of h, without which W learns
next to nothing in an epoch of 78 steps. The first clusters are those of random weights with the
running statistics they begin with; a pass to measure these first made the clusters less like
classes, not more.

The published code has an index wrong: the images lie in the order of their clusters, while its
sampler draws their original numbers. Images keep their labels, but clusters are not seen equally
often (in a replica the largest came 8 times as often as the mean). Here they are, give or take 1.

Source: Caron et al. 2018, "Deep clustering for unsupervised learning of visual features" (arXiv
1807.05520), section 3.
"""
import math
from dataclasses import dataclass

import numpy as np

from .. import distributed, kernels, ops
from ..config import Config as RunConfig
from ..config import option
from ..datasets.dataset import Dataset
from ..metrics.nmi import normalized_mutual_information
from ..models import Encoder
from ..models.encode import encode
from ..nn import BatchNorm, Linear
from ..tensor import Tensor
from .clustering import balanced_order, pca_whiten
from .method import Method


class DeepCluster(Method):
    """Encoder and head, and which cluster each image of `data` is in; `config` gives clusters, pca,
    kmeans_steps.

    Raises ValueError where there are more clusters than images.
    """

    name = "deepcluster"

    @dataclass(frozen=True)
    class Config(RunConfig):
        """The options of DeepCluster."""

        clusters: int = option(100, "of the images, and so classes of the head; 5 to 10 times the "
                               "true ones do best", least=2)
        pca: int = option(64, "whitened directions in which images are clustered", least=1)
        kmeans_steps: int = option(20, "rounds of k-means before each epoch", least=1)

    undefined = ("nmi",)  # before the second clustering

    def __init__(self, encoder: Encoder, config, rng: np.random.Generator, data: Dataset):
        if config.clusters > len(data):
            raise ValueError(f"clusters: {config.clusters} is more than the {len(data)} training "
                             f"images; use clusters {len(data)} or fewer")
        self.encoder = encoder
        self.norm = BatchNorm(encoder.features)
        self.head = Linear(encoder.features, config.clusters, rng)
        self.clusters, self.pca, self.kmeans_steps = config.clusters, config.pca, config.kmeans_steps
        self.batch_size = config.batch_size
        self.images = (data.images,)  # in a tuple, so that they are no buffer
        self.assignment = np.full(len(data), -1, np.int64)  # image -> cluster; -1: none yet
        self.nmi = np.full(1, np.nan)
        self.pending: tuple = ()  # h of view 1, for the diagnostics

    def ranges(self, images: int) -> dict[str, tuple[np.ndarray, int, int]]:
        """As `SupportSet.ranges`."""
        return {"assignment": (self.assignment, -1, self.clusters - 1)}

    def start_epoch(self, size: int, rng: np.random.Generator) -> tuple[np.ndarray, list[Tensor]]:
        """Cluster all images, then an order of whole batches that is flat over the clusters, and
        the head, anew.
        """
        before, self.assignment = self.assignment, self.cluster(rng)
        if before[0] >= 0:
            self.nmi[0] = normalized_mutual_information(before, self.assignment)
        weight, bias = self.head.parameters()
        weight.data[...] = 0.01 * rng.standard_normal(weight.shape, np.float32)
        bias.data[...] = 0
        whole = size // self.batch_size * self.batch_size
        return balanced_order(self.assignment, self.clusters, whole, rng), [weight, bias]

    def cluster(self, rng: np.random.Generator) -> np.ndarray:
        """The cluster of each image (n,), by the encoder as it is now."""
        rows = pca_whiten(encode(self.encoder, self.images[0]), self.pca)
        return distributed.broadcast(kernels.kmeans(rows, self.clusters, self.kmeans_steps, rng)[1])

    def loss(self, x1: np.ndarray, x2: np.ndarray, ids: np.ndarray) -> Tensor:
        """The cross-entropy of both views (b, h, w, 3) of the samples `ids` (b,) with their
        clusters.
        """
        labels = self.assignment[ids]
        h1, h2 = self.encoder(x1), self.encoder(x2)
        self.pending = (h1.numpy(),)
        logits1, logits2 = self.head(self.norm(h1)), self.head(self.norm(h2))
        return (ops.cross_entropy(logits1, labels=labels)
                + ops.cross_entropy(logits2, labels=labels)) * 0.5

    def guess(self) -> float:
        """ln(clusters): each is as likely as any other."""
        return math.log(self.clusters)

    def after_step(self) -> dict:
        """Nothing follows the step; returns view 1's features, and how like the last clusters these
        are.
        """
        return {"z": self.pending[0], "nmi": self.nmi[0]}
