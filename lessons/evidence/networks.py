"""Networks that lessons begin with: small NNCLR methods, trained on the toybox and stored in float16."""
from pathlib import Path

from tinynnclr.methods import make_config
from tinynnclr.datasets import load
from tinynnclr.metrics.knn import knn_accuracy
from tinynnclr.models.encode import encode
from support.stored import store, stored
from tinynnclr.train.run import Run
from tinynnclr.datasets.views import augmentation_pair
from tinynnclr.train.hooks import train_run

RESULTS = Path(__file__).parents[1] / "results"
SMALL = {"width": 8, "dim": 32, "projector_hidden": 64, "predictor_hidden": 64, "queue_size": 2048, "epochs": 8,
         "lr": 0.24, "seed": 12}


def network(name: str, **options) -> None:
    """Train NNCLR on the toybox, store it as name.npz, and print its kNN accuracy as it will be loaded."""
    config = make_config({**SMALL, **options})
    data, test = load("toybox", "data", train_size=20_000)
    run = Run(config, data)
    train_run(run, data, augmentation_pair(config.augmentation))
    size = store(RESULTS / f"{name}.npz", run.method, step=run.step)
    encoder = stored(RESULTS / f"{name}.npz").encoder
    found = knn_accuracy(encode(encoder, data.images), data.labels, encode(encoder, test.images), test.labels)
    print(f"{name}: {run.step} steps, {size / 1000:.0f} kB, kNN {found:.1%}")
