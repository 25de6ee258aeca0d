"""Instance discrimination (IR): every image is a class of its own.

    z = head(encoder(x)) / |.|,    loss = -log( exp(z . v_i / t) / sum_j exp(z . v_j / t) ),
    then v_i <- m v_i + (1 - m) z, scaled to length 1

v_j is the row of image j in a memory bank: its embedding from the previous epoch, which is the
positive. A step has one view of each image, and updates its row after the weights. `--bank-loss` is
the softmax over all images, over some that are drawn, or the paper's noise-contrastive estimation,
whose constant Z is soon wrong (`drift` in metrics.csv); `--negatives` selects near ones
(negatives.py). The head is one linear layer without batch norm, so all embeddings have nearly the
same direction at first: in a short run, AdamW changes that, SGD at the learning rate of the other
methods does not. The paper has SGD, m = 0.5 and 200 epochs; the defaults here are for eight.
Source: Wu et al. 2018, "Unsupervised feature learning via non-parametric instance discrimination"
(arXiv 1805.01978).
"""
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .. import distributed
from ..config import Config as RunConfig
from ..config import with_default
from ..datasets.dataset import Dataset
from ..models import Encoder, linear_head
from .bank_loss import BankConfig, BankLoss
from .memory_bank import MemoryBank
from .method import START, Method, Progress, Step
from .negatives import NegativesConfig


class InstanceDiscrimination(Method):
    """Encoder, one linear layer, and a row for each image of `data`."""

    name = "instance_discrimination"
    n_views = 1

    @dataclass(frozen=True)
    class Config(RunConfig, BankConfig, NegativesConfig):
        """The options of instance discrimination."""

        optimizer: str = with_default(RunConfig, "optimizer", "adamw")
        lr: float = with_default(RunConfig, "lr", 0.002)

    def __init__(self, encoder: Encoder, config, rng: np.random.Generator, data: Dataset):
        self.encoder = encoder
        self.head = linear_head(encoder.features, config.dim, rng, config.head_norm)
        self.bank = MemoryBank(len(data), config.dim, config.bank_momentum, rng)
        self.bank_loss = BankLoss(config, self.bank)

    def forward(self, views: Sequence[np.ndarray], ids: np.ndarray,
                progress: Progress = START) -> Step:
        """The loss of one view (b, h, w, 3) of the samples `ids` (b,)."""
        z = self.head(self.encoder(views[0]))
        loss, chance_loss, drift = self.bank_loss(z, self.bank, ids, progress)
        return Step(loss, ids, z.numpy(), keys=(z.numpy(),), chance_loss=chance_loss,
                    metrics={"drift": drift})

    def after_step(self, step: Step) -> None:
        """Update the rows of the step's images."""
        self.bank.update(distributed.all_gather(step.keys[0]), distributed.all_gather(step.ids))
