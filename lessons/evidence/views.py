"""Lesson 07: a smaller training by SimCLR under four kinds of view, three seeds each."""
import json
from dataclasses import replace

import numpy as np
from networks import RESULTS

from tinynnclr.datasets import load
from tinynnclr.datasets.views import PRESETS, two_views
from tinynnclr.metrics.knn import knn_accuracy
from tinynnclr.methods.losses import nt_xent_loss
from tinynnclr.models import TinyCNN, projector
from tinynnclr.models.encode import encode
from tinynnclr.nn.optim import AdamW

TOYBOX = PRESETS["toybox"]
VIEWS = {"nothing": PRESETS["none"], "crop and flip": replace(TOYBOX, jitter=0, gray=0),
         "colour": replace(TOYBOX, crop_area=(1, 1), flip=0), "all": TOYBOX}


def views(steps: int = 120, batch: int = 128) -> None:
    """Train the same small network on each kind of view; kNN of its features before and after, to views.json."""
    data, test = load("toybox", "data", train_size=2000)

    def knn(encoder):
        return round(knn_accuracy(encode(encoder, data.images), data.labels,
                                  encode(encoder, test.images[:2000]), test.labels[:2000]), 4)

    rows = []
    for name, seed in ((name, seed) for name in VIEWS for seed in range(3)):
        rng = np.random.default_rng(seed)
        encoder = TinyCNN(8, rng)
        head = projector(encoder.features, hidden=64, dim=32, rng=rng)
        optimizer = AdamW(encoder.parameters() + head.parameters(), lr=0.003)
        row = {"views": name, "seed": seed, "steps": steps, "batch": batch, "random_weights": knn(encoder)}
        for _ in range(steps):
            x1, x2 = two_views(data.images, rng.choice(len(data), batch, replace=False), VIEWS[name], rng, 24)
            loss = nt_xent_loss(head(encoder(x1)), head(encoder(x2)), 0.2)
            for p in encoder.parameters() + head.parameters():
                p.grad = None
            loss.backward()
            optimizer.step()
        rows.append({**row, "loss": round(loss.item(), 3), "knn": knn(encoder)})
        print(rows[-1], flush=True)
    (RESULTS / "views.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
