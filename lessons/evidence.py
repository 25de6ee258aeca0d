"""What the lessons do not train while you wait: `python lessons/evidence.py` makes all of lessons/results again.

warm.npz     a small NNCLR network (width 8) after three epochs without neighbours: where lesson 12 begins
trained.npz  the same network at the end of eight epochs, neighbours in the second half: where it ends
deepcluster.json  lesson 17: four ways to find the clusters, three seeds each, six epochs of 3,000 pictures
"""
import json
import sys
from pathlib import Path

import numpy as np

from tinynnclr.config import Config
from tinynnclr.datasets import load
from tinynnclr.evaluate.knn import knn_accuracy
from tinynnclr.methods.clustering import normalized_mutual_information, pca_whiten
from tinynnclr.models import TinyCNN
from tinynnclr.models.features import encode
from tinynnclr.teach.exercises.lesson_17 import lloyd
from tinynnclr.teach.stored import store, stored
from tinynnclr.train import Run, augmentation_pair, train

RESULTS = Path(__file__).parent / "results"
SMALL = {"width": 8, "dim": 32, "projector_hidden": 64, "predictor_hidden": 64, "queue_size": 2048, "seed": 12}


def network(name: str, **knobs) -> None:
    """Train NNCLR on the toybox, store it as name.npz, and print its kNN accuracy as it will be loaded."""
    config = Config.of({**SMALL, **knobs})
    data, test = load("toybox", "data")
    run = Run(config, data)
    train(run, data, augmentation_pair(config.augmentation))
    size = store(RESULTS / f"{name}.npz", run.method, step=run.step)
    encoder = stored(RESULTS / f"{name}.npz").encoder
    found = knn_accuracy(encode(encoder, data.images), data.labels, encode(encoder, test.images), test.labels)
    print(f"{name}: {run.step} steps, {size / 1000:.0f} kB, kNN {found:.1%}")


CLUSTERINGS = {"package": {"whiten": True, "carry": False}, "raw": {"whiten": False, "carry": False},
               "carried, repair": {"whiten": False, "carry": True},
               "carried": {"whiten": False, "carry": True, "repair": False}}


def clusters() -> None:
    """Train DeepCluster by each of CLUSTERINGS and three seeds; store what became of the clusters, and kNN."""
    data, test = load("toybox", "data", train_size=3000)

    def knn(encoder):
        return knn_accuracy(encode(encoder, data.images), data.labels, encode(encoder, test.images), test.labels)

    found = {"random weights": [knn(TinyCNN(8, np.random.default_rng(seed))) for seed in range(3)]}
    for name, knobs in CLUSTERINGS.items():
        runs = [clustered(data, seed, **knobs) for seed in range(3)]
        found[name] = [{"nmi": nmi, "alive": alive, "knn": knn(encoder)} for nmi, alive, encoder in runs]
        print(name, found[name], flush=True)
    (RESULTS / "deepcluster.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def clustered(data, seed, whiten, carry, repair=True):
    """One run: the NMI with the epoch before, the clusters with a picture, epoch by epoch, and the encoder."""
    config = Config(method="deepcluster", width=8, epochs=6, batch_size=128, clusters=100, seed=seed)
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
    train(run, data, augmentation_pair(config.augmentation), progress=False)
    nmi = [round(normalized_mutual_information(a, b), 4) for a, b in zip(history, history[1:], strict=False)]
    return nmi, [len(np.unique(a)) for a in history], run.method.encoder


EVIDENCE = {
    "warm": lambda: network("warm", epochs=3, neighbors=False),
    "trained": lambda: network("trained"),
    "deepcluster": clusters,
}

if __name__ == "__main__":
    RESULTS.mkdir(exist_ok=True)
    for name in sys.argv[1:] or EVIDENCE:
        EVIDENCE[name]()
