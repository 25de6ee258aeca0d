"""How good is a representation? Frozen features, judged by their neighbours and by a linear classifier.

Every number comes with its two floors: the raw pixels, and the same encoder at its random first weights.
"""
import numpy as np

from ..config import Config
from ..datasets.dataset import Dataset
from ..models.features import encode, pixels
from ..nn import Module
from .knn import knn_accuracy
from .linear import linear_accuracy


def protocol(config: Config, train: Dataset, test: Dataset) -> dict:
    """What the numbers of `evaluate` mean, to be stored beside them."""
    return {"features": "encoder output h, frozen, evaluation mode", "fitted_on": f"train, {len(train)} images",
            "measured_on": f"test, {len(test)} images", "selection": "last epoch, nothing chosen on test",
            "knn": f"cosine of centred features, k={config.knn_k}, votes exp(similarity / {config.knn_temperature})",
            "linear": f"softmax on standardised features, L-BFGS until it converges, weight decay "
                      f"{config.probe_strength}",
            "chance": 1 / len(train.class_names)}


def judge(config: Config, features: tuple[np.ndarray, np.ndarray], train: Dataset, test: Dataset) -> dict[str, float]:
    """{"knn", "linear"}: accuracies on the test set of (training, test) features (n, d)."""
    arguments = (features[0], train.labels, features[1], test.labels)
    return {"knn": round(knn_accuracy(*arguments, config.knn_k, config.knn_temperature), 4),
            "linear": round(linear_accuracy(*arguments, config.probe_strength), 4)}


def judge_encoder(config: Config, encoder: Module, train: Dataset, test: Dataset) -> dict[str, float]:
    """`judge` of a frozen encoder's features."""
    return judge(config, (encode(encoder, train.images), encode(encoder, test.images)), train, test)


def judge_pixels(config: Config, train: Dataset, test: Dataset) -> dict[str, float]:
    """`judge` of the images themselves."""
    return judge(config, (pixels(train.images), pixels(test.images)), train, test)
