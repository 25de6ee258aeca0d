"""What the lessons do not train while you wait: `python lessons/evidence.py` makes all of lessons/results again.

warm.npz     a small NNCLR network (width 8) after three epochs without neighbours: where lesson 12 begins
trained.npz  the same network at the end of eight epochs, neighbours in the second half: where it ends
zoo.json     what each bug of lesson 14 costs: warm.npz trained on for two epochs with it, three seeds (needs warm.npz)
"""
import json
import sys
from pathlib import Path

import numpy as np

from tinynnclr.config import Config
from tinynnclr.datasets import load
from tinynnclr.evaluate.knn import knn_accuracy
from tinynnclr.models import TinyCNN
from tinynnclr.models.features import encode
from tinynnclr.teach.stored import store, stored
from tinynnclr.teach.zoo import ZOO
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


def zoo(steps: int = 312, seeds: tuple[int, ...] = (0, 1, 2)) -> None:
    """Train warm.npz with each bug, and write kNN accuracies and final losses of all seeds as zoo.json."""
    data, test = load("toybox", "data")
    bank = data.take(5000)

    def knn(encode_, a, b):
        return knn_accuracy(encode_(bank.images[a]), bank.labels[a], encode_(test.images[b]), test.labels[b])

    def untrained(seed):
        encoder = TinyCNN(8, np.random.default_rng(seed))
        return knn(lambda images: encode(encoder, images), *mixed)

    mixed = np.arange(len(bank)), np.arange(len(test))  # as the toybox gives them: classes in a random order
    by_class = [np.argsort(d.labels, kind="stable") for d in (bank, test)]
    found: dict = {"steps": steps, "batch": 128, "queue": 1024, "seeds": seeds, "bank": len(bank), "test": len(test),
                   "warm": knn(lambda x: encode(stored(RESULTS / "warm.npz").encoder, x), *mixed),
                   "random": [untrained(seed) for seed in seeds], "knn": {}, "loss": {}}
    for name in ZOO:
        for seed in seeds if name != "company" else ():  # which trains like a healthy one: only its judging differs
            step = ZOO[name](stored(RESULTS / "warm.npz"), data.images, data.labels, seed=seed).fill()
            losses, _ = step.train(steps)
            found["loss"].setdefault(name, []).append(round(float(losses[-20:].mean()), 4))
            found["knn"].setdefault(name, []).append(knn(step.encode, *mixed))
            if name == "healthy":
                judge = ZOO["company"](step.method, data.images, data.labels)
                found["knn"].setdefault("company", []).append(knn(judge.encode, *mixed))
                found["knn"].setdefault("company, class by class", []).append(knn(judge.encode, *by_class))
        print(name, found["knn"][name], found["loss"].get(name), flush=True)
    (RESULTS / "zoo.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


EVIDENCE = {
    "warm": lambda: network("warm", epochs=3, neighbors=False),
    "trained": lambda: network("trained"),
    "zoo": zoo,
}

if __name__ == "__main__":
    RESULTS.mkdir(exist_ok=True)
    for name in sys.argv[1:] or EVIDENCE:
        EVIDENCE[name]()
