"""What the lessons do not train while you wait: `python lessons/evidence.py` makes all of lessons/results again.

warm.npz     a small NNCLR network (width 8) after three epochs without neighbours: where lesson 12 begins
trained.npz  the same network at the end of eight epochs, neighbours in the second half: where it ends
alone.npz    the control of lesson 12: the same eight epochs, neighbours off to the end
"""
import sys
from pathlib import Path

from tinynnclr.config import Config
from tinynnclr.datasets import load
from tinynnclr.evaluate.knn import knn_accuracy
from tinynnclr.models.features import encode
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


EVIDENCE = {
    "warm": lambda: network("warm", epochs=3, neighbors=False),
    "trained": lambda: network("trained"),
    "alone": lambda: network("alone", neighbors=False),
}

if __name__ == "__main__":
    RESULTS.mkdir(exist_ok=True)
    for name in sys.argv[1:] or EVIDENCE:
        EVIDENCE[name]()
