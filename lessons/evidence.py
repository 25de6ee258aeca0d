"""What the lessons do not train while you wait: `python lessons/evidence.py` makes all of lessons/results again.

warm.npz     a small NNCLR network (width 8) after three epochs without neighbours: where lesson 12 begins
trained.npz  the same network at the end of eight epochs, neighbours in the second half: where it ends
collapse.json  lesson 09's short runs with five seeds, by the lesson's own cells: those that are tagged "evidence"
"""
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from tinynnclr.config import Config
from tinynnclr.datasets import load
from tinynnclr.evaluate.geometry import alignment, effective_rank, uniformity
from tinynnclr.evaluate.knn import knn_accuracy
from tinynnclr.models.features import encode
from tinynnclr.teach.notebook import read_source
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


def cells(lesson: str, tag: str) -> dict[str, Any]:
    """What the cells of a lesson that carry the tag define, run in their order."""
    names: dict[str, Any] = {}
    for cell in read_source(Path(__file__).parent / "src" / f"{lesson}.py").cells:
        if tag in cell.metadata.get("tags", []):
            exec(compile(cell.source, lesson, "exec"), names)
    return names


def collapse(seeds: int = 5) -> None:
    """Lesson 09's recipes, and one with gray views alone: curves (means of ten steps), exam, rank and kNN."""
    lesson = cells("09_collapse", "evidence")
    gray_only = lesson["replace"](lesson["full"], jitter=0.0)
    recipes = {**lesson["RECIPES"], "gray only": (gray_only, lesson["nt_xent"])}
    found: dict[str, Any] = {"random weights": [], "runs": {name: [] for name in recipes}}

    def tens(values):
        return np.reshape(values, (-1, 10)).mean(axis=1).round(4).tolist()

    for seed in range(seeds):
        found["random weights"].append(round(lesson["knn"](lesson["network"](seed)[0]), 4))
        for name, recipe in recipes.items():
            encoder, head, losses, z = lesson["train"](*recipe, seed=seed)
            knn = lesson["knn"](encoder)  # first: the exam moves the running statistics of batch norm
            a, u, rows = lesson["exam"](encoder, head)
            found["runs"][name].append({
                "seed": seed, "knn": round(knn, 4), "exam": round(a, 4), "exam_uniformity": round(u, 4),
                "exam_rank": round(effective_rank(rows), 2), "loss": tens(losses),
                "alignment": tens([alignment(*pair) for pair in z]),
                "uniformity": tens([uniformity(np.concatenate(list(pair))) for pair in z])})
            print(f"collapse: seed {seed}, {name}: loss {losses[-10:].mean():.3f}, kNN {knn:.1%}, exam {a:.2f} {u:.2f}",
                  flush=True)
    (RESULTS / "collapse.json").write_text(json.dumps(found) + "\n", encoding="utf-8")


EVIDENCE = {
    "warm": lambda: network("warm", epochs=3, neighbors=False),
    "trained": lambda: network("trained"),
    "collapse": collapse,
}

if __name__ == "__main__":
    RESULTS.mkdir(exist_ok=True)
    for name in sys.argv[1:] or EVIDENCE:
        EVIDENCE[name]()
