"""Evaluate frozen features: kNN, a linear probe, few labels, and clusters.

The result contains its baselines: chance, raw pixels, and the same encoder with random weights.
"""
import json
import time
from pathlib import Path

import numpy as np

from . import distributed, kernels
from .config import Config
from .datasets.dataset import Dataset
from .metrics.clusters import CLUSTERED, STARTS, cluster_agreement
from .metrics.few_labels import DRAWS, PROBE_DRAWS, few_label_accuracies, share_accuracy
from .metrics.knn import knn_accuracy
from .metrics.linear_probe import linear_accuracy
from .models import Encoder
from .models.encode import encode, pixels
from .nn import Module
from .storage import validate
from .storage.atomic import write_text
from .train.run import Run
from .train.run_dir import RESULT, expect_own

Accuracies = dict[str, float]
# the measures of a result, each with the two lines at the head of its column
MEASURES = {"knn": ("", "kNN"), "linear": ("", "linear"), "one_percent": ("1 % of", "labels"),
            "one_label": ("1 label", "a class"), "five_labels": ("5 labels", "1-NN"),
            "five_labels_means": ("5 labels", "means"), "kmeans_nmi": ("k-means", "NMI"),
            "kmeans_purity": ("k-means", "purity")}


class Evaluation(dict):
    """The result of `evaluate`: its MEASURES, "baselines", "protocol", ...; prints a table."""

    def __str__(self) -> str:
        chance = {**dict.fromkeys(MEASURES, self["protocol"]["chance"]), "kmeans_nmi": 0.0}
        rows = {"chance": chance, "raw pixels": self["baselines"]["pixels"],
                "random weights": self["baselines"]["random"], self["method"]: self}
        epochs = f"{self['epochs']} epoch{'' if self['epochs'] == 1 else 's'}"
        return "\n".join([table(rows), f"on test images of {self['dataset']}, after {epochs} "
                          f"({self['steps']} steps), seed {self['seed']}, last epoch"])

    __repr__ = __str__


def table(rows: dict[str, Accuracies]) -> str:
    """Text: a line for each row, a column for each measure."""
    lines = [["", *head] for head in zip(*MEASURES.values(), strict=True)]
    lines += [[name, *(f"{row[measure]:.1%}" for measure in MEASURES)]
              for name, row in rows.items()]
    first, *widths = (max(map(len, column)) for column in zip(*lines, strict=True))
    return "\n".join(" ".join([f"{name:<{first}} ", *(f"{cell:>{width}}" for cell, width
                                                    in zip(cells, widths, strict=True))])
                     for name, *cells in lines)


def evaluate(run: Run, train: Dataset, test: Dataset,
             baselines: dict[str, Accuracies] | None = None) -> Evaluation:
    """MEASURES of a run's encoder, fitted on train and measured on test.

    baselines: the result of `baseline_accuracies`, if it has been computed.

    >>> import tinynnclr as tn
    >>> train, test = (part.take(64) for part in tn.datasets.load("toybox", train_size=64))
    >>> run = tn.fit(tn.NNCLR.Config(width=2, queue_size=16), train, epochs=1, batch_size=32)
    >>> sorted(tn.evaluate(run, train, test)["baselines"])
    ['pixels', 'random']
    """
    for name, value, kind in (("run", run, Run), ("train", train, Dataset),
                              ("test", test, Dataset)):
        if not isinstance(value, kind):
            raise ValueError(f"{name}: expected a {kind.__name__}, got {type(value).__name__}")
    for name, data in (("train", train), ("test", test)):
        if len(data) < 2:
            raise ValueError(f"{name}: expected at least 2 images, got {len(data)}")
    if test.images.shape[1:] != train.images.shape[1:]:
        raise ValueError(f"test: expected images of {train.images.shape[1:]}, as those of train, "
                         f"got {test.images.shape[1:]}")
    if test.class_names != train.class_names:
        raise ValueError(f"test: expected the classes of train, {train.class_names}, got "
                         f"{test.class_names}")
    config = run.config
    accuracies = encoder_accuracies(config, run.encoder, train, test)
    return Evaluation({"method": config.method, "dataset": config.dataset, "seed": config.seed,
                       "epochs": run.epoch, "steps": run.step,
                       "encoder": f"{config.encoder}, width {config.width}",
                       "parameters": run.encoder.num_parameters(), **accuracies,
                       "baselines": baselines or baseline_accuracies(config, train, test),
                       "protocol": protocol(config, train, test)})


