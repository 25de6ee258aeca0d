"""Few labels: 1 % and 10 % of them, for a probe of frozen features, for fine-tuning, and for
learning from scratch.
"""
import dataclasses

import numpy as np

from ...config import Config
from ...datasets.dataset import Dataset
from ...kernels.engine.checks import plain_numbers
from ...metrics.linear_probe import linear_accuracy
from .context import EvalContext, EvalResult, Row
from .finetune import BATCH, STEPS, accuracy, fine_tune
from .frozen_features import STRENGTHS, VALIDATION, choose_strength, features

SHARES = (0.01, 0.1)  # of the training images, those whose label is told
ENOUGH = 1000  # labels from which on a tenth of them can choose the probe's weight decay


@dataclasses.dataclass(frozen=True)
class SemiSupervisedResult(EvalResult):
    """Also which training images had labels: {"1 %": their indices}."""

    label_lists: dict[str, list[int]] = dataclasses.field(default_factory=dict)

    def to_dict(self) -> dict:
        return {**super().to_dict(), "label_lists": self.label_lists}


def semi(subject: EvalContext) -> SemiSupervisedResult:
    """The judged encoder and random weights, frozen and trained on, and raw pixels, with a share of
    the labels.
    """
    (train, test), config = subject.data, subject.config
    rows: list[Row] = []
    lists: dict[str, list[int]] = {}
    for share in SHARES:
        told, chosen = f"{100 * share:g} %", label_list(train.labels, share, config.seed)
        few = Dataset(train.images[chosen], train.labels[chosen], train.class_names)
        lists[told] = chosen.tolist()
        for name, (a, b) in features(dataclasses.replace(subject, data=(few, test))).items():
            strength = probe_strength(a, few.labels, config)
            rows.append({"encoder": name, "labels": told, "how": "frozen",
                         "accuracy": linear_accuracy(a, few.labels, b, test.labels, strength)})
        # no second one without floors
        for (name, encoder), how in zip(subject.encoders().items(),
                                        ("fine-tuned", "supervised from scratch"), strict=False):
            classifier = fine_tune(config, encoder, few, config.seed, STEPS, config.augmentation)
            rows.append({"encoder": name, "labels": told, "how": how,
                         "accuracy": accuracy(classifier, test)})
    return SemiSupervisedResult(rows, _rules(config, lists, test), 1 / len(train.class_names),
                                lists)


@plain_numbers
def label_list(labels: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Sorted indices of the images whose labels are told: share * n of them, every class as often,
    give or take one.

    Each class has at least one, and a class with too few images gives all it has. A smaller share
    is a part of a larger one with the same seed. Raises ValueError unless 0 < share <= 1.
    """
    if not 0 < share <= 1:
        raise ValueError(f"share: expected more than 0, at most 1, got {share}")
    order = np.random.default_rng(seed).permutation(len(labels))
    piles = [order[labels[order] == c] for c in np.unique(labels)]
    # a round: one of each
    dealt = [pile[i] for i in range(max(map(len, piles))) for pile in piles if i < len(pile)]
    return np.sort(dealt[:max(len(piles), round(share * len(labels)))])


def probe_strength(x: np.ndarray, labels: np.ndarray, config: Config) -> float:
    """Weight decay of the probe on labelled rows x (n, d): chosen on a tenth of them; the run's
    where they are few.
    """
    return (config.probe_strength if len(x) < ENOUGH else
            choose_strength(x, labels, np.random.default_rng(config.seed)))


def _rules(config, lists, test):
    counts = " and ".join(f"{len(chosen)} ({share})" for share, chosen in lists.items())
    return (f"Labels of {counts} training images, every class as often, drawn with the run's seed; "
            "label_lists in the JSON file names them. Frozen: softmax on standardised features by "
            f"L-BFGS, weight decay {config.probe_strength:g}; from {ENOUGH} labels on it is chosen "
            f"from {', '.join(f'{s:g}' for s in STRENGTHS)} on {VALIDATION:.0%} of them. "
            f"Fine-tuned and supervised from scratch: encoder and linear layer, about {STEPS} "
            f"steps of SGD on batches of at most {BATCH}, views {config.augmentation}, all "
            "settings the same; they were set once, on training images kept apart. Measured on "
            f"{len(test)} test images after the last step.")
