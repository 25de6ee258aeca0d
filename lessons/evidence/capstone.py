"""Lesson 19: six rules that choose positives, six seeds each, 100 steps from the warm network."""
import json

import numpy as np
from networks import RESULTS

from tinynnclr.methods.nnclr import NNCLR
from support.capstone import RULES, knn, score
from support.stored import stored

DIGITS = {"knn": 4, "match": 4, "distance": 4, "choosing": 5, "seconds": 2}


def capstone(steps: int = 100, seeds: range = range(6)) -> None:
    """Score every rule on the same seeds; with the kNN of the warm network and of random weights, to capstone.json."""
    warm = stored(RESULTS / "warm.npz")
    fresh = [NNCLR(NNCLR.make_encoder(warm.config, rng), warm.config, rng) for rng in map(np.random.default_rng, seeds)]
    found = {"random weights": [round(knn(method), 4) for method in fresh], "warm": round(knn(warm), 4), "rules": {}}
    for name, choose in RULES.items():
        rows = score(choose, seeds, steps, str(RESULTS / "warm.npz"))
        found["rules"][name] = [{key: round(value, DIGITS.get(key, 0)) for key, value in row.items()} for row in rows]
        print(name, [row["knn"] for row in found["rules"][name]], flush=True)
    (RESULTS / "capstone.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
