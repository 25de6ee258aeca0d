"""DeepCluster: the labels are clusters of the features that the network itself has.

    before an epoch:  h = encoder(whole images), all of them
                      rows = unit(whiten(h)),  y = k-means(rows)
                      W, the head, begins anew
                      the epoch's order has as many images of each cluster
    in each step:     loss = 1/2 CE(W norm(encoder(x1)), y) + 1/2 CE(W norm(encoder(x2)), y)

Cluster 3 of one epoch is not that of the next, so W cannot be kept. There are two trivial solutions.
With all images in one cluster, any network is right: k-means leaves no cluster empty. With nearly
all of them in a few, only those are learned: the order is even over the clusters. `nmi`, the mutual
information with the clusters of the epoch before, says how stable they are: it rises where
something is learned.

The paper (AlexNet or VGG, 10,000 clusters of ImageNet, 256 directions) shows one view of an image
in an epoch, and trains W at a constant rate by an optimiser of its own. Here the loss is the mean of
two views, and the one optimiser forgets its state of W when W begins anew. The paper takes off the
last layer of a deep classifier and the ReLU before it, and clusters what is left; here W is all of
the classifier, on a batch norm of h, without which W learns next to nothing in an epoch of 78
steps. The first clusters are those of random weights with the running statistics they begin with; a
pass to measure these first made the clusters less like classes, not more.

The published code has an index wrong: the images lie in the order of their clusters, while its
sampler draws their original numbers. Images keep their labels, but clusters are not seen equally
often (in a replica the largest came 8 times as often as the mean). Here they are, give or take 1.

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
        self.encoder, self.config, self.data = encoder, config, data
        self.norm = BatchNorm(encoder.features)
        self.head = Linear(encoder.features, config.clusters, rng)
        self.assignment = np.full(len(data), -1, np.int64)  # image -> cluster; -1: none yet
        self.nmi = np.full(1, np.nan)  # with the clusters of the epoch before

    def ranges(self, images: int) -> dict[str, tuple[np.ndarray, int, int]]:
        """As `SupportSet.ranges`."""
        return {"assignment": (self.assignment, -1, self.config.clusters - 1)}

    def start_epoch(self, size: int, rng: np.random.Generator) -> tuple[np.ndarray, list[Tensor]]:
        """Cluster all images, draw the head anew, and order the images evenly over the clusters."""
        before, self.assignment = self.assignment, self.cluster(rng)
        if before[0] >= 0:
            self.nmi[0] = normalized_mutual_information(before, self.assignment)
        weight, bias = self.head.parameters()
        weight.data[...] = 0.01 * rng.standard_normal(weight.shape, np.float32)
        bias.data[...] = 0
        whole = size // self.config.batch_size * self.config.batch_size
        order = balanced_order(self.assignment, self.config.clusters, whole, rng)
        return order, [weight, bias]

    def cluster(self, rng: np.random.Generator) -> np.ndarray:
        """The cluster of each image (n,), by the encoder as it is now."""
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
