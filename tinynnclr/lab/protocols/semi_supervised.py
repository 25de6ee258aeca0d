"""Training with 1 % and 10 % of the labels: linear probe, fine-tuning, and from scratch."""
import dataclasses

import numpy as np

from ...config import Config
from ...datasets.dataset import Dataset
from ...kernels.engine.checks import plain_numbers
from ...metrics.linear_probe import linear_accuracy
from .context import EvalContext, EvalResult, Row
from .finetune import BATCH, STEPS, accuracy, fine_tune
from .frozen_features import STRENGTH_CHOICE, choose_strength

SHARES = (0.01, 0.1)  # labelled part of the training images
ENOUGH = 1000  # labels from which on a tenth of them can choose the probe's weight decay


@dataclasses.dataclass(frozen=True)
class SemiSupervisedResult(EvalResult):
    """Also the indices of the labelled training images: {"1 %": indices}."""

    label_lists: dict[str, list[int]] = dataclasses.field(default_factory=dict)

    def to_dict(self) -> dict:
        return {**super().to_dict(), "label_lists": self.label_lists}


def semi_supervised(context: EvalContext) -> SemiSupervisedResult:
    """Accuracy with few labels of probes, of fine-tuning, and of training from scratch."""
    (train, test), config = context.data, context.config
    rows: list[Row] = []
    label_lists: dict[str, list[int]] = {}
    for share in SHARES:
        labels = f"{100 * share:g} %"
        chosen = label_list(train.labels, share, config.seed)
        label_lists[labels] = chosen.tolist()
        few = Dataset(train.images[chosen], train.labels[chosen], train.class_names)
        for name, (a, b) in context.features(few, test).items():
            strength = probe_strength(a, few.labels, config)
            rows.append({"encoder": name, "labels": labels, "how": "frozen",
                         "accuracy": linear_accuracy(a, few.labels, b, test.labels, strength)})
        # without baselines there is no second encoder
        for (name, encoder), how in zip(context.encoders().items(),
                                        ("fine-tuned", "supervised from scratch"), strict=False):
            classifier = fine_tune(config, encoder, few, config.seed, STEPS, config.augmentation)
            rows.append({"encoder": name, "labels": labels, "how": how,
                         "accuracy": accuracy(classifier, test)})
    return SemiSupervisedResult(rows, _description(config, label_lists, test),
                                1 / len(train.class_names), label_lists)


@plain_numbers
def label_list(labels: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Sorted indices of the labelled images: share * n, balanced over classes (within one).

    Each class has at least one, and a class with too few images gives all it has. A smaller share
    is a part of a larger one with the same seed. Raises ValueError unless 0 < share <= 1.
    """
    if not 0 < share <= 1:
        raise ValueError(f"share: expected more than 0, at most 1, got {share}")
    order = np.random.default_rng(seed).permutation(len(labels))
    classes = [order[labels[order] == c] for c in np.unique(labels)]
    # in rounds, one image of each class
    rounds = [rows[i] for i in range(max(map(len, classes))) for rows in classes if i < len(rows)]
    return np.sort(rounds[:max(len(classes), round(share * len(labels)))])


def probe_strength(x: np.ndarray, labels: np.ndarray, config: Config) -> float:
    """Weight decay of the probe: chosen on a tenth of rows x (n, d), or the run's for few rows."""
    return (config.probe_strength if len(x) < ENOUGH else
            choose_strength(x, labels, np.random.default_rng(config.seed)))


def _description(config, label_lists, test):
    counts = " and ".join(f"{len(chosen)} ({share})" for share, chosen in label_lists.items())
    return (f"Labels of {counts} training images, balanced over classes, drawn with the run's "
            "seed; label_lists in the JSON file holds their indices. Frozen: softmax on "
            f"standardised features by L-BFGS, weight decay {config.probe_strength:g}; from "
            f"{ENOUGH} labels on it is chosen from {STRENGTH_CHOICE} them. Fine-tuned and "
            f"supervised from scratch: encoder and linear layer, about {STEPS} steps of SGD on "
            f"batches of at most {BATCH}, views {config.augmentation}, all settings the same; they "
            "were set once, on held-out training images. Measured on "
            f"{len(test)} test images after the last step.")