def protocol(config: Config, train: Dataset, test: Dataset) -> dict:
    """The description of the numbers of `evaluate`, stored beside them."""
    return {"features": "encoder output h, frozen, evaluation mode",
            "fitted_on": f"train, {len(train)} images", "measured_on": f"test, {len(test)} images",
            "selection": "last epoch, nothing chosen on test",
            "knn": f"cosine of centred features, k={config.knn_k}, votes exp(similarity / "
            f"{config.knn_temperature})", "linear": "softmax on standardised features, L-BFGS "
            f"until it converges, weight decay {config.probe_strength}",
            "few_labels": "labelled images drawn from train, equally many of each class; 1 % of "
            f"the labels, at least one a class: linear probe, mean over {PROBE_DRAWS} draws; 1 or "
            "5 labels a class: the labelled image (1-NN) or the class mean with the largest cosine "
            f"of centred features, mean over {DRAWS} draws",
            "clusters": f"k-means of at most {CLUSTERED} training images, features centred and of "
            "length 1, as many clusters as classes; each test image belongs to the nearest "
            f"centroid; NMI and purity, means over {STARTS} random starts",
            "chance": 1 / len(train.class_names)}


def feature_accuracies(config: Config, features: tuple[np.ndarray, np.ndarray], train: Dataset,
                       test: Dataset) -> Accuracies:
    """The MEASURES on the test set of (training, test) features (n, d)."""
    arguments = (features[0], train.labels, features[1], test.labels)
    clusters = min(len(train.class_names), len(train))
    numbers = (knn_accuracy(*arguments, config.knn_k, config.knn_temperature),
               linear_accuracy(*arguments, config.probe_strength),
               share_accuracy(*arguments, 0.01, config.probe_strength),
               few_label_accuracies(*arguments, 1)[0], *few_label_accuracies(*arguments, 5),
               *cluster_agreement(*features, test.labels, clusters))
    return {name: round(float(number), 4) for name, number
            in zip(MEASURES, numbers, strict=True)}


def encoder_accuracies(config: Config, encoder: Module, train: Dataset,
                       test: Dataset) -> Accuracies:
    """`feature_accuracies` of a frozen encoder's features."""
    features = encode(encoder, train.images), encode(encoder, test.images)
    return feature_accuracies(config, features, train, test)


def pixel_accuracies(config: Config, train: Dataset, test: Dataset) -> Accuracies:
    """`feature_accuracies` of the images themselves."""
    return feature_accuracies(config, (pixels(train.images), pixels(test.images)), train, test)


def baseline_accuracies(config: Config, train: Dataset, test: Dataset) -> dict[str, Accuracies]:
    """{"pixels", "random"}: accuracies of raw pixels, and of the encoder with random weights."""
    return {"pixels": pixel_accuracies(config, train, test),
            "random": encoder_accuracies(config, first_encoder(config), train, test)}


def first_encoder(config: Config) -> Encoder:
    """The encoder with the random weights of a run's first step."""
    weights, _ = np.random.SeedSequence(config.seed).spawn(2)
    return config.kind.make_encoder(config, np.random.default_rng(weights))


def evaluate_into(folder: Path, run: Run, data: tuple[Dataset, Dataset],
                  baselines: dict[str, Accuracies] | None = None) -> Evaluation:
    """`evaluate`, and result.json in the run's folder."""
    expect_own(folder, RESULT)
    started = time.perf_counter()
    result = evaluate(run, *data, baselines)
    speeds = [row["views_per_second"] for row in run.metrics] or [0.0]
    result.update({"seconds": round(run.seconds, 2), "views_per_second": float(np.median(speeds)),
                   "evaluation_seconds": round(time.perf_counter() - started, 2),
                   "threads": kernels.get_num_threads(), "ranks": distributed.size(),
                   "data": run.data, "target": kernels.target(), "config": run.config.to_dict()})
    write_text(folder / RESULT, json.dumps(result, indent=2) + "\n")
    return result


def read_result(folder: Path) -> Evaluation:
    """result.json of a run. Raises FileNotFoundError, or ValueError if it is damaged."""
    try:
        result = json.loads((folder / RESULT).read_text(encoding="utf-8"))
        validate.expect(result, validate.RESULT, RESULT)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{folder / RESULT} is damaged: delete it, and the run is evaluated again "
                         f"({error})") from None
    return Evaluation(result)
