"""Lesson 14: what each bug costs, warm.npz trained on for two epochs with it, three seeds (needs warm.npz)."""
import json

import numpy as np
from networks import RESULTS

from tinynnclr.datasets import load
from tinynnclr.metrics.knn import knn_accuracy
from tinynnclr.models import TinyCNN
from tinynnclr.models.encode import encode
from support.stored import stored
from support.zoo import ZOO


def zoo(steps: int = 312, seeds: tuple[int, ...] = (0, 1, 2)) -> None:
    """Train warm.npz with each bug, and write kNN accuracies and final losses of all seeds as zoo.json."""
    data, test = load("toybox", "data", train_size=20_000)
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
