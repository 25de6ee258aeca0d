"""Lesson 17: four ways to find DeepCluster's clusters, three seeds each, six epochs of 3,000 pictures."""
import json

import numpy as np
from networks import RESULTS

from tinynnclr.methods import DeepCluster
from tinynnclr.datasets import load
from tinynnclr.metrics.knn import knn_accuracy
from tinynnclr.metrics.nmi import normalized_mutual_information
from tinynnclr.methods.clustering import pca_whiten
from tinynnclr.models import TinyCNN
from tinynnclr.models.encode import encode
from support.exercises.lesson_17 import lloyd
from tinynnclr.train.run import Run
from tinynnclr.datasets.views import augmentation_pair
from tinynnclr.train.hooks import train_run

CLUSTERINGS = {"package": {"whiten": True, "carry": False}, "raw": {"whiten": False, "carry": False},
               "carried, repair": {"whiten": False, "carry": True},
               "carried": {"whiten": False, "carry": True, "repair": False}}


def clusters() -> None:
    """Train DeepCluster by each of CLUSTERINGS and three seeds; store what became of the clusters, and kNN."""
    data, test = load("toybox", "data", train_size=3000)

    def knn(encoder):
        return knn_accuracy(encode(encoder, data.images), data.labels, encode(encoder, test.images), test.labels)

    found = {"random weights": [knn(TinyCNN(8, np.random.default_rng(seed))) for seed in range(3)]}
    for name, options in CLUSTERINGS.items():
        runs = [clustered(data, seed, **options) for seed in range(3)]
        found[name] = [{"nmi": nmi, "alive": alive, "knn": knn(encoder)} for nmi, alive, encoder in runs]
        print(name, found[name], flush=True)
    (RESULTS / "deepcluster.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def clustered(data, seed, whiten, carry, repair=True):
    """One run: the NMI with the epoch before, the clusters with a picture, epoch by epoch, and the encoder."""
    config = DeepCluster.Config(width=8, epochs=6, batch_size=128, lr=0.24, clusters=100, seed=seed)
    run, centroids, history = Run(config, data), None, []

    def cluster(rng):
        nonlocal centroids
        h = encode(run.method.encoder, data.images)
        rows = (pca_whiten(h, config.pca) if whiten else h).astype(np.float64)
        if centroids is None or not carry:
            centroids = rows[rng.choice(len(rows), config.clusters, replace=False)]
        centroids, assignment = lloyd(rows, centroids, config.kmeans_steps, repair)
        history.append(assignment)
        return assignment

    run.method.cluster = cluster
    train_run(run, data, augmentation_pair(config.augmentation), progress=False)
    nmi = [round(normalized_mutual_information(a, b), 4) for a, b in zip(history, history[1:], strict=False)]
    return nmi, [len(np.unique(a)) for a in history], run.method.encoder
