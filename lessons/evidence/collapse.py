"""Lesson 09: its short runs with five seeds, by the lesson's own cells: those that are tagged "evidence"."""
import json
from pathlib import Path
from typing import Any

import numpy as np
from networks import RESULTS

from tinynnclr.metrics.geometry import alignment, effective_rank, uniformity
from support.notebook import read_source


def cells(lesson: str, tag: str) -> dict[str, Any]:
    """What the cells of a lesson that carry the tag define, run in their order."""
    names: dict[str, Any] = {}
    for cell in read_source(Path(__file__).parents[1] / "src" / f"{lesson}.py").cells:
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
