"""DeepCluster: the labels are clusters of the network's own features.

    before an epoch:  h = encoder(whole images), all of them
                      rows = unit(whiten(h)),  y = k-means(rows)
                      W, the head, is initialised again
                      the epoch's order has equally many images of each cluster
    in each step:     loss = 1/2 CE(W norm(encoder(x1)), y) + 1/2 CE(W norm(encoder(x2)), y)

The clusters of one epoch do not correspond to those of the next, so W cannot be kept. There are two
trivial solutions. If all images are in one cluster, any network is right: k-means leaves no cluster
empty. If nearly all are in a few, only those are learned: the order is balanced over the clusters.
`nmi`, the mutual information with the clusters of the epoch before, measures how stable they are;
it rises as the network learns.

The paper (AlexNet or VGG, 10,000 clusters of ImageNet, 256 directions) uses one view of an image
per epoch, and a second optimiser with a constant learning rate for W. Here the loss is the mean of
two views, and the optimiser's state of W is reset with W. The paper removes the last layer of a
deep classifier and the ReLU before it, and clusters the output; here W is the whole classifier,
after a batch norm of h, without which W learns almost nothing in an epoch of 78 steps. The first
clusters are those of random weights with the initial running statistics; measuring the statistics
first made the clusters less similar to the classes.

The published code has a wrong index: the images are sorted by cluster, but its sampler draws their
original numbers. Images keep their labels, but clusters are not seen equally often (in our test of
that code, the largest 8 times as often as the mean). Here they are, +-1.

Source: Caron et al. 2018, "Deep clustering for unsupervised learning of visual features" (arXiv
1807.05520), section 3.
"""
import math
from collections.abc import Sequence
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
from .method import START, Method, Progress, Step


class DeepCluster(Method):
    """Encoder, head, and the cluster of each image of `data`.

    Raises ValueError if there are more clusters than images.
    """

    name = "deepcluster"

    @dataclass(frozen=True)
    class Config(RunConfig):
        """The options of DeepCluster."""

        clusters: int = option(100, "number of clusters; 5 to 10 times the number of classes is "
                               "best", least=2)
        pca: int = option(64, "number of whitened directions for the clustering", least=1)
        kmeans_steps: int = option(20, "iterations of k-means before each epoch", least=1)

    undefined = ("nmi",)  # before the second clustering

    def __init__(self, encoder: Encoder, config, rng: np.random.Generator, data: Dataset):
        if config.clusters > len(data):
            raise ValueError(f"clusters: {config.clusters} is more than the {len(data)} training "
                             f"images; use clusters {len(data)} or fewer")
        self.encoder, self.config, self.data = encoder, config, data
        self.norm = BatchNorm(encoder.features)
        self.head = Linear(encoder.features, config.clusters, rng)
        self.assignment = np.full(len(data), -1, np.int64)  # image -> cluster; -1: none yet
        self.nmi = np.full(1, np.nan)  # with the clusters of the epoch before

    def ranges(self, images: int) -> dict[str, tuple[np.ndarray, int, int]]:
        """As `SupportSet.ranges`."""
        return {"assignment": (self.assignment, -1, self.config.clusters - 1)}

    def start_epoch(self, size: int, rng: np.random.Generator) -> tuple[np.ndarray, list[Tensor]]:
        """Cluster all images, initialise the head, and order images evenly over the clusters."""
        before, self.assignment = self.assignment, self.cluster(rng)
        if before[0] >= 0:
            self.nmi[0] = normalized_mutual_information(before, self.assignment)
        weight, bias = self.head.parameters()
        weight.data[...] = 0.01 * rng.standard_normal(weight.shape, np.float32)
        bias.data[...] = 0
        in_batches = size // self.config.batch_size * self.config.batch_size
        order = balanced_order(self.assignment, self.config.clusters, in_batches, rng)
        return order, [weight, bias]

    def cluster(self, rng: np.random.Generator) -> np.ndarray:
        """The cluster of each image (n,), from the encoder's current features."""
        rows = pca_whiten(encode(self.encoder, self.data.images), self.config.pca)
        clusters = kernels.kmeans(rows, self.config.clusters, self.config.kmeans_steps, rng)[1]
        return distributed.broadcast(clusters)

    def forward(self, views: Sequence[np.ndarray], ids: np.ndarray,
                progress: Progress = START) -> Step:
        """The cross-entropy of two views, each (b, h, w, 3), with the clusters of the samples."""
        labels = self.assignment[ids]
        h1, h2 = (self.encoder(x) for x in views)
        logits1, logits2 = self.head(self.norm(h1)), self.head(self.norm(h2))
        loss = (ops.cross_entropy(logits1, labels=labels)
                + ops.cross_entropy(logits2, labels=labels)) * 0.5
        return Step(loss, ids, h1.numpy(), chance_loss=math.log(self.config.clusters),
                    metrics={"nmi": float(self.nmi[0])})
