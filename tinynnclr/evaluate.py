"""How good is a representation? Frozen features, judged by their neighbours and by a linear
classifier.

Every number comes with its two floors: the raw pixels, and the same encoder at its random first
weights.
"""
import json
import time
from pathlib import Path

import numpy as np

from . import distributed, kernels
from .config import Config
from .datasets.dataset import Dataset
from .metrics.knn import knn_accuracy
from .metrics.linear_probe import linear_accuracy
from .models.encode import encode, pixels
from .nn import Module
from .storage.atomic import write_text
from .storage.validate import RESULT as RESULT_FIELDS
from .storage.validate import expect
from .train.run import Run
from .train.run_dir import RESULT, expect_own


def protocol(config: Config, train: Dataset, test: Dataset) -> dict:
    """What the numbers of `evaluate` mean, to be stored beside them."""
    return {"features": "encoder output h, frozen, evaluation mode",
            "fitted_on": f"train, {len(train)} images", "measured_on": f"test, {len(test)} images",
            "selection": "last epoch, nothing chosen on test",
            "knn": f"cosine of centred features, k={config.knn_k}, votes exp(similarity / "
            f"{config.knn_temperature})", "linear": "softmax on standardised features, L-BFGS "
            f"until it converges, weight decay {config.probe_strength}",
            "chance": 1 / len(train.class_names)}


def judge(config: Config, features: tuple[np.ndarray, np.ndarray], train: Dataset,
          test: Dataset) -> dict[str, float]:
    """{"knn", "linear"}: accuracies on the test set of (training, test) features (n, d)."""
    arguments = (features[0], train.labels, features[1], test.labels)
    return {"knn": round(knn_accuracy(*arguments, config.knn_k, config.knn_temperature), 4),
            "linear": round(linear_accuracy(*arguments, config.probe_strength), 4)}


def judge_encoder(config: Config, encoder: Module, train: Dataset, test: Dataset) -> dict[str,
                                                                                          float]:
    """`judge` of a frozen encoder's features."""
    return judge(config, (encode(encoder, train.images), encode(encoder, test.images)), train, test)


def judge_pixels(config: Config, train: Dataset, test: Dataset) -> dict[str, float]:
    """`judge` of the images themselves."""
    return judge(config, (pixels(train.images), pixels(test.images)), train, test)


def judge_floors(config: Config, data: tuple[Dataset, Dataset]) -> dict[str, dict[str, float]]:
    """{"pixels", "random"}: what a run is measured against: pixels, and the encoder at its first,
    random weights.
    """
    # the same seed gives the weights that the run began with
    first = Run(config, data[0]).method.encoder
    return {"pixels": judge_pixels(config, *data), "random": judge_encoder(config, first, *data)}


def evaluate_into(folder: Path, run: Run, data: tuple[Dataset, Dataset],
                  floors: dict[str, dict[str, float]] | None = None) -> dict:
    """result.json: kNN and linear probe of the encoder, beside its floors (those of `judge_floors`,
    if none come).
    """
    expect_own(folder, RESULT)
    config, started = run.config, time.perf_counter()
    found, floors = judge_encoder(config, run.method.encoder, *data), floors or judge_floors(config,
                                                                                             data)
    speeds = [row["views_per_second"] for row in run.metrics] or [0.0]
    result = {"method": config.method, "dataset": config.dataset, "seed": config.seed,
              "epochs": run.epoch, "steps": run.step, "encoder": f"{config.encoder}, width "
              f"{config.width}", "parameters": run.method.encoder.num_parameters(),
              "seconds": round(run.seconds, 2), "views_per_second": float(np.median(speeds)),
              **found, "baselines": floors, "protocol": protocol(config, *data),
              "evaluation_seconds": round(time.perf_counter() - started, 2),
              "threads": kernels.get_num_threads(), "ranks": distributed.size(), "data": run.data,
              "target": kernels.target(), "config": config.to_dict()}
    write_text(folder / RESULT, json.dumps(result, indent=2) + "\n")
    return result


def read_result(folder: Path) -> dict:
    """result.json as `evaluate_into` wrote it. Raises FileNotFoundError, or ValueError where it was
    changed since.
    """
    try:
        result = json.loads((folder / RESULT).read_text(encoding="utf-8"))
        expect(result, RESULT_FIELDS, RESULT)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{folder / RESULT} is damaged: delete it, and the run is judged again "
                         f"({error})") from None
    return result


def table(result: dict) -> str:
    """The result as a few lines of text."""
    floors = result["baselines"]
    rows = [("", "kNN", "linear"), ("chance", *2 * (f"{result['protocol']['chance']:.1%}",)),
            *((name, f"{floors[key]['knn']:.1%}", f"{floors[key]['linear']:.1%}")
              for name, key in (("raw pixels", "pixels"), ("random weights", "random"))),
            (result["method"], f"{result['knn']:.1%}", f"{result['linear']:.1%}")]
    lines = [f"{name:<15} {knn:>7} {linear:>7}" for name, knn, linear in rows]
    return "\n".join([*lines, f"test accuracy on {result['dataset']} after {result['epochs']} "
                              f"epoch{'s' * (result['epochs'] != 1)} "
                              f"({result['steps']} steps), seed {result['seed']}, last epoch"])
