"""Transfer: what an encoder is worth on sets that it never learned from, frozen and fine-tuned."""
import dataclasses

import numpy as np

from ...metrics.linear_probe import linear_accuracy
from .context import EvalContext, EvalResult, Row
from .finetune import AUGMENTATION, BATCH, accuracy, fine_tune
from .frozen_features import STRENGTHS, VALIDATION, choose_strength, features
from .transfer_sets import other_sets

STEPS = 300  # of fine-tuning


def transfer(subject: EvalContext) -> EvalResult:
    """A linear classifier on frozen features, then fine-tuning, on each of the sets of
    `evaluate.others`.
    """
    sets, which = other_sets(subject.config, subject.to)
    seed, rows = subject.config.seed, []
    for name, (train, test) in sets.items():
        chance = 1 / len(train.class_names)
        for encoder, (a, b) in features(dataclasses.replace(subject, data=(train, test))).items():
            strength = choose_strength(a, train.labels, np.random.default_rng(seed))
            measured = linear_accuracy(a, train.labels, b, test.labels, strength)
            rows.append(_row(encoder, name, "frozen", measured, chance))
        for encoder, network in subject.encoders().items():
            measured = accuracy(fine_tune(subject.config, network, train, seed, STEPS), test)
            rows.append(_row(encoder, name, "fine-tuned", measured, chance))
    return EvalResult(rows, f"{which} Fitted on training images only, measured on test images. "
                      "Frozen: softmax on standardised features by L-BFGS, its weight decay "
                      f"chosen from {', '.join(f'{s:g}' for s in STRENGTHS)} on {VALIDATION:.0%} "
                      "of the training images. Fine-tuned: encoder and linear layer together, "
                      f"about {STEPS} steps of SGD at batch {BATCH}, views {AUGMENTATION}, nothing "
                      "chosen; that of random weights is training from scratch.")


def _row(encoder, to, how, measured, chance) -> Row:
    return {"encoder": encoder, "to": to, "how": how, "accuracy": measured, "chance": chance}
