"""Instance discrimination (IR): every image is a class of its own, and a memory bank holds the
classes' weights.

    z = head(encoder(x)) / |.|,    loss = -log( exp(z . v_i / t) / sum_j exp(z . v_j / t) ),
    then v_i <- m v_i + (1 - m) z, scaled to length 1

v_j is the row of image j: its embedding from the last time that it came by. One view a step: the
positive is the image itself, an epoch ago. The row moves once a step, after the weights.
`--bank-loss` is the softmax over all images, over some that are drawn, or the paper's
noise-contrastive estimation, whose constant Z is soon wrong (`drift` in metrics.csv); `--negatives`
keeps to near ones (negatives.py). The head is one linear layer, without a batch norm, so the
embeddings all begin in nearly the same direction: by SGD at the rate of the other methods they
never leave it in a short run, by AdamW they do. The paper has SGD, m = 0.5 and 200 epochs; the
defaults here are for eight. Source: Wu et al. 2018, "Unsupervised feature learning via
non-parametric instance discrimination" (arXiv 1805.01978).
"""
from dataclasses import dataclass

import numpy as np

from .. import distributed
from ..config import Config as RunConfig
from ..config import with_default
from ..datasets.dataset import Dataset
from ..models import Encoder, linear_head
from ..tensor import Tensor
from .bank_loss import BankConfig, BankLoss
from .memory_bank import MemoryBank
from .method import Method
from .negatives import NegativesConfig


class InstanceDiscrimination(Method):
    """Encoder, one linear layer, and a row for each image of `data`."""

    name = "instance_discrimination"

    @dataclass(frozen=True)
    class Config(RunConfig, BankConfig, NegativesConfig):
        """The options of instance discrimination."""

        optimizer: str = with_default(RunConfig, "optimizer", "adamw")
        lr: float | None = with_default(RunConfig, "lr", 0.002)

    def __init__(self, encoder: Encoder, config, rng: np.random.Generator, data: Dataset):
        self.encoder = encoder
        self.head = linear_head(encoder.features, config.dim, rng, config.head_norm)
        self.bank = MemoryBank(len(data), config.dim, config.bank_momentum, rng)
        self.bank_loss = BankLoss(config, self.bank)
        self.pending: tuple = ()  # what after_step needs of the last loss: z, ids

    def start(self, total_steps: int) -> None:
        """The negatives may become nearer over the run."""
        self.bank_loss.negatives.start(total_steps)

    def loss(self, x1: np.ndarray, x2: np.ndarray, ids: np.ndarray) -> Tensor:
        """The loss of view 1 (b, h, w, 3) of the samples `ids` (b,); view 2 is not looked at."""
        z = self.head(self.encoder(x1))
        self.pending = z.numpy(), ids
        return self.bank_loss(z, self.bank, ids)

    def guess(self) -> float | None:
        """ln(n): one of n images is right."""
        return self.bank_loss.guess()

    def after_step(self) -> dict:
        """Move the rows of the step's images, once."""
        z, ids = self.pending
        self.bank.update(distributed.all_gather(z), distributed.all_gather(ids))
        self.bank_loss.step += 1
        self.pending = ()
        return {"z": z, "drift": self.bank_loss.drift}
